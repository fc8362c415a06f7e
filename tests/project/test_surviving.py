"""Signals, two runs at once, checkpoints cut short: processes as they really are."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from running import run_tessera

from warehouse import stages
from warehouse.home import Home, lock_holder, writer_lock

SOURCE = """
adapter: generic
kind: events
columns: {user_id: user, event_name: event, occurred_at: at}
"""
LINE = '{"user": "u%d", "event": "view", "at": "2026-01-01 10:00:00"}\n'
CHECKPOINTS = (
    "before_header",
    "before_truncate",
    "after_free_list_write",
    "before_wal_finish",
)

# Load, and have DuckDB fail within a checkpoint, as for its own tests, when half
# of the files are in.
LOAD_AND_ABORT = """
import os, sys
from contextlib import suppress
from warehouse import connection, stages
from warehouse.home import Home

opened, connections = connection.duckdb.connect, []

def connect(*args, **options):
    connections.append(opened(*args, **options))
    connections[-1].execute("set wal_autocheckpoint = '1KB'")
    return connections[-1]

def abort_soon(said):
    if said.startswith("shop/004"):
        for each in connections:
            with suppress(connection.duckdb.ConnectionException):  # closed already
                each.execute(f"set debug_checkpoint_abort = '{place}'")

connection.duckdb.connect = connect
for place in sys.argv[2:]:
    if not os.fork():
        try:
            stages.load(Home.at(os.path.join(sys.argv[1], place)), progress=abort_soon)
            print(place, "was not reached", flush=True)
        except BaseException as error:
            print(place, "aborted", " ".join(str(error).split())[:80], flush=True)
        finally:
            os._exit(137)
    os.wait()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Give a home whose inbox has files of events, old enough to be taken at once."""
    home = Home.at(tmp_path)
    write_dumps(home, 8)
    return home


def write_dumps(home: Home, n_files: int, n_lines: int = 500) -> None:
    folder = home.inbox / "shop"
    folder.mkdir(parents=True)
    (folder / "source.yml").write_text(SOURCE)
    for number in range(n_files):
        dump = folder / f"{number:03d}.jsonl"
        first = number * n_lines
        dump.write_text("".join(LINE % (first + line) for line in range(n_lines)))
        os.utime(dump, (time.time() - 3600,) * 2)


def start(home: Home, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "warehouse.cli", *arguments, "--home", str(home.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_lock(home: Home, process: subprocess.Popen) -> None:
    give_up_at = time.monotonic() + 60
    while lock_holder(home) != process.pid:
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def rows_and_ledger(home: Home) -> tuple[list, list]:
    """Count the rows of each file twice: those there are, and those of the ledger."""
    with duckdb.connect(str(home.work_database)) as connection:
        there = connection.execute(
            "select file_id, count(*) from raw.events group by file_id order by file_id"
        ).fetchall()
        told = connection.execute(
            "select file_id, n_accepted from ledger.files "
            "where n_lines = n_accepted + n_duplicate + n_quarantined + n_blank "
            "order by file_id"
        ).fetchall()
    return there, told


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_signal_stops_a_stage_at_once_and_the_next_goes_on(
    home: Home, number: signal.Signals, status: int, record_property
):
    process = start(home, "load")
    wait_for_lock(home, process)

    began = time.monotonic()
    process.send_signal(number)
    output, errors = process.communicate(timeout=10)
    record_property("seconds_to_stop", time.monotonic() - began)

    assert process.returncode == status
    assert output == ""
    assert errors == (
        f"tessera: stopped by {number.name}; the last good snapshot stands, and the "
        "next run goes on from what is whole\n"
    )
    assert lock_holder(home) is None
    stages.load(home)
    there, told = rows_and_ledger(home)
    assert there == told == [(number + 1, 500) for number in range(8)]


def test_of_two_loads_at_once_one_works_and_the_other_says_who(home: Home):
    """As when a scheduler starts a task again while its first copy still lives."""
    with writer_lock(home):
        second = run_tessera(home, "load")
    both = [start(home, "load") for _ in range(2)]
    ended = {process.pid: process.communicate(timeout=120)[1] for process in both}
    statuses = sorted(process.returncode for process in both)

    assert second.returncode == 3
    assert f"process {os.getpid()} is writing" in " ".join(second.stderr.split())
    assert statuses in ([0, 0], [0, 3])  # one may have waited until the other ended
    for process in both:
        if process.returncode == 3:
            (other,) = set(ended) - {process.pid}
            assert f"process {other} is writing" in " ".join(ended[process.pid].split())
    there, told = rows_and_ledger(home)
    assert there == told == [(number + 1, 500) for number in range(8)]


def test_the_lock_of_a_process_that_was_killed_is_free(home: Home):
    process = start(home, "load")
    wait_for_lock(home, process)

    process.kill()
    process.communicate()

    assert home.lock_file.read_text() == str(process.pid)  # a stale note, and no lock
    assert lock_holder(home) is None
    with writer_lock(home):
        assert lock_holder(home) == os.getpid()


def test_checkpoints_that_are_cut_short_lose_no_row(tmp_path: Path):
    homes = [Home.at(tmp_path / place) for place in CHECKPOINTS]
    for home in homes:
        write_dumps(home, 8)

    cut_short = subprocess.run(
        [sys.executable, "-c", LOAD_AND_ABORT, str(tmp_path), *CHECKPOINTS],
        capture_output=True,
        text=True,
        check=True,
    )

    told = cut_short.stdout.splitlines()
    assert [line.split(" FATAL")[0] for line in told] == [
        f"{place} aborted" for place in CHECKPOINTS
    ], cut_short.stderr
    for home in homes:
        there, told = rows_and_ledger(home)
        assert there == told
        assert len(there) in (4, 5)  # the last commit, or not yet
        stages.load(home)
        there, told = rows_and_ledger(home)
        assert there == told == [(number + 1, 500) for number in range(8)]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_load_that_is_killed_at_random_loses_no_row(tmp_path: Path, record_property):
    home, chosen = Home.at(tmp_path), random.Random(0)
    write_dumps(home, 200, n_lines=200)

    n_killed = 0
    while True:
        process = start(home, "load")
        wait_for_lock(home, process)
        try:
            process.wait(timeout=chosen.uniform(0, 1.5))
        except subprocess.TimeoutExpired:
            process.kill()
            n_killed += 1
        process.communicate()
        if home.work_database.exists():
            with duckdb.connect(str(home.work_database)) as connection:
                is_made = connection.execute(
                    "select 1 from duckdb_tables() where schema_name = 'ledger' "
                    "and table_name = 'files'"
                ).fetchall()
            there, told = rows_and_ledger(home) if is_made else ([], [])
            assert there == told
        if process.returncode == 0:
            break

    record_property("n_killed", n_killed)
    assert n_killed > 0
    assert len(there) == 200
