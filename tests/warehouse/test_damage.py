"""A damaged working file or vault is noticed, set aside, and made again."""

import os
import random
import stat
import subprocess
import sys
from collections.abc import Callable

import duckdb
import pytest

from warehouse import damage, framing, stages
from warehouse.connection import open_work
from warehouse.errors import TesseraError
from warehouse.home import Home
from warehouse.keys import write_ahead_log

ROWS = "select user_id, event_name from raw.events order by row_key"

# DuckDB keeps what is committed in a log until it is closed or has much of it.
LEAVE_A_LOG = """
import os, sys
import duckdb

connection = duckdb.connect(sys.argv[1])
connection.execute("update raw.events set event_name = event_name || '!'")
connection.execute("update raw.events set event_name = 'view'")
os._exit(137)
"""


@pytest.fixture
def inbox(events):
    """Give an inbox that was loaded, with something for the vault."""
    events.put_events("a.jsonl", *({"user": f"u{n}"} for n in range(2000)))
    events.put_events("b.jsonl", {"user": "ann@example.org"}, {"event": ""})
    stages.load(events.home)
    return events


def flipped(content: bytes, position: int, bit: int = 0) -> bytes:
    changed = bytearray(content)
    changed[position] ^= 1 << bit
    return bytes(changed)


def of_a_used_block(home: Home) -> int:
    """Give a place in a block in which a table is."""
    with open_work(home) as connection:
        ((block,),) = connection.execute(
            "select max(block_id) from pragma_storage_info('raw.events') "
            "where persistent"
        ).fetchall()
    return 3 * 4096 + block * damage.BLOCK_BYTES + 100


