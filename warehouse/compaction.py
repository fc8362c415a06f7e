"""The working file without its dead space.

Tables that are made anew leave the blocks of the old ones behind. DuckDB writes new
rows there, but gives nothing back to the disk, and never moves what lies between.
"""

import os

import duckdb

from warehouse.adapters.quoting import sql_text
from warehouse.connection import STORAGE, open_work
from warehouse.faults import fault_point
from warehouse.home import Home
from warehouse.keys import sync_folder, write_ahead_log
from warehouse.preflight import living_and_dead_bytes
from warehouse.space import RESERVE, free_bytes

# What is made anew at each run is half of a file or less: that much is used again soon.
# And below this nobody misses the bytes.
DEAD_SHARE = 0.5
DEAD_BYTES = 256 * 2**20


def compact_if_sparse(home: Home) -> int:
    """Write the working file anew if much of it is dead space; the caller has the lock.

    It is copied whole (tables, views, constraints) to a file beside it, which then
    takes its place in one step: whoever is killed meanwhile has the one or the other.
    Without room for the copy, nothing is done.

    Returns
    -------
    int
        How many bytes the file has shrunk by.
    """
    fresh = home.warehouse / "work.duckdb.compact"
    for left_behind in (fresh, write_ahead_log(fresh)):
        left_behind.unlink(missing_ok=True)
    if not home.work_database.exists():
        return 0
    before = home.work_database.stat().st_size
    if before < DEAD_BYTES:  # spares most homes a look
        return 0
    with open_work(home) as connection:
        if not _is_sparse(connection, free_bytes(home.warehouse)):
            return 0
        connection.execute(
            f"attach {sql_text(str(fresh))} as fresh (storage_version '{STORAGE}')"
        )
        fresh.chmod(0o600)
        fault_point("publish")
        connection.execute("copy from database work to fresh")
        fault_point("publish")
        connection.execute("checkpoint fresh")
        connection.execute("detach fresh")
        connection.execute("checkpoint")
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    if write_ahead_log(home.work_database).exists():  # it would be read with the copy
        fresh.unlink()
        return 0
    fault_point("publish")
    fresh.replace(home.work_database)
    sync_folder(home.warehouse)
    fault_point("publish")
    return before - home.work_database.stat().st_size


def _is_sparse(connection: duckdb.DuckDBPyConnection, n_free_on_disk: int) -> bool:
    """Tell whether enough of the file is dead, and its living part fits on the disk."""
    living, dead = living_and_dead_bytes(connection)
    return (
        dead >= DEAD_BYTES
        and dead >= DEAD_SHARE * (living + dead)
        and living + RESERVE <= n_free_on_disk
    )
