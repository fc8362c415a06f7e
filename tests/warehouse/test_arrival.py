"""A dump is taken when it is there, whole, and what its manifest says it is."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from warehouse import arrival

LINE = b'{"user": "u1", "event": "view", "at": "2026-01-01"}\n'
SHA256 = hashlib.sha256(LINE).hexdigest()
WHOLE = {"name": "a.jsonl", "size": len(LINE), "sha256": SHA256, "lines": 1}


def put_manifest(inbox, *entries: dict, folder: str = "") -> Path:
    return inbox.put(f"{folder}_manifest.json", json.dumps({"files": entries}))


@pytest.mark.parametrize(
    "entry",
    [
        WHOLE,
        WHOLE | {"sha256": SHA256.upper(), "etag": "more than we read"},
        {"path": "a.jsonl", "bytes": len(LINE)},
        {"file": "a.jsonl", "line_count": 1},
        {"name": "a.jsonl"},
    ],
)
def test_a_file_that_is_as_its_manifest_says_is_loaded(events, entry: dict):
    events.put("a.jsonl", LINE)
    put_manifest(events, entry)

    assert events.load().n_loaded == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 1}, f"{len(LINE)} bytes, 1 in _manifest.json"),
        ({"sha256": "0" * 64}, f"{SHA256} sha256, {'0' * 64} in _manifest.json"),
        ({"lines": 2}, "1 lines, 2 in _manifest.json"),
    ],
)
def test_a_file_that_is_not_as_its_manifest_says_is_refused_whole(
    events, change: dict, words: str
):
    events.put("a.jsonl", LINE)
    put_manifest(events, WHOLE | change)

    assert events.load().n_refused == 1
    assert events.files() == [("a.jsonl", "refused", f"manifest_mismatch: {words}")]
    assert events.query("select count(*) from raw.events") == [(0,)]

    put_manifest(events, WHOLE)
    assert events.load().n_loaded == 1


def test_a_manifest_speaks_of_its_folder_alone(events):
    events.put("a.jsonl", LINE)
    events.put("day/a.jsonl", LINE + LINE)
    events.put("day/b.jsonl", LINE + b"\n")
    put_manifest(events, {"name": "b.jsonl"}, {"name": "c.jsonl"}, folder="day/")

    assert events.load().warnings == [
        "shop/day/c.jsonl: listed by _manifest.json, but not there",
        "shop/day/a.jsonl: left until _manifest.json lists it",
    ]
    assert [file for file, _, _ in events.files()] == ["a.jsonl", "day/b.jsonl"]


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[" * 100_000,
        b'{"files": 1}',
        b'{"files": [{"size": 1}]}',
        b'{"files": [{"name": "a.jsonl", "size": "1"}]}',
        b'[{"name": "a.jsonl", "sha256": "abc"}]',
        b'[{"name": "a.jsonl"}, {"name": "a.jsonl"}]',
        b'[{"name": "../../a.jsonl"}, {"name": "a.jsonl"}]',
        b'[{"name": "/etc/passwd"}, {"name": "a.jsonl"}]',
        b'[{"name": "a\\nb"}, {"name": "a.jsonl", "lines": 1.5}]',
    ],
)
def test_nothing_is_loaded_by_a_manifest_that_cannot_be_read(events, content: bytes):
    events.put("a.jsonl", LINE)
    events.put("_manifest.json", content)

    assert events.load().n_refused == 1
    assert events.files()[0][2].startswith("bad_manifest: _manifest.json")


def test_a_linked_manifest_is_not_followed(events):
    events.put("a.jsonl", LINE)
    elsewhere = events.put("../../elsewhere.json", json.dumps([WHOLE]))
    (events.folder / "_manifest.json").symlink_to(elsewhere)

    assert events.load().n_refused == 1


@pytest.mark.parametrize("mark", ["_SUCCESS", "_manifest.json"])
def test_a_source_may_wait_for_a_mark(events, mark: str):
    events.describe(wait_for=mark)
    events.put("day/a.jsonl", LINE)
    events.put(mark, json.dumps([WHOLE]))  # beside another folder

    assert events.load().warnings == [
        f"shop/day/a.jsonl: left until {mark} is beside it"
    ]

    events.put(f"day/{mark}", json.dumps([WHOLE]))
    assert events.load().n_loaded == 1


def test_a_file_that_is_open_for_writing_is_left_for_later(events):
    path = events.folder / "a.jsonl"
    writer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys\n"
            f"with open({str(path)!r}, 'wb') as file:\n"
            f"    file.write({LINE!r}); file.flush(); print(flush=True)\n"
            f"    sys.stdin.readline(); file.write({LINE!r})",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    writer.stdout.readline()

    assert "still being written" in events.load().in_words()
    assert events.files() == []

    writer.communicate(b"\n")
    assert events.load().n_accepted == 2


def test_a_file_that_changes_while_one_looks_is_left_for_later(events, monkeypatch):
    path = events.put("a.jsonl", LINE)
    monkeypatch.setattr(arrival, "QUIET_SECONDS", 1)

    def write_meanwhile(_: float) -> None:
        with path.open("ab") as file:
            file.write(LINE)

    with monkeypatch.context() as patched:
        patched.setattr(arrival.time, "sleep", write_meanwhile)
        assert "still being written" in events.load().in_words()
    assert events.files() == []


def test_nobody_waits_for_files_of_yesterday(events, monkeypatch):
    import os

    path = events.put("a.jsonl", LINE)
    os.utime(path, (0, 0))
    monkeypatch.setattr(arrival, "QUIET_SECONDS", 1)
    monkeypatch.setattr(arrival.time, "sleep", lambda _: pytest.fail("waited"))

    assert events.load().n_loaded == 1
