"""How DuckDB is opened: in UTC, with bounded memory, spilling inside the home."""

import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import duckdb

from warehouse.errors import TesseraError, WarehouseBusyError
from warehouse.home import Home
from warehouse.space import spill_limit

SECONDS_BETWEEN_LOOKS = 0.2
LOADING_MEMORY = "1GiB"
LEAST_MEMORY = 1050 * 10**6  # by default; more saves no time (docs/performance.md)
MEMORY_PER_THREAD = 325 * 10**6
MEMORY_PER_ROW = 110  # of raw; what is kept of each session while they are summed up
STORAGE = "v1.5.0"  # of the private file: a load takes a fifth less time
SHARED_STORAGE = "v1.0.0"  # of what others open too, with a DuckDB of their own


@contextmanager
def open_work(home: Home) -> Generator[duckdb.DuckDBPyConnection]:
    """Open the private warehouse of `home` for writing.

    The caller holds the writer's lock. The file is made on first use, readable by its
    owner alone.

    Raises
    ------
    TesseraError
        If a later version of DuckDB wrote the file.
    WarehouseBusyError
        If another process has the file open.
    """
    home.make_private_folders()
    try:
        connection = duckdb.connect(str(home.work_database), config=work_config(home))
    except duckdb.IOException as error:
        if "version number" in str(error):
            raise TesseraError(
                f"{home.work_database} was written by a later version of DuckDB; "
                "install that version of Tessera again, or move the file away: then "
                "`tessera run` reads the inbox again, and history comes from the "
                f"current snapshot ({error})"
            ) from error
        if "lock" not in str(error):
            raise
        raise WarehouseBusyError(
            f"{home.work_database} is open elsewhere; close it and run again: {error}"
        ) from error
    try:
        home.work_database.chmod(0o600)
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"set max_temp_directory_size = '{spill_limit(home)}'")
        connection.execute(f"set memory_limit = '{usual_memory(connection, home)}'")
        yield connection
    finally:
        connection.close()


def work_config(home: Home) -> dict[str, str | float | list[str]]:
    """DuckDB's settings for the private warehouse; the same for us and for dbt."""
    config: dict[str, str | float | list[str]] = {
        "temp_directory": str(home.spill),
        "autoinstall_known_extensions": "false",
        "allow_community_extensions": "false",
        "storage_compatibility_version": STORAGE,
        "memory_limit": memory_limit(home),
    }
    if home.settings.threads:
        config["threads"] = str(home.settings.threads)
    return config


def memory_limit(home: Home, n_rows: int = 0) -> str:
    """Tell how much memory DuckDB may take; a share is one of the machine's memory.

    If nothing is set it is what a build goes fast with, since DuckDB takes all that it
    may; what it cannot spill grows with the rows of raw. It is never more than 75 % of
    the machine's.
    """
    limit = home.settings.memory_limit
    if limit is None:
        n_threads = home.settings.threads or os.cpu_count() or 1
        wanted = max(
            LEAST_MEMORY, n_threads * MEMORY_PER_THREAD, n_rows * MEMORY_PER_ROW
        )
        return _in_mebibytes(min(wanted, _share_of_machine(0.75)))
    if not limit.endswith("%"):
        return limit
    return _in_mebibytes(_share_of_machine(float(limit.removesuffix("%")) / 100))


def usual_memory(connection: duckdb.DuckDBPyConnection, home: Home) -> str:
    """Tell how much memory DuckDB may take for what was loaded."""
    return memory_limit(home, count_rows(connection, "raw"))


def most_memory() -> str:
    """Tell what DuckDB may take where the usual is too little and no limit is set."""
    return _in_mebibytes(_share_of_machine(0.75))


@cache
def memory_of_machine() -> float:
    """Tell how many bytes this process may take: of a container, what it was given.

    DuckDB knows of both, and takes four fifths when it is not told otherwise.
    """
    with duckdb.connect() as connection:
        ((usual,),) = connection.execute(
            "select parse_formatted_bytes(current_setting('memory_limit'))"
        ).fetchall()
    return usual / 0.8


def _share_of_machine(share: float) -> float:
    """Tell how many bytes a share of the machine's memory is."""
    return share * memory_of_machine()


def _in_mebibytes(n_bytes: float) -> str:
    """Write a number of bytes as DuckDB reads it."""
    return f"{n_bytes / 2**20:.0f}MiB"


def count_rows(connection: duckdb.DuckDBPyConnection, schema: str) -> int:
    """Count the rows of all tables of a schema, by what DuckDB knows unread."""
    rows = connection.execute(
        "select coalesce(sum(estimated_size), 0)::bigint from duckdb_tables() "
        "where database_name = 'work' and schema_name = ?",
        [schema],
    ).fetchall()
    return rows[0][0]


@contextmanager
def open_snapshot(path: Path) -> Generator[duckdb.DuckDBPyConnection]:
    """Open a published snapshot for reading, by its resolved path."""
    connection = duckdb.connect(str(path.resolve()), read_only=True)
    try:
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Generator[None]:
    """Commit what the block does, or nothing of it."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


@contextmanager
def any_order(connection: duckdb.DuckDBPyConnection) -> Generator[None]:
    """Let DuckDB write rows in the order in which its threads have them."""
    connection.execute("set preserve_insertion_order = false")
    try:
        yield
    finally:
        connection.execute("reset preserve_insertion_order")


@contextmanager
def bounded_memory(
    connection: duckdb.DuckDBPyConnection, home: Home
) -> Generator[None]:
    """Keep a block within `LOADING_MEMORY`, however much the settings would allow.

    What a load holds at a time grows with the file; spilling it costs a tenth of the
    time.
    """
    usual = usual_memory(connection, home)
    ((least,),) = connection.execute(f"""
        select arg_min(name, parse_formatted_bytes(name))
        from unnest(['{LOADING_MEMORY}', '{usual}']) as limits (name)
    """).fetchall()
    connection.execute(f"set memory_limit = '{least}'")
    try:
        yield
    finally:
        connection.execute(f"set memory_limit = '{usual}'")


@contextmanager
def watched(
    connection: duckdb.DuckDBPyConnection,
    report: Callable[[float], None],
    seconds_allowed: float,
) -> Generator[None]:
    """Report how far each query of the block is, as a share; stop one that takes long.

    A query that is stopped raises `duckdb.InterruptException`.
    """
    ended = threading.Event()
    give_up_at = time.monotonic() + seconds_allowed

    def watch() -> None:
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            if time.monotonic() > give_up_at:
                connection.interrupt()
            report(max(connection.query_progress(), 0) / 100)

    connection.execute("set enable_progress_bar = true")
    connection.execute("set enable_progress_bar_print = false")
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def rows_by_name(
    connection: duckdb.DuckDBPyConnection, question: str, parameters: list | None = None
) -> list[dict]:
    """Answer a question as a list of rows by column name."""
    found = connection.execute(question, parameters)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def drop_temporary(connection: duckdb.DuckDBPyConnection) -> None:
    """Free what is kept in memory between statements; some of it may be in clear."""
    tables = connection.execute(
        "select table_name, table_type from information_schema.tables "
        "where table_catalog = 'temp' order by table_type desc"
    ).fetchall()
    for name, kind in tables:
        connection.execute(f"drop {'view' if kind == 'VIEW' else 'table'} temp.{name}")
