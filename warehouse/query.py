"""One question to a published snapshot, locked down: it reads, and that is all."""

import os
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse import snapshots
from warehouse.errors import ConfigurationError, TesseraError
from warehouse.home import Home
from warehouse.snapshots import snapshot_path
from warehouse.verifying import log_beside

MEMORY = "1GiB"
MOST_THREADS = 4
ROWS_AT_A_TIME = 2048
SECONDS_BETWEEN_INTERRUPTS = 0.1

_LOCKED_DOWN = {
    "enable_external_access": "false",  # no file but the snapshot, no network
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "memory_limit": MEMORY,
    "temp_directory": "",  # what does not fit is refused: readers fill no disk
}
_READ = (
    duckdb.StatementType.SELECT,  # also FROM, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE
    duckdb.StatementType.EXPLAIN,
)


_EXPLAIN = re.compile(
    r"explain\s+(?:analyze\s+)?(?:\([\w\s,]*\)\s*)?(.*)", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True)
class Answer:
    """What a snapshot says: names and types of columns, and batches of rows."""

    version: int
    names: list[str]
    types: list[str]
    batches: Iterator[list[tuple]]


@contextmanager
def asked(
    home: Home, question: str, *, version: int | None = None, seconds: float = 300
) -> Generator[Answer]:
    """Ask a snapshot one question; the answer is read while the block lasts.

    Neither the writer's lock nor anything else of the home is touched. Rows come in
    batches and are never all in memory.

    Parameters
    ----------
    home : Home
    question : str
        One SQL statement that reads.
    version : int, optional
        The snapshot to ask; by default the current one.
    seconds : float, default=300
        How long question and answer may take.

    Raises
    ------
    ConfigurationError
        If there is no such version, the question is not one statement that reads, or
        DuckDB does not understand it.
    TesseraError
        If nothing is published yet, or the answer takes too long or too much memory.
    """
    with (
        _opened(home, version) as (connection, version),
        _time_limit(connection, seconds) as is_over,
    ):
        statement = _only_statement(connection, question)
        with _in_words(is_over, seconds):
            result = connection.execute(statement)
            first = result.fetchmany(ROWS_AT_A_TIME)

        def batches() -> Iterator[list[tuple]]:
            rows = first
            while rows:
                yield rows
                with _in_words(is_over, seconds):
                    if is_over():
                        raise duckdb.InterruptException
                    rows = result.fetchmany(ROWS_AT_A_TIME)

        yield Answer(
            version,
            [column[0] for column in result.description],
            [str(column[1]) for column in result.description],
            batches(),
        )


@contextmanager
def locked_down(path: Path) -> Generator[duckdb.DuckDBPyConnection]:
    """Open a snapshot for questions of anybody, by its resolved path.

    Raises
    ------
    TesseraError
        If it does not open, or would be read with changes that lie beside it.
    """
    path = path.resolve()
    threads = min(MOST_THREADS, os.cpu_count() or 1)
    go_back = "`tessera rollback` gives readers the last good snapshot"
    if log_beside(path).exists():
        raise TesseraError(
            f"{log_beside(path)} would change what {path} says; {go_back}"
        )
    try:
        connection = duckdb.connect(
            str(path), read_only=True, config={**_LOCKED_DOWN, "threads": str(threads)}
        )
    except duckdb.Error as error:
        raise TesseraError(f"{path} does not open: {error}; {go_back}") from error
    try:
        connection.execute("set TimeZone = 'UTC'; set lock_configuration = true")
        yield connection
    finally:
        connection.close()


@contextmanager
def _opened(
    home: Home, version: int | None
) -> Generator[tuple[duckdb.DuckDBPyConnection, int]]:
    """Open a version, or the current one, also if it just gives way to the next."""
    with ExitStack() as stack:
        wanted = _find_version(home, version)
        try:
            connection = stack.enter_context(locked_down(snapshot_path(home, wanted)))
        except TesseraError:
            found, wanted = wanted, _find_version(home, version)
            if found == wanted:
                raise
            connection = stack.enter_context(locked_down(snapshot_path(home, wanted)))
        yield connection, wanted


