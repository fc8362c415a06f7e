"""What a run takes over from published snapshots: memory, and the record of runs."""

import duckdb

from warehouse import snapshots
from warehouse.connection import transaction
from warehouse.faults import fault_point
from warehouse.home import Home

_REMEMBERED = (
    ("marts", "user_identifiers"),
    ("marts", "identity_changes"),
    ("segments", "user_segments"),
    ("segments", "segment_history"),
    ("segments", "segment_changes"),
    ("segments", "segment_models"),
    ("segments", "segment_successors"),
    ("ops", "source_days"),
)

# What the ledger gets back from a snapshot, where the working file is new.
_RECORDED = ("runs", "run_stages", "checks", "snapshots", "snapshot_tables")


def remember_previous(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Fill `previous` with what the current snapshot remembers, in one transaction.

    All memory comes from what was published last: a run that failed or was killed has
    left none, and a lost working file loses none.
    """
    with (
        snapshots.attached_current(connection, home) as is_there,
        transaction(connection),
    ):
        for schema, table in _REMEMBERED:
            connection.execute(f"delete from previous.{table}")
            if is_there:
                _copy(connection, f"{schema}.{table}", f"previous.{table}")


def restore_ledger(
    connection: duckdb.DuckDBPyConnection, home: Home, highest: int
) -> None:
    """Give a new working file the record of runs of the newest snapshot that opens.

    Parameters
    ----------
    connection : DuckDBPyConnection
    home : Home
    highest : int
        The highest version that was ever given. Runs of versions that are not here any
        more had numbers, too, which are not given again.
    """
    if connection.execute("select 1 from ledger.runs limit 1").fetchall():
        return
    for version in reversed(snapshots.versions(home)):
        try:
            with (
                snapshots.attached(connection, snapshots.snapshot_path(home, version)),
                transaction(connection),
            ):
                for table in _RECORDED:
                    _copy(connection, f"ops.{table}", f"ledger.{table}")
                fault_point("load")
                _leave_out_numbers(connection, highest - version)
        except duckdb.Error:  # it is damaged, or no snapshot
            continue
        return
    with transaction(connection):
        _leave_out_numbers(connection, highest)


def _leave_out_numbers(connection: duckdb.DuckDBPyConnection, n_unknown: int) -> None:
    """Begin with runs after those of versions that are not here any more."""
    if n_unknown > 0:
        connection.execute("delete from ledger.last_numbers")
        connection.execute(
            "insert into ledger.last_numbers select coalesce(max("
            "replace(run_id, 'run_', '')::bigint), 0) + ? from ledger.runs",
            [n_unknown],
        )


def _copy(connection: duckdb.DuckDBPyConnection, published: str, private: str) -> None:
    """Add a table of the attached snapshot to a private one: the columns of both.

    An earlier version of Tessera published less.
    """
    columns = (
        "select column_name from information_schema.columns "
        "where table_catalog = ? and table_schema || '.' || table_name = ?"
    )
    rows = connection.execute(
        f"{columns} intersect {columns}",
        ["work", private, "current_snapshot", published],
    ).fetchall()
    if rows:
        shared = ", ".join(sorted(name for (name,) in rows))
        connection.execute(
            f"insert into {private} by name "
            f"select {shared} from current_snapshot.{published}"
        )
