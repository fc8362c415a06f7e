"""Runs are taken up where they stopped, and a fingerprint moves with its causes."""

from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from warehouse import ledger
from warehouse.home import Home
from warehouse.raw_rows import record_sources
from warehouse.raw_tables import create_tables
from warehouse.sources import Pings, SessionRules, Source

NOON = datetime(2026, 1, 31, 12)


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    create_tables(connection)
    return connection


def insert(connection: duckdb.DuckDBPyConnection, table: str, **values) -> None:
    """Insert one row, with zeros and empty texts where a column must not be null."""
    columns = connection.execute(
        "select column_name, data_type from information_schema.columns "
        "where table_schema || '.' || table_name = ? and is_nullable = 'NO'",
        [table],
    ).fetchall()
    row = {name: "" if kind == "VARCHAR" else 0 for name, kind in columns} | values
    if "loaded_at" in row:
        row["loaded_at"] = NOON
    marks = ", ".join("?" * len(row))
    connection.execute(
        f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values())
    )


def test_a_run_stays_the_same_until_it_is_published(connection):
    first = ledger.open_run(connection, NOON)
    assert ledger.open_run(connection, NOON) == first

    ledger.update_run(connection, first.run_id, status="failed", finished_at=NOON)
    taken_up = ledger.open_run(connection, NOON)
    assert taken_up == first

    ledger.update_run(connection, first.run_id, status="published")
    assert ledger.open_run(connection, NOON).run_id == "run_000002"


def test_a_repeated_stage_keeps_its_last_time_alone(connection):
    for seconds in (3.0, 2.0):
        ledger.record_stage(connection, "run_000001", "build", seconds, 7, 4096)

    assert connection.execute(
        "select seconds, n_rows, n_bytes from ledger.run_stages"
    ).fetchall() == [(2.0, 7, 4096)]
    ledger.forget_stages(connection, "run_000001", ["build", "segment"])
    assert ledger.stages_done(connection, "run_000001") == set()


@pytest.mark.parametrize(
    ("rows", "midnight"),
    [
        ([], "1970-01-01"),
        ([("surveys", "answered_at", "2026-01-05 10:00")], "2026-01-06"),
        ([("users", "signed_up_at", "2026-01-05 10:00")], "2026-01-06"),
        ([("users", "updated_at", "2026-01-05 10:00")], "2026-01-06"),
        (
            [
                ("events", "occurred_at", "2026-01-02 23:59:59"),
                ("order_lines", "ordered_at", "2026-01-01 00:00"),
                ("surveys", "answered_at", "2026-01-05 10:00"),
            ],
            "2026-01-03",
        ),
        ([("order_lines", "ordered_at", "2026-01-31 00:00")], "2026-02-01"),
        ([("events", "occurred_at", "9999-12-31 23:59:59")], "9999-12-31"),
    ],
)
def test_as_of_is_the_midnight_after_the_last_event_or_order(
    connection, rows, midnight
):
    for kind, column, moment in rows:
        insert(connection, f"raw.{kind}", **{column: moment})

    found = ledger.midnight_after_last_event(connection)

    assert found == datetime.fromisoformat(midnight)


def test_the_fingerprint_follows_files_and_settings_and_nothing_else(
    connection, tmp_path: Path
):
    plain = Home.at(tmp_path / "plain")
    empty = ledger.fingerprint(connection, plain)
    insert(connection, "ledger.files", source="web", sha256="1", status="refused")
    assert ledger.fingerprint(connection, plain) == empty

    insert(connection, "ledger.files", source="web", sha256="1", status="loaded")
    loaded = ledger.fingerprint(connection, plain)
    insert(connection, "ledger.files", source="web", sha256="1", status="duplicate")
    assert ledger.fingerprint(connection, plain) == loaded != empty

    for text, is_same in (
        ("keep_snapshots: 3", True),
        ("rules_min_support: .1", False),
    ):
        home = Home.at(tmp_path / text[:4])
        home.root.mkdir()
        (home.root / "settings.yml").write_text(text)
        assert (ledger.fingerprint(connection, home) == loaded) is is_same


def test_the_fingerprint_moves_with_what_a_source_says_of_itself(
    connection, tmp_path: Path
):
    home = Home.at(tmp_path)
    columns = {"user_id": "u", "event_name": "e", "occurred_at": "t"}
    by_timeout = Source.model_validate(
        {"adapter": "generic", "kind": "events", "columns": columns, "name": "web"}
    )
    by_tracker = by_timeout.model_copy(update={"sessions": SessionRules(by="tracker")})
    trusted = by_timeout.model_copy(update={"trust": 1})
    pinging = by_timeout.model_copy(update={"pings": Pings(first_after=5, every=10)})
    found = []

    for sources in (
        [by_timeout], [by_timeout], [by_tracker], [trusted], [pinging], []
    ):  # fmt: skip
        record_sources(connection, sources)
        found.append(ledger.fingerprint(connection, home))

    assert found[0] == found[1]
    assert len(set(found)) == 5


def test_a_source_stays_what_it_was_when_its_folder_is_gone(connection):
    columns = {"user_id": "u", "event_name": "e", "occurred_at": "t"}
    empty, loaded, other = (
        Source.model_validate(
            {
                "adapter": "generic",
                "kind": "events",
                "columns": columns,
                "pings": {"first_after": 5, "every": 10},
                "name": name,
            }
        )
        for name in ("empty", "loaded", "other")
    )

    def recorded(*sources: Source) -> list[tuple]:
        record_sources(connection, list(sources))
        return connection.execute("from ledger.sources order by source").fetchall()

    one, of_loaded, _ = recorded(other, empty, loaded)
    assert one[0] == "empty"
    insert(connection, "ledger.files", source="loaded", sha256="1", status="loaded")

    assert recorded() == [of_loaded]
    changed = loaded.model_copy(update={"pings": None})
    assert [source for source, *_ in recorded(changed, other)] == ["loaded", "other"]
    assert recorded(changed)[0][-2:] == (None, None)


def test_a_build_starts_from_nothing_until_one_by_its_rules_is_through(
    connection, tmp_path: Path
):
    home, other = Home.at(tmp_path / "home"), Home.at(tmp_path / "other")
    other.root.mkdir()
    (other.root / "settings.yml").write_text("session_timeout_minutes: 20")

    def begins_anew(home: Home, *, full_refresh: bool = False) -> bool:
        return ledger.begin_build(connection, home, full_refresh=full_refresh)

    assert begins_anew(home)
    assert begins_anew(home)  # the one before did not end
    ledger.end_build(connection, home)
    assert not begins_anew(home)
    assert not begins_anew(home)  # an increment that fails can be added again
    assert begins_anew(home, full_refresh=True)
    assert begins_anew(home)
    ledger.end_build(connection, home)
    assert begins_anew(other)
    assert begins_anew(home)


def test_a_clock_that_is_set_back_confuses_no_run(connection):
    """The newest run is the one that was opened last, whatever its time says."""
    opened = []
    for day in (9, 2, 5):
        run = ledger.open_run(connection, datetime(2026, 1, day))
        ledger.update_run(connection, run.run_id, status="published")
        opened.append(run.run_id)
        latest = ledger.last_run(connection)
        assert latest is not None
        assert latest.run_id == run.run_id

    assert opened == sorted(set(opened))
