"""Whether everything that readers have been shown is still there to be built from.

A working file that was lost or damaged is made again from the inbox. What the inbox has
no longer would then be missing from the next snapshot, and nobody would know.
"""

import duckdb

from warehouse.errors import TesseraError
from warehouse.gates.check import Check, judged
from warehouse.home import Home
from warehouse.inbox import find_sources
from warehouse.snapshots import attached_current

SHOWN = 5


def missing_since_snapshot(
    connection: duckdb.DuckDBPyConnection, home: Home
) -> list[str]:
    """Name the files that the current snapshot was made of and the ledger lacks.

    A file is known by its source and its bytes. One that is replaced, or whose name has
    another content now in a source that says `on_redelivery: replace`, is not missing.

    Returns
    -------
    list of str
        As `source/file`, in order.
    """
    replacing = [
        source.name
        for source, _ in find_sources(home.inbox)
        if source.on_redelivery == "replace"
    ]
    with attached_current(connection, home) as is_there:
        if not is_there:
            return []
        rows = connection.execute(
            """
            select distinct source || '/' || file
            from current_snapshot.ops.loaded_files as shown
            where status = 'loaded'
            and not exists (
                from ledger.files as there
                where there.source = shown.source and there.sha256 = shown.sha256
                and there.status in ('loaded', 'duplicate', 'replaced')
            )
            and not exists (
                from ledger.files as there
                where there.source = shown.source and there.file = shown.file
                and there.status = 'loaded' and list_contains(?, there.source)
            )
            order by all
            """,
            [replacing],
        ).fetchall()
    return [name for (name,) in rows]


def files_kept(connection: duckdb.DuckDBPyConnection, home: Home) -> Check:
    """Measure how many files of the current snapshot are missing; none may be."""
    missing = missing_since_snapshot(connection, home)
    return judged("files_kept", len(missing), _in_words(missing))


def refuse_if_not_loaded(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Refuse to build from a working file that is new, before the inbox is read again.

    Raises
    ------
    TesseraError
        If nothing is loaded, and the current snapshot was made of something.
    """
    if connection.execute("from ledger.files limit 1").fetchall():
        return
    missing = missing_since_snapshot(connection, home)
    if missing:
        raise TesseraError(
            f"{home.work_database} is new, and nothing is loaded: run `tessera run`, "
            f"which reads the inbox again; {_in_words(missing)}"
        )


def _in_words(missing: list[str]) -> str:
    """Say which files are gone, and what that means."""
    if not missing:
        return "every file that the current snapshot was made of is loaded"
    named = ", ".join(missing[:SHOWN])
    more = f" and {len(missing) - SHOWN:,} more" if len(missing) > SHOWN else ""
    return (
        f"{len(missing):,} files that the current snapshot was made of are not loaded: "
        f"{named}{more}; put them back into the inbox and run again"
    )
