"""What was read once and nobody has touched is not read again; all else is."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from warehouse import load, stages
from warehouse.connection import open_work
from warehouse.framing import utc_now


@pytest.fixture
def inbox(events, monkeypatch: pytest.MonkeyPatch):
    """An inbox with one loaded file, looked at ten seconds after it was written."""
    events.put_events("a.jsonl", {"user": "u1"})
    monkeypatch.setattr(stages, "utc_now", lambda: utc_now() + timedelta(seconds=10))
    stages.load(events.home)
    return events


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Tell which files are read as a whole."""
    found: list[Path] = []
    hash_file = load.hash_file

    def hashed(path: Path, *others) -> str:
        found.append(path)
        return hash_file(path, *others)

    monkeypatch.setattr(load, "hash_file", hashed)
    return found


def test_what_nobody_touched_is_not_read_again(inbox, reads: list[Path]):
    told = stages.load(inbox.home)

    assert reads == []
    assert "1 loaded before" in told.message


@pytest.mark.parametrize("keeps_times", [False, True])
def test_other_bytes_of_the_same_length_are_seen(
    inbox, reads: list[Path], keeps_times: bool
):
    path = inbox.home.inbox / "shop" / "a.jsonl"
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b"u1", b"u2"))
    if keeps_times:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    told = stages.load(inbox.home)

    assert set(reads) == {path}
    assert "refused" in told.message


def test_a_file_in_the_place_of_another_is_read(inbox, reads: list[Path]):
    path = inbox.home.inbox / "shop" / "a.jsonl"
    copy = path.with_suffix(".copy")
    copy.write_bytes(path.read_bytes())
    os.utime(copy, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    copy.rename(path)

    assert "1 loaded before" in stages.load(inbox.home).message
    assert reads == [path]
    stages.load(inbox.home)
    assert reads == [path]


def test_what_was_written_a_moment_ago_is_read_again(
    events, reads: list[Path], monkeypatch: pytest.MonkeyPatch
):
    """Who writes twice in a moment may be told the same time twice."""
    path = events.put_events("a.jsonl", {"user": "u1"})
    for _ in range(2):
        monkeypatch.setattr(stages, "utc_now", lambda: written_at(path))
        stages.load(events.home)

    assert reads == [path]


def written_at(path: Path) -> datetime:
    written = datetime.fromtimestamp(path.stat().st_ctime, UTC)
    return written.replace(tzinfo=None)


def test_what_is_not_loaded_any_more_is_read(inbox, reads: list[Path]):
    with open_work(inbox.home) as connection:
        connection.execute("update ledger.files set sha256 = 'other'")

    stages.load(inbox.home)

    assert set(reads) == {inbox.home.inbox / "shop" / "a.jsonl"}
