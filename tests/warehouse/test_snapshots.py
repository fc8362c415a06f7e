"""Snapshots are complete before they have a name, and links move in one step."""

import os
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from warehouse import ledger, recalling, snapshots, versions
from warehouse.connection import open_snapshot, open_work
from warehouse.derived_tables import ML
from warehouse.errors import ConfigurationError, TesseraError
from warehouse.home import Home
from warehouse.raw_tables import LEDGER, create_tables

NOON = datetime(2026, 1, 31, 12)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose private warehouse holds one mart and the run behind it."""
    home = Home.at(tmp_path / "home")
    with open_work(home) as connection:
        create_tables(connection)
        for schema in snapshots.PUBLISHED_SCHEMAS:
            connection.execute(f"create schema {schema}")
        for table in LEDGER:
            name = table.split(".")[1]
            connection.execute(f"create view ops.{name} as from {table}")
        connection.execute("create table marts.users as select 'ann' as user_id")
        connection.execute(
            "create table segments.user_segments as "
            "select 'ann' as user_id, 'segment_1' as segment_id, 1 as later_column"
        )
        for table in ("segment_history", "segment_changes"):
            connection.execute(
                f"create table segments.{table} as from previous.{table}"
            )
    return home


def publish(home: Home, version: int) -> Path:
    with open_work(home) as connection:
        run = ledger.open_run(connection, NOON)
        snapshot = snapshots.write_snapshot(
            connection, home, snapshots.Publication(run, version, NOON, 1.5)
        )
    snapshots.write_parquet(snapshot, home, version)
    snapshots.point_current_at(home, version)
    with open_work(home) as connection, snapshots.attached_current(connection, home):
        published = ledger.published_run(home)
        assert published is not None
        ledger.close_run(connection, published)
    return snapshot


def test_a_snapshot_holds_the_published_schemas_and_says_it_ended_well(home: Home):
    snapshot = publish(home, 1)

    with open_snapshot(home.current) as connection:
        assert connection.execute("from marts.users").fetchall() == [("ann",)]
        assert connection.execute(
            "select status, snapshot_version, finished_at from ops.runs"
        ).fetchall() == [("published", 1, NOON)]
        schemas = connection.execute(
            "select distinct table_schema from information_schema.tables"
        ).fetchall()
    assert {schema for (schema,) in schemas} == set(snapshots.PUBLISHED_SCHEMAS)
    assert snapshot.stat().st_mode & 0o777 == 0o444
    parquet = home.published / "parquet" / "current" / "marts.users.parquet"
    assert duckdb.sql(f"from '{parquet}'").fetchall() == [("ann",)]


def test_an_older_duckdb_can_read_a_snapshot(home: Home):
    snapshot = publish(home, 1)

    def storage(path: Path, *, read_only: bool) -> str:
        with duckdb.connect(str(path), read_only=read_only) as connection:
            ((version,),) = connection.execute(
                "select tags['storage_version'] from duckdb_databases() "
                "where path is not null and not internal"
            ).fetchall()
        return version

    assert storage(snapshot, read_only=True) == "v1.0.0+"
    assert storage(home.work_database, read_only=False) == "v1.5.0+"


def test_an_open_reader_keeps_its_version_and_a_new_one_gets_the_next(home: Home):
    publish(home, 1)
    with open_snapshot(home.current) as early_reader:
        with open_work(home) as connection:
            connection.execute("update marts.users set user_id = 'bob'")
        publish(home, 2)
        with open_snapshot(home.current) as late_reader:
            assert late_reader.execute("from marts.users").fetchall() == [("bob",)]
        assert early_reader.execute("from marts.users").fetchall() == [("ann",)]


def test_a_killed_publication_is_never_seen_and_is_cleared_away(home: Home):
    publish(home, 1)
    leftover = home.published / ".tessera_000002.duckdb.partial"
    leftover.write_bytes(b"half")

    assert snapshots.versions(home) == [1]
    publish(home, 2)
    assert not leftover.exists()


def test_roll_back_goes_one_version_back_or_to_the_one_named(home: Home):
    for version in (1, 2, 3):
        publish(home, version)

    assert versions.roll_back(home) == 2
    assert snapshots.current_version(home) == 2
    assert versions.roll_back(home, 3) == 3
    with pytest.raises(ConfigurationError, match="there are: 1, 2, 3"):
        versions.roll_back(home, 9)


def test_roll_back_refuses_a_snapshot_that_does_not_open(home: Home):
    damaged = publish(home, 1)
    publish(home, 2)
    damaged.chmod(0o644)
    damaged.write_bytes(b"not a database")

    with pytest.raises(TesseraError, match="is damaged"):
        versions.roll_back(home)
    assert snapshots.current_version(home) == 2


def test_only_the_newest_snapshots_and_the_current_one_are_kept(home: Home):
    (home.root / "settings.yml").write_text("keep_snapshots: 2\n")
    for version in (1, 2, 3, 4):
        publish(home, version)
    versions.roll_back(home, 1)

    versions.remove_old(Home.at(home.root))

    assert snapshots.versions(home) == [1, 3, 4]
    parquet = home.published / "parquet"
    assert sorted(path.name for path in parquet.glob("0*")) == [
        "000001",
        "000003",
        "000004",
    ]


def test_memory_comes_from_the_current_snapshot_alone(home: Home):
    publish(home, 1)
    with open_work(home) as connection:
        connection.execute("insert into previous.user_segments (user_id) values ('x')")

        recalling.remember_previous(connection, home)

        assert connection.execute(
            "select user_id, segment_id, model_version from previous.user_segments"
        ).fetchall() == [("ann", "segment_1", None)]


def test_a_lost_working_file_gets_its_record_of_runs_back(home: Home):
    publish(home, 1)
    home.work_database.unlink()

    with open_work(home) as connection:
        create_tables(connection)
        recalling.restore_ledger(connection, home, 1)
        assert ledger.open_run(connection, NOON).run_id == "run_000002"


def test_what_an_earlier_version_did_not_have_is_made_anew(home: Home):
    with open_work(home) as connection:
        connection.execute("alter table ml.user_segments drop column is_provisional")
        connection.execute(
            "insert into ml.user_segments by name select 'a' as user_id, "
            "'b' as segment_id, 'c' as persona_id, 'd' as model_version"
        )
        connection.execute("drop table ml.segment_models")

        create_tables(connection)

        found = dict(
            connection.execute(
                "select column_name, is_nullable from duckdb_columns() "
                "where schema_name = 'ml' and table_name = 'user_segments'"
            ).fetchall()
        )
        assert connection.execute("from ml.user_segments").fetchall() == []
        assert connection.execute("from ml.segment_models").fetchall() == []
    assert found == {
        name: not kind.endswith("NOT NULL")
        for name, kind in ML["ml.user_segments"].items()
    }


def test_pages_are_replaced_in_one_step(home: Home):
    folder = home.published / "report"
    snapshots.place_page("<p>old", folder)
    snapshots.place_page("<p>new", folder)

    assert [path.name for path in folder.iterdir()] == ["index.html"]
    assert (folder / "index.html").read_text() == "<p>new"
    assert os.stat(folder / "index.html").st_mode & 0o777 == 0o644