def _find_version(home: Home, version: int | None) -> int:
    """Find a version, or the current one."""
    if version is not None:
        if version not in (there := snapshots.versions(home)):
            listed = ", ".join(map(str, there)) or "none"
            raise ConfigurationError(f"no snapshot {version}; there are: {listed}")
        return version
    pointed = snapshots.version_pointed_at(home)
    if pointed is not None and home.current.exists():
        return pointed
    if pointed is not None or home.current.exists():
        raise TesseraError(
            f"{home.current} is no link to a snapshot any more; `tessera rollback` "
            "gives readers the last good one"
        )
    raise TesseraError(f"nothing is published yet in {home.root}: run `tessera run`")


def _only_statement(
    connection: duckdb.DuckDBPyConnection, question: str
) -> duckdb.Statement:
    """Take the one statement that a question may be."""
    try:
        statements = connection.extract_statements(question)
    except duckdb.Error as error:
        raise ConfigurationError(str(error)) from error
    if not statements:
        raise ConfigurationError("there is no question: give one SQL statement")
    *others, last = statements
    if others and question.count(";") <= question.rstrip().endswith(";"):
        raise ConfigurationError(  # DuckDB makes two of one, the first a CREATE
            "PIVOT has to look up its columns first; name them: "
            "`pivot ... on column in (value, ...)`"
        )
    if others:
        raise ConfigurationError(
            f"these are {len(statements)} statements; ask one at a time"
        )
    if last.type not in _READ or not _explains_a_question(connection, last):
        raise ConfigurationError(
            f"{last.type.name.replace('_', ' ')} is refused: a snapshot never changes, "
            "and a question can only read it (SELECT, FROM, WITH, DESCRIBE, SHOW, "
            "SUMMARIZE, or EXPLAIN of these)"
        )
    return last


def _explains_a_question(
    connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement
) -> bool:
    """Tell whether an EXPLAIN, whose ANALYZE runs what it explains, is of a SELECT."""
    if statement.type != duckdb.StatementType.EXPLAIN:
        return True
    said = _EXPLAIN.match(statement.query.strip())
    try:
        explained = connection.extract_statements(said[1] if said else "")
    except duckdb.Error:
        return False
    return [one.type for one in explained] == [duckdb.StatementType.SELECT]


@contextmanager
def _in_words(is_over: Callable[[], bool], seconds: float) -> Generator[None]:
    """Turn what DuckDB says into an error with the right exit status."""
    stopped = (
        f"stopped after {seconds:g} s; ask for less, or give more time (--timeout)"
    )
    try:
        yield
    except duckdb.InterruptException as error:
        if not is_over():
            raise KeyboardInterrupt from error
        raise TesseraError(stopped) from error
    except duckdb.OutOfMemoryException as error:
        raise TesseraError(
            f"the question takes more than {MEMORY} of memory; ask for less at a time, "
            "or open the snapshot with a DuckDB of your own (docs/reading.md)"
        ) from error
    except duckdb.PermissionException as error:
        raise ConfigurationError(
            f"files, networks and extensions are closed to a question: {error}"
        ) from error
    except duckdb.Error as error:
        if is_over():  # a result that was interrupted between two batches is closed
            raise TesseraError(stopped) from error
        raise ConfigurationError(str(error)) from error


@contextmanager
def _time_limit(
    connection: duckdb.DuckDBPyConnection, seconds: float
) -> Generator[Callable[[], bool]]:
    """Interrupt the connection again and again once its time is over.

    Yields
    ------
    callable
        Tells whether it is.
    """
    ended = threading.Event()
    give_up_at = time.monotonic() + seconds

    def is_over() -> bool:
        return time.monotonic() >= give_up_at

    def watch() -> None:
        pause = seconds
        while not ended.wait(pause):
            connection.interrupt()
            pause = SECONDS_BETWEEN_INTERRUPTS

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield is_over
    finally:
        ended.set()
        watcher.join()
