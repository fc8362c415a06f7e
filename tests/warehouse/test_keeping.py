"""A file that a snapshot was made of is not missing from the next without a word."""

import duckdb
import pytest

from warehouse import keeping, snapshots, stages
from warehouse.connection import open_work
from warehouse.errors import TesseraError
from warehouse.gates import deliveries


@pytest.fixture
def inbox(events):
    """Give an inbox of which two files were published, and whose working file is gone.

    Of the snapshot, only what it says of files is there.
    """
    events.put_events("a.jsonl", {"user": "u1"})
    events.put_events("b.jsonl", {"user": "u2"})
    stages.load(events.home)
    snapshot = snapshots.snapshot_path(events.home, 1)
    snapshot.parent.mkdir()
    with duckdb.connect(str(snapshot)) as connection:
        connection.execute(f"attach '{events.home.work_database}' as work (read_only)")
        connection.execute(
            "create schema ops; create table ops.loaded_files as from work.ledger.files"
        )
        for table in ("runs", "run_stages", "checks"):
            connection.execute(f"create table ops.{table} as from work.ledger.{table}")
    events.home.current.symlink_to(snapshot.name)
    events.home.work_database.unlink()
    return events


def missing(inbox) -> list[str]:
    """Load, and ask."""
    inbox.load()
    with open_work(inbox.home) as connection:
        return keeping.missing_since_snapshot(connection, inbox.home)


def test_nothing_is_missing_of_an_inbox_that_still_has_it_all(inbox):
    assert missing(inbox) == []


def test_another_name_for_the_same_bytes_is_as_good(inbox):
    (inbox.folder / "a.jsonl").rename(inbox.folder / "z.jsonl")

    assert missing(inbox) == []


def test_what_the_inbox_has_no_longer_is_named_and_stops_the_publication(inbox):
    (inbox.folder / "a.jsonl").unlink()

    assert missing(inbox) == ["shop/a.jsonl"]
    with open_work(inbox.home) as connection:
        check = keeping.files_kept(connection, inbox.home)
    assert (check.severity, check.verdict) == ("error", "failed")
    assert "shop/a.jsonl; put them back into the inbox" in check.explanation


def test_other_bytes_of_the_same_name_are_missing_unless_they_replace(inbox):
    inbox.put_events("a.jsonl", {"user": "u3"})
    assert missing(inbox) == ["shop/a.jsonl"]

    inbox.describe(on_redelivery="replace")
    assert missing(inbox) == []


def test_rows_that_a_file_has_no_longer_stop_a_publication(inbox):
    inbox.describe(on_redelivery="replace")
    whole = [{"user": f"u{number}"} for number in range(100)]
    inbox.put_events("a.jsonl", *whole)
    inbox.load()
    remember(inbox)
    assert rows_kept(inbox) == [("passed", 0)]

    inbox.put_events("a.jsonl", *whole[:90])
    inbox.load()
    assert rows_kept(inbox) == [("passed", 10 / 100)]
    inbox.put_events("a.jsonl", *whole[:89])
    inbox.put_events("c.jsonl", *whole[:50])
    inbox.load()
    assert rows_kept(inbox) == [("failed", 11 / 100)]


def test_one_daily_file_cut_short_stops_a_publication_however_much_history_there_is(
    inbox,
):
    inbox.describe(on_redelivery="replace")
    for day in range(20):
        users = [{"user": f"u{day}_{number}"} for number in range(100)]
        inbox.put_events(f"{day}.jsonl", *users)
    inbox.put_events("small.jsonl", *[{"user": f"s{number}"} for number in range(99)])
    inbox.load()
    remember(inbox)

    inbox.put_events("small.jsonl", {"user": "s0"})
    inbox.load()
    ((verdict, share),) = rows_kept(inbox)
    assert (verdict, round(share, 3)) == ("passed", 0.047)  # 98 of all rows
    inbox.put_events("7.jsonl", *users[:50])
    inbox.load()
    assert rows_kept(inbox) == [("failed", 0.5)]


def remember(inbox) -> None:
    """Have the last snapshot know what is loaded."""
    with duckdb.connect(str(inbox.home.current.resolve())) as snapshot:
        snapshot.execute(
            f"attach '{inbox.home.work_database}' as work (read_only);"
            "create or replace table ops.loaded_files as from work.ledger.files"
        )


def rows_kept(inbox) -> list[tuple[str, float]]:
    with open_work(inbox.home) as connection:
        found = deliveries.rows_kept(connection, inbox.home)
    return [(check.verdict, check.value) for check in found]


def test_nothing_is_built_before_the_inbox_is_read_again(inbox):
    with pytest.raises(TesseraError, match="is new, and nothing is loaded"):
        stages.build(inbox.home)
