"""How DuckDB is opened: in UTC, with bounded memory, spilling inside the home."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from warehouse.home import Home


@contextmanager
def open_work(home: Home) -> Generator[duckdb.DuckDBPyConnection]:
    """Open the private warehouse of `home` for writing.

    The caller holds the writer's lock. The file is made on first use, readable by its
    owner alone.

    Raises
    ------
    WarehouseBusyError
        If another process has the file open.
    """
    home.make_private_folders()
    connection = duckdb.connect(str(home.work_database), config=work_config(home))
    try:
        home.work_database.chmod(0o600)
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def work_config(home: Home) -> dict[str, str | float | list[str]]:
    """DuckDB's settings for the private warehouse; the same for us and for dbt."""
    config: dict[str, str | float | list[str]] = {
        "temp_directory": str(home.spill),
        "autoinstall_known_extensions": "false",
        "allow_community_extensions": "false",
    }
    if home.settings.memory_limit:
        config["memory_limit"] = home.settings.memory_limit
    if home.settings.threads:
        config["threads"] = str(home.settings.threads)
    return config


@contextmanager
def open_snapshot(path: Path) -> Generator[duckdb.DuckDBPyConnection]:
    """Open a published snapshot for reading, by its resolved path."""
    connection = duckdb.connect(str(path.resolve()), read_only=True)
    try:
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()
