"""Whatever disturbs a run, readers see what they should and tables stay the same."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result
from running import (
    ROOT,
    SMALL,
    fingerprints,
    query,
    query_built,
    refuse_loss,
    run_tessera,
    tables_hashed,
    with_kmeans_alone,
    without_docs,
    write_sample,
)

from warehouse import ledger, recalling, segmentation, snapshots, stages, transform
from warehouse.cli import main
from warehouse.connection import open_snapshot, open_work
from warehouse.errors import TesseraError
from warehouse.home import Home, writer_lock

pytestmark = pytest.mark.usefixtures("without_data_tests")

SESSIONS_BUILT = "select count(*) from intermediate.int_events_sessionized"

# What is told of everything a second time, later.
TOLD_AGAIN = {
    "events": """
        case when is_same then event_id else event_id || '-later' end as event_id,
        someone as user_id,
        address as email_hash,
        10 * price as price,
        'later' as category,
        'tablet' as device_type,
        later as occurred_at,
        timestamp '2000-01-01' as received_at
    """,
    "order_lines": """
        someone as user_id,
        10 * unit_price as unit_price,
        -quantity as quantity,
        true as is_cancelled,
        later as ordered_at
    """,
    "users": """
        address as email_hash,
        'FR' as country,
        case when is_same then signed_up_at else later end as signed_up_at,
        case when is_same then later end as updated_at
    """,
    "consents": "'denied' as decision, later as decided_at",
    "surveys": "someone as user_id, later as answered_at",
}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def modes(folder: Path) -> set[int]:
    """List the permissions that there are in a folder."""
    paths = [path for path in folder.rglob("*") if not path.is_symlink()]
    return {stat.S_IMODE(path.stat().st_mode) for path in [folder, *paths]}


def test_running_again_changes_nothing(small_sample: Home):
    before = sha256(small_sample.current), os.readlink(small_sample.current)

    results = stages.run(small_sample)

    assert [result.stage for result in results] == ["load"]
    assert not results[0].changed
    assert (sha256(small_sample.current), os.readlink(small_sample.current)) == before
    assert snapshots.versions(small_sample) == [1]


@pytest.mark.long
def test_an_analyst_reads_on_while_a_run_publishes(small_sample: Home):
    finished = threading.Event()
    seen: list[tuple] = []
    faults: list[Exception] = []
    question = (
        "select (select count(*) from marts.users), "
        "(select count(*) from segments.user_segments), "
        "(select max(snapshot_version) from ops.runs)"
    )

    def read_on() -> None:
        while not finished.is_set():
            try:
                seen.extend(query(small_sample, question))
            except Exception as error:
                faults.append(error)

    with open_snapshot(small_sample.current) as early_reader:
        before = early_reader.execute(question).fetchall()
        reader = threading.Thread(target=read_on)
        reader.start()
        stages.run(small_sample, full_refresh=True)
        finished.set()
        reader.join()
        after = query(small_sample, question)
        assert early_reader.execute(question).fetchall() == before

    assert faults == []
    assert after[0][2] == before[0][2] + 1
    assert set(seen) <= {before[0], after[0]}
    assert seen[0] == before[0]


@pytest.mark.long
def test_files_that_come_late_and_out_of_order_change_nothing(
    small_sample: Home, tmp_path: Path
):
    """What an increment makes of late events is what a build from nothing does.

    The last files come first, so that most of what the others bring is late, for
    months; of a few events the copy that counts comes after the other one.
    """
    home = Home.at(tmp_path)
    dumps = sorted(small_sample.inbox.rglob("*.*"), reverse=True)
    shutil.copytree(small_sample.secrets, home.secrets)
    with_kmeans_alone(home)
    without_docs(home)

    for is_late in (False, True):
        for index, dump in enumerate(dumps):
            target = home.inbox / dump.relative_to(small_sample.inbox)
            target.parent.mkdir(parents=True, exist_ok=True)
            if dump.name == "source.yml":
                shutil.copy(dump, target)
            elif (index % 2 == 1) is is_late:
                shutil.copy(dump, target.with_name(f"{index:03d}-{dump.name}"))
        if not is_late:
            stages.load(home)
            stages.build(home)
    with open_work(home) as connection:
        assert not ledger.begin_build(connection, home, full_refresh=False)
        early = connection.execute(SESSIONS_BUILT).fetchall()[0][0]
    stages.run(home)

    assert 0 < early < query_built(home, SESSIONS_BUILT)[0][0]
    assert fingerprints(home) == fingerprints(small_sample)


def test_rows_from_as_of_on_change_no_feature_and_no_mart(
    small_sample: Home, tmp_path: Path
):
    """All that happened is told again, otherwise, at `as_of` and in the days after.

    The later rows name other persons, contacts, prices and orders, under the same ids
    and under new ones; those of the same id came first.
    """
    home = Home.at(tmp_path / "copy")
    shutil.copytree(small_sample.root, home.root, symlinks=True)
    ((as_of,),) = query(home, "select max(as_of) from ops.runs")
    with open_work(home) as connection:
        n_rows = [
            connection.execute(
                f"""
                insert into raw.{kind} by name
                select * exclude (is_same, someone, address, later) replace (
                    row_key + 2 ** 60 as row_key,
                    md5(content_hash || 'later') as content_hash,
                    {changed}
                )
                from (
                    select
                        *, row_key % 2 = 0 as is_same,
                        max(user_id) over () as someone,
                        max(email_hash) over () as address,
                        timestamp '{as_of}' + to_days((row_key % 3)::int) as later
                    from raw.{kind}
                )
                """
            ).fetchall()[0][0]
            for kind, changed in TOLD_AGAIN.items()
        ]
        before = tables_hashed(connection, "marts")

    stages.build(home, as_of=as_of, full_refresh=True)

    assert all(n_rows)
    with open_work(home) as connection:
        assert tables_hashed(connection, "marts") == before


def test_a_run_that_is_killed_at_every_stage_ends_in_the_same_tables(
    small_sample: Home, tmp_path: Path, request: pytest.FixtureRequest
):
    """What is private is so meanwhile, whatever the umask."""
    home = Home.at(tmp_path)
    write_sample(home.root, **SMALL)
    shutil.copytree(small_sample.secrets, home.secrets)
    with_kmeans_alone(home)
    without_docs(home)
    (home.dbt / "docs.fingerprint").chmod(0o600)
    request.addfinalizer(partial(os.umask, os.umask(0)))

    for stage, number in (("load", 5), ("build", 2), ("segment", 3), ("publish", 9)):
        killed = run_tessera(home, stage, TESSERA_FAULT=f"{stage}:{number}")
        assert killed.returncode == 137, killed.stderr
        assert not home.current.exists()
        refuse_loss(home)
        getattr(stages, stage)(home)

    refuse_loss(home)
    assert fingerprints(home) == fingerprints(small_sample)
    assert snapshots.versions(home) == [1]
    assert modes(home.warehouse) | modes(home.secrets) == {0o600, 0o700}
    assert modes(home.published) <= {0o444, 0o644, 0o755}


def test_publishing_again_finds_nothing_to_do(small_sample: Home):
    version = snapshots.current_version(small_sample)

    result = stages.publish(small_sample)

    assert not result.changed
    assert f"snapshot {version} is published already" in result.message


def test_a_roll_back_takes_the_report_with_it(small_sample: Home, tmp_path: Path):
    home = Home.at(tmp_path / "copy")
    shutil.copytree(small_sample.root, home.root, symlinks=True)
    last_version = snapshots.current_version(home)
    report = home.published / "report" / "index.html"
    assert f"snapshot {last_version}" in report.read_text()

    outcome = run_tessera(home, "rollback", "1")

    assert outcome.returncode == 0, outcome.stderr
    assert snapshots.current_version(home) == 1
    assert "snapshot 1" in report.read_text()


def test_a_damaged_working_file_loses_nothing_that_was_published(
    small_sample: Home, tmp_path: Path
):
    """It is set aside, and everything is as if the file had been lost."""
    home = Home.at(tmp_path / "copy")
    shutil.copytree(small_sample.root, home.root, symlinks=True)
    size = home.work_database.stat().st_size
    with home.work_database.open("r+b") as file:
        for part in range(1, 8):  # some block is one that nothing uses
            file.seek(size * part // 8)
            file.write(b"damage")

    results = stages.run(home)

    assert results[-1].stage == "publish"
    assert home.work_database.with_name("work.duckdb.damaged").exists()
    last_version = snapshots.current_version(small_sample)
    assert last_version is not None
    assert snapshots.current_version(home) == last_version + 1
    assert fingerprints(home) == fingerprints(small_sample)


def test_a_damaged_model_is_refused_and_the_same_is_fitted_anew(
    small_sample: Home, tmp_path: Path
):
    home = Home.at(tmp_path / "copy")
    shutil.copytree(small_sample.root, home.root, symlinks=True)
    (file,) = home.models.iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-1])

    with open_work(home) as connection:
        recalling.remember_previous(connection, home)
        found = segmentation.segment_persons(connection, home)
        rows = connection.execute("select sha256 from ml.segment_models").fetchall()

    (refusal,) = found.refusals
    assert "fitted by run_000001, is refused" in refusal
    assert found.was_trained
    assert rows == [(hashlib.sha256(content).hexdigest(),)]
    assert file.read_bytes() == content


def test_a_busy_warehouse_is_told_with_the_pid(small_sample: Home):
    with writer_lock(small_sample):
        outcome = run_tessera(small_sample, "load")

    assert outcome.returncode == 3
    assert str(os.getpid()) in outcome.stderr


def test_a_failed_stage_leaves_the_last_good_snapshot(
    small_sample: Home, tmp_path: Path
):
    home = Home.at(tmp_path / "copy")
    shutil.copytree(small_sample.root, home.root, symlinks=True)
    before = sha256(home.current)
    (home.inbox / "web" / "source.yml").write_text("adapter: nonsense\n")

    outcome = run_tessera(home, "run", "--json")

    assert outcome.returncode == 2
    assert "web" in json.loads(outcome.stdout)["error"]
    assert sha256(home.current) == before


def run_tessera_here(home: Home, *arguments: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(main, [*arguments, "--home", str(home.root)])


def what_became_of(home: Home, check_name: str) -> tuple[str, str]:
    """Tell the status of the last run and the verdict of one of its checks."""
    ((status, verdict),) = query_built(
        home,
        "select status, verdict from ledger.runs join ledger.checks using (run_id) "
        f"where check_name = '{check_name}' order by run_id desc limit 1",
    )
    return status, verdict


def test_what_a_data_test_finds_is_not_published(
    small_sample: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home = Home.at(tmp_path / "copy")
    shutil.copytree(small_sample.root, home.root, symlinks=True)
    before = sha256(home.current), os.readlink(home.current)
    with open_work(home) as connection:
        connection.execute(
            "insert into ledger.checks by name select 'run_000001' as run_id, "
            "'odd' as check_name, 'warn' as severity, 'maybe' as verdict, "
            "'' as explanation"
        )

    with monkeypatch.context() as patch:
        patch.setattr(transform, "NOT_BUILT", ("unit_test",))
        refused = run_tessera_here(home, "segment")

    assert refused.exit_code == 1
    assert "accepted_values_checks_verdict" in " ".join(refused.stderr.split())
    assert what_became_of(home, "models_and_tests:after_segmentation") == (
        "failed",
        "failed",
    )
    assert "nothing to publish" in run_tessera_here(home, "publish").stderr
    assert (sha256(home.current), os.readlink(home.current)) == before

    with open_work(home) as connection:
        connection.execute("delete from ledger.checks where check_name = 'odd'")
    assert run_tessera_here(home, "segment").exit_code == 0
    assert run_tessera_here(home, "publish").exit_code == 0
    assert fingerprints(home) == fingerprints(small_sample)


def test_a_model_that_needs_more_memory_than_usual_gets_it_unless_a_limit_is_set(
    small_sample: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home = Home.at(tmp_path / "copy")
    shutil.copytree(small_sample.root, home.root, symlinks=True)
    told: list[str] = []

    @contextmanager
    def open_with_little(home: Home) -> Generator[duckdb.DuckDBPyConnection]:
        with open_work(home) as connection:
            connection.execute("set memory_limit = '10MB'")
            yield connection

    monkeypatch.setattr(transform, "open_work", open_with_little)
    stages.build(home, full_refresh=True, progress=told.append)
    monkeypatch.undo()
    stages.segment(home)
    stages.publish(home)

    assert any("out of memory" in message for message in told)
    assert fingerprints(home) == fingerprints(small_sample)

    (home.root / "settings.yml").write_text("memory_limit: 1GB")
    monkeypatch.setattr(transform, "open_work", open_with_little)
    with pytest.raises(TesseraError, match="Out of Memory"):
        stages.build(Home.at(home.root), full_refresh=True)


@pytest.mark.long
def test_what_dbt_cannot_build_is_not_published(small_sample: Home, tmp_path: Path):
    home = Home.at(tmp_path / "copy")
    shutil.copytree(small_sample.root, home.root, symlinks=True)
    before = sha256(home.current), os.readlink(home.current)
    (home.inbox / "web" / "empty.jsonl").write_text("")
    with open_work(home) as connection:
        connection.execute(
            "alter table intermediate.int_events_sessionized drop column idle_seconds"
        )

    broken = run_tessera_here(home, "run")

    assert broken.exit_code == 1
    assert "tessera: dbt: model int_" in " ".join(broken.stderr.split())
    assert what_became_of(home, "models_and_tests:before_segmentation") == (
        "failed",
        "failed",
    )
    assert (sha256(home.current), os.readlink(home.current)) == before

    assert run_tessera_here(home, "run", "--full-refresh").exit_code == 0
    assert fingerprints(home) == fingerprints(small_sample)


@pytest.mark.long
def test_a_project_that_does_not_compile_publishes_nothing(
    small_sample: Home, tmp_path: Path
):
    home, project = Home.at(tmp_path / "home"), tmp_path / "project"
    shutil.copytree(small_sample.root, home.root, symlinks=True)
    before = sha256(home.current), os.readlink(home.current)
    for package in ("warehouse", "ml", "dbt_project"):
        shutil.copytree(ROOT / package, project / package)
    model = project / "dbt_project" / "models" / "marts" / "people" / "users.sql"
    model.write_text(model.read_text() + "{{ nothing_of_this_name() }}")

    broken = run_tessera(home, "build", PYTHONPATH=str(project))

    assert broken.returncode == 1
    assert "nothing_of_this_name" in broken.stderr
    assert (sha256(home.current), os.readlink(home.current)) == before
    stages.build(home)
    stages.segment(home)
    stages.publish(home)
    assert fingerprints(home) == fingerprints(small_sample)


def test_a_day_of_twenty_times_the_usual_is_not_published_unless_somebody_accepts_it(
    small_sample: Home, tmp_path: Path
):
    home = Home.at(tmp_path / "copy")
    shutil.copytree(small_sample.root, home.root, symlinks=True)
    before = sha256(home.current), os.readlink(home.current)
    ((as_of, last),) = query(
        home, "select max(as_of), max(snapshot_version) from ops.runs"
    )
    flood = [
        {
            "messageId": f"flood-{number}",
            "event": "Page Viewed",
            "timestamp": (as_of + timedelta(seconds=100 * number)).isoformat(),
            "anonymousId": f"crowd-{number}",
        }
        for number in range(800)
    ]
    dump = home.inbox / "web" / "flood.jsonl"
    dump.write_text("\n".join(map(json.dumps, flood)))
    # An empty delivery leaves all as it is, and a source that is gone takes none along.
    (home.inbox / "web" / "empty.jsonl").write_text("")
    shutil.rmtree(home.inbox / "app")

    stopped = run_tessera_here(home, "run")

    assert stopped.exit_code == 1
    told = " ".join(stopped.stderr.split())
    assert "the last good snapshot stands: volume_spike:web/events: 800 on" in told
    assert "tessera publish --accept volume_spike:web/events --reason" in told
    assert (sha256(home.current), os.readlink(home.current)) == before

    accept = ["--accept", "volume_spike:web/events", "--reason", "a fair"]
    accepted = run_tessera_here(home, "publish", *accept)

    assert accepted.exit_code == 0, accepted.stderr
    assert snapshots.current_version(home) == last + 1
    assert query(
        home,
        "select verdict, accepted_because from ops.checks where severity = 'error' "
        "and verdict <> 'passed' and run_id = (select max(run_id) from ops.runs)",
    ) == [("accepted", "a fair")]
    n_before, n_after = (
        query(frozen, "select count(*) from segments.user_segments")
        for frozen in (small_sample, home)
    )
    assert n_after >= n_before


def test_the_command_line_explains_itself():
    outcome = subprocess.run(
        [sys.executable, "-m", "warehouse.cli", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.returncode == 0
    for command in ("run", "load", "build", "segment", "publish", "status", "rollback"):
        assert command in outcome.stdout