DAMAGES: dict[str, Callable[[Home, bytes], bytes]] = {
    "a bit of a table": lambda home, content: flipped(content, of_a_used_block(home)),
    "a bit of the first header": lambda _, content: flipped(content, 2000, 5),
    "a bit of the last header": lambda _, content: flipped(content, 8300),
    "no bytes": lambda *_: b"",
    "half of it": lambda _, content: content[: len(content) // 2],
    "another format": lambda *_: b"SQLite format 3\0" + bytes(5000),
    "zeros": lambda _, content: bytes(len(content)),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_working_file_is_set_aside_and_loaded_again(inbox, kind, caplog):
    path, before = inbox.home.work_database, inbox.query(ROWS)
    content = DAMAGES[kind](inbox.home, path.read_bytes())
    path.write_bytes(content)

    with pytest.raises(TesseraError, match=r"damaged .* run `tessera run`"):
        stages.build(inbox.home)
    aside = path.with_name("work.duckdb.damaged")
    assert aside.read_bytes() == content
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert str(aside) in caplog.text

    assert stages.load(inbox.home).n_rows == 2001
    assert inbox.query(ROWS) == before
    assert inbox.files() == [("a.jsonl", "loaded", None), ("b.jsonl", "loaded", None)]


@pytest.mark.parametrize("change", ["a bit", "another's", "gone", "cut"])
def test_a_damaged_log_of_the_working_file_loses_nothing(inbox, change: str):
    path, before = inbox.home.work_database, inbox.query(ROWS)
    log = write_ahead_log(path)
    subprocess.run([sys.executable, "-c", LEAVE_A_LOG, str(path)], check=False)
    content = log.read_bytes()
    if change == "another's":
        log.write_bytes(flipped(content, 15))  # of the id of its database
    elif change == "a bit":
        log.write_bytes(flipped(content, len(content) - 200))
    elif change == "cut":
        log.write_bytes(content[: len(content) // 2])
    else:
        log.unlink()

    stages.load(inbox.home)

    is_noticed = change in ("a bit", "another's")
    assert path.with_name("work.duckdb.damaged").exists() == is_noticed
    assert inbox.query(ROWS) == before


def test_a_bit_that_flips_while_nobody_writes_is_found_by_the_next_load(inbox):
    path = inbox.home.work_database
    place, before = of_a_used_block(inbox.home), inbox.query(ROWS)
    stages.load(inbox.home)
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert damage.set_aside_damaged(inbox.home, thoroughly=False) is None
    assert stages.load(inbox.home).n_rows == 2001
    assert inbox.query(ROWS) == before


def test_a_damaged_vault_is_made_again_with_the_working_file(inbox):
    before = inbox.query(ROWS), inbox.raw_lines()
    vault = inbox.home.vault
    vault.write_bytes(flipped(vault.read_bytes(), vault.stat().st_size - 1000))

    stages.load(inbox.home)

    assert vault.with_name("vault.duckdb.damaged").exists()
    assert (inbox.query(ROWS), inbox.raw_lines()) == before


def test_killed_while_a_damaged_vault_is_set_aside_the_next_load_ends_it(
    inbox, monkeypatch
):
    before = inbox.query(ROWS), inbox.raw_lines()
    vault = inbox.home.vault
    vault.write_bytes(flipped(vault.read_bytes(), vault.stat().st_size - 1000))

    def die(_stage: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(damage, "fault_point", die)
        with pytest.raises(KeyboardInterrupt):
            stages.load(inbox.home)
    assert not inbox.home.work_database.exists()
    stages.load(inbox.home)

    assert (inbox.query(ROWS), inbox.raw_lines()) == before


def test_an_undamaged_file_stays_where_it_is(inbox):
    known = inbox.home.work_database.stat().st_ino

    for _ in range(2):
        assert stages.load(inbox.home).n_rows == 0
        (inbox.home.warehouse / "left.json").unlink()

    assert inbox.home.work_database.stat().st_ino == known
    assert not list(inbox.home.warehouse.glob("*.damaged"))


def test_a_bad_block_that_nothing_points_at_is_no_damage(inbox):
    path = inbox.home.work_database
    content = path.read_bytes()
    path.write_bytes(content + bytes(damage.BLOCK_BYTES))  # as by a write cut short

    assert not damage.blocks_hold(path)
    assert damage.set_aside_damaged(inbox.home, thoroughly=True) is None


def test_duckdbs_checksums_are_those_that_are_looked_at(inbox):
    path = inbox.home.work_database

    assert damage.blocks_hold(path)
    content, chosen = path.read_bytes(), random.Random(0)
    for _ in range(20):
        path.write_bytes(flipped(content, chosen.randrange(len(content))))
        assert not damage.blocks_hold(path)


def test_what_is_found_in_the_middle_of_a_stage_is_mended_by_the_next_load(inbox):
    """A block is damaged after a stage has begun: no look at its start can see it."""
    home, before = inbox.home, inbox.query(ROWS)
    place = of_a_used_block(home)
    stages.load(home)

    def damage_and_read() -> None:
        with framing.framed(home), home.work_database.open("r+b") as file:
            file.seek(place)
            file.write(b"damage")
            file.flush()
            with open_work(home) as connection:
                damage.read_through(connection)

    with pytest.raises(TesseraError, match="Run `tessera run`"):
        damage_and_read()

    stages.load(home)
    assert inbox.query(ROWS) == before


def test_the_load_itself_blames_no_dump_for_it(inbox, monkeypatch):
    def fail(*_args, **_options):
        raise duckdb.IOException("IO Error: Corrupt database file: computed checksum")

    inbox.put_events("c.jsonl", {})
    monkeypatch.setattr("warehouse.load.store_lines", fail)

    with pytest.raises(TesseraError, match="damaged file"):
        stages.load(inbox.home)
    assert [file for file, *_ in inbox.files()] == ["a.jsonl", "b.jsonl"]


def test_a_file_of_an_earlier_duckdb_is_taken_up(inbox):
    """As an upgrade finds it: in the format that DuckDB 1.0 wrote."""
    before = inbox.query(ROWS)
    work = inbox.home.work_database
    earlier = work.with_name("earlier.duckdb")
    with duckdb.connect() as connection:
        connection.execute(f"attach '{work}' as work (read_only)")
        connection.execute(f"attach '{earlier}' as earlier (storage_version 'v1.0.0')")
        connection.execute("copy from database work to earlier")
        formats = connection.execute(
            "select tags['storage_version'] from duckdb_databases() "
            "where not internal and database_name in ('work', 'earlier') "
            "order by database_name"
        ).fetchall()
    assert formats[0][0].startswith("v1.0.0")
    assert formats[1] != formats[0]
    earlier.replace(work)
    inbox.put_events("z.jsonl", {"user": "u9"})

    assert stages.load(inbox.home).n_rows == 1

    assert not work.with_name("work.duckdb.damaged").exists()
    assert inbox.query("select count(*) from raw.events") == [(len(before) + 1,)]


def test_a_file_of_a_later_duckdb_is_no_damage_and_said_in_words(inbox, monkeypatch):
    def refuse(*_args, **_options):
        raise duckdb.IOException(
            "IO Error: Trying to read a database file with version number 99, but we "
            "can only read versions between 64 and 68."
        )

    damage.distrust(inbox.home)
    monkeypatch.setattr(duckdb, "connect", refuse)

    with pytest.raises(TesseraError, match="written by a later version of DuckDB"):
        stages.load(inbox.home)
    assert inbox.home.work_database.exists()


def test_what_a_dump_says_is_not_taken_for_damage(events):
    events.put_events("a.jsonl", {"user": "Corrupt database file", "at": "x"}, {})
    events.put_events("b.json", {"at": "No space left on device"}, {"user": "u2"})

    stages.load(events.home)

    assert [status for _, status, _ in events.files()] == ["loaded", "loaded"]
