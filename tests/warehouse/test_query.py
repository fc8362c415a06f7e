"""A question reads one snapshot, whatever is asked, and its answer fits who asked."""

import csv
import io
import json
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

from warehouse import ledger, query, snapshots, versions
from warehouse.answers import harmless
from warehouse.cli import main
from warehouse.connection import open_snapshot, open_work
from warehouse.home import Home, writer_lock
from warehouse.raw_tables import LEDGER, create_tables

NOON = datetime(2026, 1, 31, 12)
N_ROWS = 300
N_READERS, N_PUBLICATIONS = 20, 10
SECONDS_OF_THOUGHT = 0.6  # of an analyst, between two questions
TABLES = ("marts.users", "segments.user_segments")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home of two published tables, each of which says its version, 1."""
    return make_home(tmp_path_factory.mktemp("home"))


def make_home(folder: Path) -> Home:
    home = Home.at(folder)
    with open_work(home) as connection:
        create_tables(connection)
        for schema in snapshots.PUBLISHED_SCHEMAS:
            connection.execute(f"create schema {schema}")
        for table in LEDGER:
            name = table.split(".")[1]
            connection.execute(f"create view ops.{name} as from {table}")
    publish(home, 1)
    return home


def publish(home: Home, version: int) -> None:
    """Publish a version whose tables say so in every row."""
    with open_work(home) as connection:
        for table in TABLES:
            connection.execute(
                f"create or replace table {table} as "
                f"select {version} as version, 'u' || range as user_id "
                f"from range({N_ROWS})"
            )
        run = ledger.open_run(connection, NOON)
        snapshot = snapshots.write_snapshot(
            connection, home, snapshots.Publication(run, version, NOON, 1.5)
        )
        ledger.update_run(connection, run.run_id, status="published")
    snapshots.write_parquet(snapshot, home, version)
    snapshots.point_current_at(home, version)
    versions.remove_old(home)


def ask(home: Home, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(
        main, ["query", *arguments, "--home", str(home.root)], input=stdin
    )


def test_the_first_rows_are_shown_and_all_are_counted(home: Home):
    result = ask(home, "from marts.users order by user_id", "--rows", "2")

    assert result.exit_code == 0, result.stderr
    assert "u0" in result.stdout
    assert "u1 " in result.stdout
    assert "u10" not in result.stdout
    assert "the first 2 of 300 rows of snapshot 1" in result.stdout


def test_json_is_one_object_that_says_its_version_and_its_end(home: Home):
    question = "select 1.5::decimal(4, 2) as d, 'nan'::double as n, [date '2026-01-02']"
    told = json.loads(ask(home, f"{question} as l", "--json").stdout)

    assert told == {
        "snapshot_version": 1,
        "columns": [
            {"name": "d", "type": "DECIMAL(4,2)"},
            {"name": "n", "type": "DOUBLE"},
            {"name": "l", "type": "DATE[]"},
        ],
        "rows": [{"d": 1.5, "n": None, "l": ["2026-01-02"]}],
        "n_rows": 1,
        "status": "done",
    }


def test_a_question_may_come_from_a_file_or_standard_input_and_of_a_version(
    tmp_path: Path,
):
    home = make_home(tmp_path)
    publish(home, 2)
    file = tmp_path / "question.sql"
    file.write_text("-- whose\nselect max(version) as v from marts.users;\n")

    assert ask(home, "--csv", "--file", str(file)).stdout.split() == ["v", "2"]
    assert ask(home, "--csv", stdin=file.read_text()).stdout.split() == ["v", "2"]
    assert ask(
        home, "--csv", "--version", "1", stdin=file.read_text()
    ).stdout.split() == [*("v", "1")]
    unknown = ask(home, "select 1", "--version", "7")
    assert unknown.exit_code == 2
    assert "there are: 1, 2" in unknown.stderr


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("select 1; select 2", "2 statements"),
        ("pivot marts.users on version", "PIVOT has to look up"),
        ("insert into marts.users values (1, 'x')", "INSERT is refused"),
        ("create temp table t as select 1", "CREATE is refused"),
        ("attach ':memory:' as m", "ATTACH is refused"),
        ("copy marts.users to 'x.csv'", "COPY is refused"),
        ("set lock_configuration = false", "SET is refused"),
        ("pragma enable_profiling", "PRAGMA is refused"),
        ("install httpfs", "LOAD is refused"),
        ("checkpoint", "CALL is refused"),
        ("explain analyze delete from marts.users", "EXPLAIN is refused"),
        ("explain analyze copy (select 1) to '{log}'", "EXPLAIN is refused"),
        ("explain (analyze) copy (select 1) to '{log}'", "EXPLAIN is refused"),
        ("explain /* (a) */ analyze copy (select 1) to '{log}'", "EXPLAIN is refused"),
        (
            "explain (/* ) select 1 -- */ analyze) copy (select 1) to '{log}'",
            "EXPLAIN is refused",
        ),
        ("/**/ explain analyze create temp table t (a int)", "EXPLAIN is refused"),
        ("copy (select 1) to '{log}'", "COPY is refused"),
        ("from read_csv('/etc/passwd')", "closed to a question"),
        ("from read_text('{work}')", "closed to a question"),
        ("from read_duckdb('{work}')", ""),
        ("from glob('/*')", "closed to a question"),
        ("from '{work}'", "closed to a question"),
        ("from nowhere", "Table with name nowhere does not exist"),
        ("selec 1", "syntax error"),
        ("/* nothing */", "no question"),
        ("select 1 as a, 2 as a --json", "name them apart"),
    ],
)
def test_what_is_no_question_of_a_snapshot_is_refused(
    home: Home, question: str, said: str
):
    question = question.replace("{work}", str(home.work_database))
    question = question.replace("{log}", f"{home.current.resolve()}.wal")
    before = {path: path.stat().st_mtime_ns for path in home.root.rglob("*")}

    options = ["--json"] if question.endswith("--json") else []
    result = ask(home, question.removesuffix("--json"), *options)

    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())
    assert {path: path.stat().st_mtime_ns for path in home.root.rglob("*")} == before


def test_what_takes_too_long_or_too_much_is_stopped_in_words(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(query._LOCKED_DOWN, "memory_limit", "32MiB")
    endless = "select count(*) from range(1000000000) as a, range(1000000) as b"
    took_long = ask(home, endless, "--timeout", "1")
    broke_off = ask(
        home, "select range from range(1000000000)", "--timeout", "1", "--json"
    )
    too_much = ask(home, "select array_agg(range) from range(1000000000)")

    assert (took_long.exit_code, broke_off.exit_code, too_much.exit_code) == (1, 1, 1)
    assert "stopped after 1 s" in took_long.stderr
    told = json.loads(broke_off.stdout)
    assert told["status"] == "failed"
    assert told["n_rows"] == len(told["rows"]) > 0
    assert "more than 1GiB of memory" in too_much.stderr


def test_a_question_neither_waits_for_a_writer_nor_makes_a_home(
    home: Home, tmp_path: Path
):
    with writer_lock(home):
        began = time.monotonic()
        assert ask(home, "select 1").exit_code == 0
        assert time.monotonic() - began < 1
    unborn = Home.at(tmp_path / "unborn")
    unborn.inbox.mkdir(parents=True)
    early = ask(unborn, "select 1")
    assert early.exit_code == 1
    assert "nothing is published yet" in early.stderr
    assert [path.name for path in unborn.root.iterdir()] == ["inbox"]


def test_a_question_is_not_answered_from_what_was_put_beside_a_snapshot(
    tmp_path: Path,
):
    home = make_home(tmp_path / "home")
    log = Path(f"{home.current.resolve()}.wal")
    log.write_bytes(b"whatever")
    assert "would change what" in ask(home, "from marts.users").stderr

    log.unlink()
    home.current.unlink()
    home.current.write_bytes(b"no link")
    said = " ".join(ask(home, "from marts.users").stderr.split())
    assert "is no link to a snapshot any more; `tessera rollback`" in said


def test_a_version_that_gives_way_while_it_is_opened_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home = make_home(tmp_path / "home")
    found = iter([7, 1, 1])
    monkeypatch.setattr(snapshots, "version_pointed_at", lambda _home: next(found))

    answer = ask(home, "--json", "select 1 as one")

    assert json.loads(answer.stdout)["snapshot_version"] == 1


@pytest.mark.parametrize(
    "command",
    [
        *("query x", "status", "rollback", "build", "segment", "publish", "docs"),
        *("rekey", "quarantine list", "quarantine replay", "explain x"),
    ],
)
@pytest.mark.parametrize("is_there", [False, True])
def test_a_mistyped_home_is_said_and_not_made(
    tmp_path: Path, command: str, is_there: bool
):
    mistyped = tmp_path / "hme"
    if is_there:
        mistyped.mkdir()
    result = CliRunner().invoke(main, [*command.split(), "--home", str(mistyped)])

    assert result.exit_code == 2
    assert "there is no home at" in result.stderr
    assert mistyped.exists() is is_there
    assert not is_there or list(mistyped.iterdir()) == []


@pytest.mark.parametrize(
    "first", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d"]
)
def test_a_text_that_begins_as_a_formula_does_is_none_in_csv(home: Home, first: str):
    text = f"{first}1+1"
    question = f"select chr({ord(first)}) || '1+1' as \"=x\", -5 as number, '' as empty"

    told = ask(home, question, "--csv").stdout_bytes.decode()
    (header, row) = csv.reader(io.StringIO(told, newline=""))

    assert header == ["'=x", "number", "empty"]
    assert row == [f"'{text}", "-5", ""]
    plain = json.loads(ask(home, question, "--json").stdout)
    assert plain["rows"][0]["=x"] == text


def test_whatever_a_text_begins_with_no_cell_begins_a_formula():
    cells = {harmless(chr(first) + "x") for first in range(0x10000)}

    assert {cell[0] for cell in cells}.isdisjoint(
        "=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20"
    )
    assert sum(cell.startswith("'") for cell in cells) == 1 + 12


def test_a_text_moves_no_cursor_of_a_terminal(home: Home):
    result = ask(home, "select 'a' || chr(27) || '[2J' || chr(10) || 'b' as x")

    assert "\x1b" not in result.stdout
    assert r"a\x1b[2J\nb" in result.stdout


def read_table(path: str) -> list[dict]:
    return parquet.ParquetFile(path).read(use_threads=False).to_pylist()


def read_on(home: Home, is_over: Callable[[], bool]) -> dict:
    """Connect anew, question several tables and files, until it is over.

    Returns
    -------
    dict
        `n_questions`, the `versions` that were seen, the `longest` time of a question
        with its connection, in seconds.
    """
    seen: set[tuple] = set()
    n_questions, longest = 0, 0.0
    while not is_over() or n_questions == 0:
        began = time.perf_counter()
        with open_snapshot(home.current) as connection:
            tables = connection.execute(
                "select distinct users.version, user_segments.version, "
                "(select max(snapshot_version) from ops.runs) "
                "from marts.users join segments.user_segments using (user_id) "
                "group by all"
            ).fetchall()
        folder = (home.published / "parquet" / "current").resolve()
        files = (
            {row["version"] for row in read_table(f"{folder}/{table}.parquet")}
            for table in TABLES
        )
        runs = read_table(f"{folder}/ops.runs.parquet")
        seen |= set(
            product(*files, {max(run["snapshot_version"] or 0 for run in runs)})
        )
        longest = max(longest, time.perf_counter() - began)
        seen |= set(tables)
        n_questions += 1
        time.sleep(SECONDS_OF_THOUGHT)
    return {"n_questions": n_questions, "versions": seen, "longest": longest}


def test_twenty_analysts_read_through_ten_publications(tmp_path: Path, record_property):
    home = make_home(tmp_path)
    told: list[dict] = []
    faults: list[BaseException] = []
    is_over = threading.Event()

    def read() -> None:
        try:
            told.append(read_on(home, is_over.is_set))
        except BaseException as error:
            faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(N_READERS)]
    for reader in readers:
        reader.start()
    for version in range(2, 2 + N_PUBLICATIONS):
        publish(home, version)
    is_over.set()
    for reader in readers:
        reader.join()

    seen = set().union(*(each["versions"] for each in told))
    assert faults == []
    record_property("questions", sum(each["n_questions"] for each in told))
    record_property("errors", len(faults))
    record_property("longest_seconds", max(each["longest"] for each in told))
    assert len(told) == N_READERS
    assert all(len(set(versions)) == 1 for versions in seen)
    assert len(seen) > 1
    assert os.readlink(home.current) == snapshots.snapshot_path(home, 11).name
