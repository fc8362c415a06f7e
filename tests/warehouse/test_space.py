"""A disk that is too small is told before a byte is written, and when it fills up."""

import errno
import gzip
import os
import subprocess
from collections.abc import Generator
from pathlib import Path

import duckdb
import pytest

from warehouse import compaction, mishaps, preflight, space, stages
from warehouse.connection import open_work
from warehouse.errors import TesseraError
from warehouse.home import Home

LINES = "select count(*) from raw.events"


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """Give a disk of 6 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def enlarge(folder: Path) -> None:
    subprocess.run(
        ["mount", "-o", "remount,size=200m", "tmpfs", str(folder)], check=True
    )


def with_free(monkeypatch: pytest.MonkeyPatch, n_bytes: int) -> None:
    """Have so much free, wherever one looks."""
    monkeypatch.setattr(space, "free_bytes", lambda _path: n_bytes)


def some_events(inbox, n_events: int = 8_000) -> None:
    """Put events that hardly compress into a dump."""
    inbox.put_events(
        "b.jsonl",
        *(
            {"user": f"u{number}", "x": os.urandom(200).hex()}
            for number in range(n_events)
        ),
    )


def test_a_load_that_does_not_fit_is_refused_before_anything_is_written(
    events, monkeypatch
):
    events.put_events("a.jsonl", *({"x": "y" * 100},) * 500)
    with_free(monkeypatch, space.RESERVE + 1000)

    with pytest.raises(TesseraError, match=r"warehouse: about .* are needed to load"):
        stages.load(events.home)

    assert events.files() == []


def test_dumps_in_gzip_count_for_more_and_those_that_are_known_for_nothing(
    events, monkeypatch
):
    asked = []
    monkeypatch.setattr(space, "require", lambda _folder, n, _why: asked.append(n))
    plain = events.put_events("a.jsonl", *({},) * 50).stat().st_size
    packed = events.put("b.jsonl.gz", gzip.compress(b"{}\n" * 99))

    events.load()
    events.load()

    assert asked == [
        preflight.LOADED_SHARE * plain
        + preflight.LOADED_SHARE_OF_PACKED * packed.stat().st_size
    ]


@pytest.mark.parametrize(
    ("ask", "purpose"),
    [
        (preflight.require_for_build, "to build"),
        (preflight.require_for_publication, "to publish"),
    ],
)
def test_a_stage_that_does_not_fit_is_refused(events, monkeypatch, ask, purpose):
    events.put_events("a.jsonl", *({"user": f"u{n}"} for n in range(1000)))
    stages.load(events.home)
    with_free(monkeypatch, space.RESERVE)

    with open_work(events.home) as connection:
        (living, dead) = preflight.living_and_dead_bytes(connection)
        assert living > dead == 0
        with pytest.raises(TesseraError, match=purpose):
            ask(connection, events.home)


def test_a_disk_that_fills_up_is_told_and_the_next_load_goes_on(
    small_disk: Path, open_inbox, monkeypatch
):
    monkeypatch.setattr(space, "RESERVE", 0)
    monkeypatch.setattr(preflight, "LOADED_SHARE", 0)
    inbox = open_inbox(small_disk / "home")
    inbox.put_events("a.jsonl", {"user": "u1"})
    stages.load(inbox.home)
    some_events(inbox)
    before = inbox.query("select user_id from raw.events")

    with pytest.raises(TesseraError, match="the disk is full"):
        stages.load(inbox.home)
    assert inbox.query("select user_id from raw.events") == before

    enlarge(small_disk)
    stages.load(inbox.home)
    assert inbox.query(LINES) == [(8_001,)]


@pytest.mark.parametrize(
    ("error", "path"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x/a.json"), "/x/a.json"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "home"),
        (
            duckdb.IOException(
                'IO Error: Could not write file "/y/work.duckdb.wal": No space left on '
                "device"
            ),
            "/y/work.duckdb.wal",
        ),
        (
            duckdb.OutOfMemoryException(
                "Out of Memory Error: failed to offload data block of size 256.0 KiB "
                "(1.0 GiB/1.0 GiB used).\nThis limit was set by the "
                "'max_temp_directory_size' setting."
            ),
            "spill",
        ),
        (
            TesseraError('dbt: model a: IO Error: "/z/t": No space left on device'),
            "/z/t",
        ),
    ],
)
def test_a_full_disk_is_told_with_its_path_and_what_to_do(tmp_path, error, path):
    told = mishaps.explained(error, Home.at(tmp_path / "home"))

    assert isinstance(told, TesseraError)
    assert path in str(told).split(": the disk is full")[0]
    assert "run again" in str(told)


def test_spill_leaves_room_for_what_is_made_of_it(events, monkeypatch):
    with_free(monkeypatch, 100 * 2**20)

    with open_work(events.home) as connection:
        ((limit,),) = connection.execute(
            "select current_setting('max_temp_directory_size')"
        ).fetchall()
        assert limit == "50.0 MiB"


@pytest.fixture
def sparse(events, monkeypatch):
    """Give a home of which more than half is dead space, and every MB counts."""
    monkeypatch.setattr(compaction, "DEAD_BYTES", 2**20)
    events.put_events("a.jsonl", *({"user": f"u{n}"} for n in range(3000)))
    stages.load(events.home)
    with open_work(events.home) as connection:
        connection.execute(
            "create view raw.seen as select user_id from work.raw.events; "
            "create table raw.dead as select random() as x from range(4000000)"
        )
        connection.execute("checkpoint")  # what comes next lies behind it, and stays
        connection.execute(
            "create table raw.living as select random() as x "
            "from range(300000); checkpoint"
        )
        connection.execute("drop table raw.dead")
    return events


def everything(home: Home) -> list:
    """Say what is in the working file, and what it is like."""
    with open_work(home) as connection:
        asked = [
            "select schema_name, table_name, sql from duckdb_tables() order by all",
            "select schema_name, view_name, sql from duckdb_views() "
            "where not internal order by all",
            "select table_name, constraint_text from duckdb_constraints() order by all",
            "select tags from duckdb_databases() where database_name = 'work'",
            "select count(*), bit_xor(hash(rows)) from raw.events as rows",
            "select count(*) from raw.seen",
        ]
        return [connection.execute(question).fetchall() for question in asked]


def test_dead_space_is_given_back_and_nothing_else_changes(sparse):
    home = sparse.home
    before, size = everything(home), home.work_database.stat().st_size

    shrunk = compaction.compact_if_sparse(home)

    assert home.work_database.stat().st_size == size - shrunk < size / 2
    assert home.work_database.stat().st_mode & 0o777 == 0o600
    assert everything(home) == before
    assert compaction.compact_if_sparse(home) == 0


def test_without_room_for_a_copy_nothing_is_compacted(sparse, monkeypatch):
    monkeypatch.setattr(compaction, "free_bytes", lambda _path: 10**6)

    assert compaction.compact_if_sparse(sparse.home) == 0


def test_a_compaction_may_be_killed_anywhere(sparse, monkeypatch):
    home = sparse.home
    before, size = everything(home), home.work_database.stat().st_size

    class KilledError(BaseException):
        pass

    for number in range(1, 10):
        passed = iter(range(1, 10))

        def die_at(_stage: str, number: int = number, passed=passed) -> None:
            if next(passed) == number:
                raise KilledError

        monkeypatch.setattr(compaction, "fault_point", die_at)
        try:
            compaction.compact_if_sparse(home)
        except KilledError:
            assert everything(home) == before
        else:
            break

    assert number == 5
    assert home.work_database.stat().st_size < size / 2
    assert [path.name for path in home.warehouse.glob("work.duckdb*")] == [
        "work.duckdb"
    ]
