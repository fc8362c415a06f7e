"""A status tells what readers see, what went wrong and what to do about it."""

import gzip
import json
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from warehouse import framing, ledger
from warehouse.cli import main
from warehouse.connection import open_work
from warehouse.errors import ConfigurationError, TesseraError
from warehouse.home import Home, writer_lock
from warehouse.raw_tables import create_tables
from warehouse.status import read_status, status_in_words
from warehouse.telling import MOST_CHARACTERS, why_it_failed

NOON = datetime(2026, 1, 31, 12)


@pytest.fixture
def inbox(events):
    return events


def load(inbox) -> None:
    done = CliRunner().invoke(main, ["load", "--home", str(inbox.home.root)])
    assert done.exit_code == 0, done.stderr


def test_a_file_that_was_refused_and_came_in_later_is_refused_no_more(inbox):
    inbox.put("a.jsonl.gz", b"no gzip")
    inbox.put("b.jsonl.gz", b"none either")
    load(inbox)
    assert [row["file"] for row in read_status(inbox.home)["refused_files"]] == [
        "a.jsonl.gz",
        "b.jsonl.gz",
    ]
    (inbox.folder / "a.jsonl.gz").unlink()
    inbox.put("a.jsonl.gz", gzip.compress(b'{"event": "view", "user": "u1"}'))

    load(inbox)

    found = read_status(inbox.home)
    assert {row["status"]: row["n_files"] for row in found["files"]} == {
        "loaded": 1,
        "refused": 1,
    }
    assert [row["file"] for row in found["refused_files"]] == ["b.jsonl.gz"]
    assert "refused   shop/b.jsonl.gz: bad_gzip" in status_in_words(found)


def test_a_load_that_ended_leaves_a_run_unfinished_and_says_what_is_next(inbox):
    inbox.put_events("a.jsonl", {})
    load(inbox)

    found = read_status(inbox.home)
    (run,) = found["runs"]
    assert (run["status"], run["state"]) == ("running", "unfinished")
    said = status_in_words(found)
    assert "run_000001 unfinished, done: load, as of yet unknown" in said
    assert "to do     `tessera run` finishes what is unfinished" in said
    assert "nothing is published yet" in said
    assert "are private" in said


def test_a_failed_run_says_why_and_a_gate_that_failed_too(tmp_path: Path):
    home = Home.at(tmp_path)
    with open_work(home) as connection:
        create_tables(connection)
        run = ledger.open_run(connection, NOON)
        connection.executemany(
            "insert into ledger.checks by name select $1 as run_id, $2 as check_name, "
            "$3 as severity, $4 as value, 1 as limit_value, $5 as verdict, "
            "$6 as accepted_because, $2 || e':\\n told' as explanation",
            [
                [run.run_id, "fine", "error", 0, "passed", None],
                [run.run_id, "let", "error", 2, "accepted", "it is Easter"],
                [run.run_id, "loud", "warn", 3, "failed", None],
                [run.run_id, "wrong", "error", 2, "failed", None],
            ],
        )
    error = TesseraError("dbt: users: 'Ann Lee' cannot be: ann@example.org")
    with pytest.raises(TesseraError), framing.framed(home):
        raise error

    said = status_in_words(read_status(home)).splitlines()

    told = "dbt: users: '...' cannot be: [email]"
    assert any(line.startswith("run") and line.endswith(told) for line in said)
    assert [line.split(maxsplit=1)[1] for line in said if line[:4] == "gate"] == [
        "let failed, accepted because it is Easter: 2 (limit 1): let: told",
        "wrong failed: 2 (limit 1): wrong: told",
        "loud warns: 3 (limit 1): loud: told",
        "1 passed",
    ]
    assert any("mend what the last run failed of" in line for line in said)


def test_while_somebody_writes_nothing_is_waited_for(inbox):
    inbox.put_events("a.jsonl", {})
    load(inbox)
    with writer_lock(inbox.home):
        found = read_status(inbox.home)
        assert found["writer_pid"]
        assert found["runs"] == []
        assert "is writing" in status_in_words(found)


def test_json_has_every_part(inbox):
    inbox.put_events("a.jsonl", {})
    load(inbox)
    done = CliRunner().invoke(
        main, ["status", "--json", "--home", str(inbox.home.root)]
    )

    told = json.loads(done.stdout)
    assert {"snapshots", "runs", "files", "checks", "disk", "age_seconds"} < set(told)
    assert told["disk"]["n_bytes_free"] > 0


def test_a_reason_is_bounded_quotes_nobody_and_of_the_unforeseen_is_its_kind():
    long = why_it_failed(TesseraError("word " * 1000))
    assert len(long) <= MOST_CHARACTERS
    assert long.endswith("...")
    assert "Ann" not in why_it_failed(ValueError("Ann"))
    assert "Ann" not in why_it_failed(
        TesseraError("could not cast\n\nLINE 1: select * where name = Ann\n   ^")
    )
    assert "'kind'" in why_it_failed(ConfigurationError("source.yml: 'kind' is wrong"))


def test_stages_tell_how_many_bytes_they_loaded(inbox):
    inbox.put_events("a.jsonl", {})
    inbox.put("b.jsonl.gz", b"no gzip")
    load(inbox)

    with open_work(inbox.home) as connection:
        assert connection.execute(
            "select stage, n_bytes from ledger.run_stages"
        ).fetchall() == [("load", (inbox.folder / "a.jsonl").stat().st_size)]
