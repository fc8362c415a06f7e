"""What was refused is loaded after a fix, as if it had been good at first."""

import csv
import json
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from click.testing import CliRunner

from warehouse.cli import main
from warehouse.connection import open_work
from warehouse.errors import ConfigurationError
from warehouse.replay import ReplaySummary, replay_quarantine

COLUMNS = "line_number, user_id, event_name, occurred_at, price, attributes"
ROWS = f"select {COLUMNS} from raw.events order by file_id, line_number"
COUNTS = "select n_lines, n_accepted, n_quarantined, n_blank from ledger.files"
GOOD = {"user": "u1", "event": "view", "at": "2026-01-01 10:00", "p": 1.5, "x": "y"}


def replay(inbox, **options) -> ReplaySummary:
    with open_work(inbox.home) as connection:
        return replay_quarantine(
            connection,
            inbox.home,
            load_id=2,
            loaded_at=datetime(2026, 11, 23),
            **options,
        )


def write_lines(path: Path, lines: list[dict]) -> None:
    """Write events in the form that the name says; in Parquet an id is a number."""
    if path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, lines)))
    elif path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(GOOD), quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerows(lines)
    else:
        frame = pd.DataFrame(lines).astype({"p": "str"})
        frame = frame.assign(user=17850.0, at=pd.to_datetime(frame["at"]))
        duckdb.from_df(frame).write_parquet(str(path))


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_lines_are_what_they_would_have_been(make_inbox, form: str):
    lines = [GOOD, GOOD | {"p": "2,5"}, GOOD | {"x": 'a "b"\nc'}, GOOD | {"p": "3,5"}]
    mended, fresh = make_inbox(), make_inbox()
    mended.describe({"price": "p"})
    fixed = {"price": {"column": "p", "values": {"2,5": "2.5", "3,5": "3.5"}}}
    fresh.describe(fixed)
    for inbox in (mended, fresh):
        write_lines(inbox.folder / f"a.{form}", lines)
        inbox.load()
    assert len(mended.reasons()) == 2
    (mended.folder / f"a.{form}").unlink()  # the bytes in quarantine are enough
    mended.describe(fixed)

    summary = replay(mended)

    assert (summary.n_lines, summary.n_accepted) == (2, 2)
    assert mended.query(ROWS) == fresh.query(ROWS)
    assert mended.query(COUNTS) == fresh.query(COUNTS)
    assert mended.reasons() == []
    assert replay(mended).n_lines == 0


def test_what_is_still_bad_stays_with_the_reason_it_has_now(events):
    events.put(
        "a.jsonl",
        b'{"user": "u1", "at": "2026-01-01"}\n{"at": "2026-01-01"}\n\xff\n'
        b'{"user": "u1", "at": "2026-11-23"}\n',
    )
    events.load()
    assert len(events.reasons()) == 4
    events.describe({"event_name": {"value": "view"}})

    summary = replay(events)

    assert (summary.n_lines, summary.n_accepted, summary.n_unreadable) == (3, 2, 1)
    assert events.reasons() == [(2, "missing:user_id"), (3, "invalid_utf8")]
    assert events.query(COUNTS) == [(4, 2, 2, 0)]
    # the last was not of this world when it was loaded first, and is now
    assert events.query("select line_number, load_id from raw.events") == [
        (1, 2), (4, 2),
    ]  # fmt: skip


def test_one_source_alone_can_be_replayed(events):
    events.put_events("a.jsonl", {"event": ""})
    events.load()

    with pytest.raises(ConfigurationError, match="no source of the inbox; known: shop"):
        replay(events, only="shopp")
    assert replay(events, only="shop").n_lines == 1


def test_a_kind_that_changed_does_not_mix_tables(events):
    events.put_events("a.jsonl", {}, {"event": ""})
    events.load()
    users = {"adapter": "generic", "kind": "users", "columns": {"user_id": "user"}}
    (events.folder / "source.yml").write_text(json.dumps(users))

    assert "was loaded as events" in replay(events).in_words()
    assert events.query(COUNTS) == [(2, 1, 1, 0)]


def test_the_command_line_replays(events):
    events.put_events("a.jsonl", {"event": ""})
    events.load()
    events.describe({"event_name": {"value": "view"}})

    result = CliRunner().invoke(
        main, ["quarantine", "replay", "--json", "--home", str(events.home.root)]
    )

    assert result.exit_code == 0
    assert json.loads(result.stdout)["n_accepted"] == 1
    words = "1 lines looked at again: 1 accepted, 0 still refused"
    assert words in " ".join(result.stderr.split())
