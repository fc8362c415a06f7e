"""Segments are found in other shops, too, and go on from run to run."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from running import (
    BENCHMARK_DATA,
    OF_A_FOREST,
    SMALL,
    compare_with_forest,
    frame,
    query,
    with_kmeans_alone,
    without_docs,
    write_sample,
)

from warehouse import recalling, segmentation, snapshots, stages
from warehouse.connection import open_work
from warehouse.home import Home
from warehouse.model_store import model_path

pytestmark = [
    pytest.mark.long,  # two homes of its own; each part is tested by itself, too
    pytest.mark.usefixtures("without_data_tests"),
]

KIOSK = {
    "adapter": "generic",
    "kind": "events",
    "columns": {
        "user_id": "user",
        "event_name": "event",
        "occurred_at": "at",
        "device_type": "device",
    },
}
NEWCOMERS = [
    {"user": "phoning", "at": "2025-04-29 10:00:00", "device": "mobile"},
    {"user": "sitting", "at": "2025-04-28 10:00:00", "device": "desktop"},
    {"user": "returning", "at": "2025-04-28 10:00:00", "device": "mobile"},
    {"user": "returning", "at": "2025-04-29 10:00:00", "device": "mobile"},
]
PROVISIONAL = {"phoning", "sitting"}


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory, without_data_tests: None) -> Home:
    """A home that has published another made-up shop, of six archetypes."""
    if not BENCHMARK_DATA.exists():
        pytest.skip("the generator of another made-up shop is not here")
    home = Home.at(tmp_path_factory.mktemp("made_up"))
    subprocess.run(
        [
            *(sys.executable, BENCHMARK_DATA, "--users", "600"),
            *("--format", "parquet", "--out", home.root),
        ],
        check=True,
        capture_output=True,
    )
    without_docs(home)
    stages.run(home)
    return home


def test_archetypes_of_another_shop_are_found(made_up: Home, record_property):
    planted = duckdb.read_parquet(f"{made_up.root}/truth/users.parquet").df()

    found, learnt = compare_with_forest(
        made_up, planted.set_index("user_id")["archetype"], record_property
    )

    assert found >= OF_A_FOREST * learnt
    assert learnt > 0.8


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory, without_data_tests: None) -> Home:
    """A home with three snapshots.

    The first is of three months. To the second a month and newcomers are added, and
    the model stays; in the third there is a new one for the same persons.
    """
    home = Home.at(tmp_path_factory.mktemp("grown"))
    write_sample(home.root, **SMALL)
    with_kmeans_alone(home, most_segments=10)
    without_docs(home)
    late = {
        path: path.rename(home.root / f"{number}-{path.name}")
        for number, path in enumerate(sorted(home.inbox.rglob("*2025-0[45]*")))
    }
    stages.run(home)
    for path, aside in late.items():
        aside.rename(path)
    kiosk = home.inbox / "kiosk"
    kiosk.mkdir()
    (kiosk / "source.yml").write_text(json.dumps(KIOSK))
    lines = [json.dumps({"event": "product_view"} | visit) for visit in NEWCOMERS]
    (kiosk / "april.jsonl").write_text("\n".join(lines))
    stages.run(home)
    stages.segment(home, train=True)
    stages.publish(home)
    return home


@pytest.fixture(scope="module")
def segments(grown: Home) -> list[pd.DataFrame]:
    """List who was in which segment, by snapshot and `user_id`."""
    assert snapshots.versions(grown) == [1, 2, 3]
    return [
        frame(
            grown,
            "select * from segments.user_segments "
            "join segments.user_assignments using (user_id, segment_id)",
            version=version,
        ).set_index("user_id")
        for version in (1, 2, 3)
    ]


def test_newcomers_are_provisional_until_there_is_more_to_go_by(segments):
    early, late, last = segments
    new_before = early.index[early["is_provisional"]]
    for assigned in (late, last):
        new = assigned[assigned["is_provisional"]]
        assert set(new.index) == PROVISIONAL
        assert new["distance"].isna().all()
        assert new["confidence"].between(0, 1, inclusive="neither").all()
        settled = assigned[~assigned["is_provisional"]]
        assert settled["distance"].notna().all()
        assert "returning" in settled.index

    assert len(new_before) > 0
    assert not late.loc[late.index.intersection(new_before), "is_provisional"].any()


def test_between_fits_the_model_stays_and_rows_tell_who_changed(segments):
    early, late, last = segments
    told = ["segment_id", "segment_name", "model_version", "is_provisional"]
    both = early.index.intersection(late.index)
    is_same = (early.loc[both, told] == late.loc[both, told]).all(axis=1)
    versions = [set(assigned["model_version"]) for assigned in segments]

    assert versions[0] == versions[1]
    assert versions[0].isdisjoint(versions[2])
    assert 0 < is_same.sum() < len(both)
    is_kept = early.loc[both, "updated_at"] == late.loc[both, "updated_at"]
    assert is_kept.equals(is_same)
    assert (last["updated_at"] == last["updated_at"].max()).all()
    is_there = late.loc[last.index, "segment_id"] == last["segment_id"]
    has_stayed = late.loc[last.index, "entered_at"] == last["entered_at"]
    assert has_stayed[is_there].all()


def test_segments_of_a_refit_keep_id_and_name_or_have_a_successor(
    grown: Home, segments
):
    _, late, last = segments
    successors = frame(grown, "from segments.segment_successors").set_index(
        "segment_id"
    )
    kept = successors.index[successors["kind"] == "kept"]
    name_of = [each.groupby("segment_id")["segment_name"].first() for each in segments]
    went = pd.crosstab(late["segment_id"], last["segment_id"].reindex(late.index))

    assert set(successors.index) == set(late["segment_id"])
    assert set(kept) == set(late["segment_id"]) & set(last["segment_id"])
    assert len(kept) >= 5
    assert name_of[2][kept].equals(name_of[1][kept])
    for segment_id, successor_id in successors["successor_id"].items():
        n_shared = went.loc[segment_id, successor_id]
        assert n_shared == successors.loc[segment_id, "n_shared"]
        assert n_shared > went.loc[segment_id].sum() / 2
    assert set(successors["run_id"]) == {"run_000003"}
    assert query(
        grown,
        "select run_id, is_current from segments.segment_models order by run_id",
    ) == [("run_000001", False), ("run_000003", True)]
    assert (
        query(
            grown,
            "select verdict from ops.checks where check_name = 'segments_kept' "
            "order by run_id",
        )
        == [("passed",)] * 3
    )


def test_where_a_model_was_tampered_with_the_last_good_one_serves(
    grown: Home, segments, tmp_path: Path
):
    home = Home.at(tmp_path / "copy")
    shutil.copytree(grown.root, home.root, symlinks=True)
    rows = query(
        home,
        "select model_version, sha256 from segments.segment_models order by run_id",
    )
    (good, _), tampered = rows
    file = model_path(home, *tampered)
    file.write_bytes(b"of another")
    seal = hashlib.sha256(b"of another").hexdigest()
    file.with_suffix(".sha256").write_text(seal)

    with open_work(home) as connection:
        recalling.remember_previous(connection, home)
        found = segmentation.segment_persons(connection, home)
        assigned = connection.execute("from ml.user_segments").df().set_index("user_id")

    (refusal,) = found.refusals
    assert "fitted by run_000003, is refused" in refusal
    assert not found.was_trained
    assert found.message.endswith(f"earlier model, {good}, the last good one")
    by_it = segments[1]["segment_id"]  # as of the same day
    assert assigned.loc[by_it.index, "segment_id"].equals(by_it)
