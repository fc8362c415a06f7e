"""Dumps to published segments: the planted is found, and nothing disturbs it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest
from running import fingerprints, query, run_tessera, truth, write_sample
from sklearn.metrics import adjusted_rand_score

from warehouse import snapshots, stages
from warehouse.connection import open_snapshot
from warehouse.home import Home, writer_lock

CONTRACT_TABLES = {
    "marts.association_rules",
    "marts.orders",
    "marts.sessions",
    "marts.user_features",
    "marts.user_identifiers",
    "marts.user_rfm",
    "marts.users",
    "ops.checks",
    "ops.loaded_files",
    "ops.quarantine_counts",
    "ops.run_stages",
    "ops.runs",
    "segments.personas",
    "segments.segment_catalog",
    "segments.segment_changes",
    "segments.segment_history",
    "segments.user_segments",
}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.xdist_group("sample")
class TestSample:
    """The sample has archetypes, product pairs and the warts of real dumps."""

    def test_the_snapshot_holds_the_tables_of_the_contract(self, sample: Home):
        found = query(
            sample,
            "select table_schema || '.' || table_name from information_schema.tables",
        )
        assert {table for (table,) in found} >= CONTRACT_TABLES
        parquet = sample.published / "parquet" / "current"
        assert {path.stem for path in parquet.glob("*.parquet")} == {
            table for (table,) in found
        }

    def test_every_published_table_and_column_is_described(self, sample: Home):
        catalog = json.loads((sample.dbt / "target" / "catalog.json").read_text())
        manifest = json.loads((sample.dbt / "target" / "manifest.json").read_text())
        undescribed = [
            f"{node['name']}.{column}"
            for unique_id, node in manifest["nodes"].items()
            if node["resource_type"] == "model"
            and node["schema"] in snapshots.PUBLISHED_SCHEMAS
            for column in catalog["nodes"][unique_id]["columns"]
            if not node["columns"].get(column, {}).get("description")
            or not node["description"]
        ]
        assert undescribed == []

    def test_planted_archetypes_are_recovered(self, sample: Home, record_property):
        archetypes = truth(sample, "users.csv")
        rows = duckdb.sql(
            "select archetype, segment_id from archetypes join "
            f"'{sample.published}/parquet/current/segments.user_segments.parquet' "
            "using (user_id)"
        ).fetchall()
        assert archetypes is not None
        planted, found = zip(*rows, strict=True)
        score = adjusted_rand_score(planted, found)
        record_property("adjusted_rand_index", score)
        assert score > 0.6

    def test_planted_pairs_head_the_rules(self, sample: Home):
        pairs = truth(sample, "pairs.csv").select("antecedent", "consequent").fetchall()
        heads = query(
            sample,
            "select antecedent[1], consequent from marts.association_rules "
            f"order by lift desc limit {2 * len(pairs)}",
        )
        assert {frozenset(pair) for pair in heads} == {
            frozenset(pair) for pair in pairs
        }

    def test_personas_say_who_they_are_in_words_and_finite_numbers(self, sample: Home):
        personas = query(
            sample, "select persona_name, narrative, traits from segments.personas"
        )
        assert len({name for name, _, _ in personas}) == len(personas) >= 3
        for _, narrative, traits in personas:
            assert narrative.count(".") >= 3
            json.loads(traits, parse_constant=lambda constant: pytest.fail(constant))

    def test_no_published_number_is_infinite_or_not_a_number(self, sample: Home):
        with open_snapshot(sample.current) as connection:
            columns = connection.execute(
                "select table_schema || '.' || table_name, column_name "
                "from information_schema.columns where data_type = 'DOUBLE'"
            ).fetchall()
            faults = [
                (table, column)
                for table, column in columns
                if connection.execute(
                    f"select 1 from {table} where not isfinite({column}) limit 1"
                ).fetchall()
            ]
        assert columns
        assert faults == []

    def test_no_address_or_number_is_in_what_is_published_or_logged(self, sample: Home):
        crm = sample.inbox / "crm"
        canaries = set()
        for dump in crm.glob("*.csv*"):
            table = duckdb.read_csv(str(dump), all_varchar=True)
            for column in {"email", "phone"} & set(table.columns):
                canaries |= {
                    value.strip().lower().encode()
                    for (value,) in table.select(f'"{column}"').fetchall()
                    if value
                }
        assert len(canaries) > 1000
        some = sorted(canaries)[::20]
        places = [sample.published, sample.dbt]
        leaks = [
            (path.name, canary)
            for place in places
            for path in place.rglob("*")
            if path.is_file() and not path.is_symlink()
            for content in [path.read_bytes().lower()]
            for canary in some
            if canary in content
        ]
        assert leaks == []

    def test_running_again_changes_nothing(self, sample: Home):
        before = sha256(sample.current), os.readlink(sample.current)

        results = stages.run(sample)

        assert [result.stage for result in results] == ["load"]
        assert not results[0].changed
        assert (sha256(sample.current), os.readlink(sample.current)) == before
        assert snapshots.versions(sample) == [1]

    def test_an_analyst_reads_on_while_a_run_publishes(self, sample: Home):
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
                    seen.extend(query(sample, question))
                except Exception as error:
                    faults.append(error)

        with open_snapshot(sample.current) as early_reader:
            before = early_reader.execute(question).fetchall()
            reader = threading.Thread(target=read_on)
            reader.start()
            stages.run(sample, full_refresh=True)
            finished.set()
            reader.join()
            after = query(sample, question)
            assert early_reader.execute(question).fetchall() == before

        assert faults == []
        assert after[0][2] == before[0][2] + 1
        assert set(seen) <= {before[0], after[0]}
        assert seen[0] == before[0]


@pytest.mark.xdist_group("small_sample")
class TestAccidents:
    """Order of files, kills and lost files: the tables stay what they were."""

    def test_permuting_the_files_changes_nothing(
        self, small_sample: Home, tmp_path: Path
    ):
        home = Home.at(tmp_path)
        for index, dump in enumerate(
            sorted(small_sample.inbox.rglob("*"), reverse=True)
        ):
            target = home.inbox / dump.relative_to(small_sample.inbox)
            if dump.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            elif dump.name == "source.yml":
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(dump, target)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(dump, target.with_name(f"{index:03d}-{dump.name}"))

        stages.run(home)

        assert fingerprints(home) == fingerprints(small_sample)

    def test_a_run_that_is_killed_at_every_stage_ends_in_the_same_tables(
        self, small_sample: Home, tmp_path: Path
    ):
        home = Home.at(tmp_path)
        write_sample(home.root, n_users=150)

        for fault in ("load:3", "build:2", "segment:1", "segment:4", "publish:5"):
            killed = run_tessera(home, "run", TESSERA_FAULT=fault)
            assert killed.returncode == 137, killed.stderr
            assert not home.current.exists()
        finished = run_tessera(home, "run")

        assert finished.returncode == 0, finished.stderr
        assert fingerprints(home) == fingerprints(small_sample)
        assert snapshots.versions(home) == [1]

    def test_a_lost_working_file_loses_nothing_that_was_published(
        self, small_sample: Home, tmp_path: Path
    ):
        home = Home.at(tmp_path / "copy")
        shutil.copytree(small_sample.root, home.root, symlinks=True)
        home.work_database.unlink()

        stages.run(home, full_refresh=True)

        assert snapshots.current_version(home) == 2
        assert fingerprints(home) == fingerprints(small_sample)

    def test_a_busy_warehouse_is_told_with_the_pid(self, small_sample: Home):
        with writer_lock(small_sample):
            outcome = run_tessera(small_sample, "load")

        assert outcome.returncode == 3
        assert str(os.getpid()) in outcome.stderr

    def test_a_failed_stage_leaves_the_last_good_snapshot(
        self, small_sample: Home, tmp_path: Path
    ):
        home = Home.at(tmp_path / "copy")
        shutil.copytree(small_sample.root, home.root, symlinks=True)
        before = sha256(home.current)
        (home.inbox / "web" / "source.yml").write_text("adapter: nonsense\n")

        outcome = run_tessera(home, "run", "--json")

        assert outcome.returncode == 2
        assert "web" in json.loads(outcome.stdout)["error"]
        assert sha256(home.current) == before


@pytest.mark.long
def test_killing_at_every_fault_point_ends_in_the_same_tables(
    small_sample: Home, tmp_path: Path
):
    expected = fingerprints(small_sample)
    for stage in ("load", "build", "segment", "publish"):
        for number in range(1, 200):
            home = Home.at(tmp_path / f"{stage}-{number}")
            write_sample(home.root, n_users=150)
            killed = run_tessera(home, "run", TESSERA_FAULT=f"{stage}:{number}")
            if killed.returncode == 0:
                break
            assert killed.returncode == 137, killed.stderr
            if home.current.exists():
                query(home, "from marts.users limit 1")
            finished = run_tessera(home, "run")
            assert finished.returncode == 0, finished.stderr
            assert fingerprints(home) == expected
            shutil.rmtree(home.root)


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
