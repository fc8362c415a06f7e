"""What a source sends that it did not send before, or no longer sends."""

import difflib
import re

import duckdb

from warehouse.adapters.quoting import split_path
from warehouse.adapters.reading import Reading
from warehouse.quarantine import shorten
from warehouse.sources import Source

MAX_NAMES = 1000  # a source that makes up names does not fill the ledger with them
LIKENESS = 0.6  # of two names, from 0 to 1 (difflib)


def missing_columns(
    connection: duckdb.DuckDBPyConnection, source: Source, reading: Reading
) -> list[str]:
    """Say which mapped columns a file lacks, each with the name it may have now.

    Of JSON only the first lines are known: there a column is missing if they have
    another instead that is new, for whatever may be left out of a line often is. Of a
    tracker's export nothing is missing: no customer uses all of it.
    """
    if source.adapter != "generic":
        return []
    known = _known_fields(connection, source) | set(source.paths)
    others = [name for name in reading.names if name not in known]
    gone = [
        path
        for path in source.paths
        if path in reading.absent
        or (reading.names and split_path(path)[0] not in reading.names)
    ]
    told = []
    for path in gone:
        is_absent = path in reading.absent
        renamed = _likest(path, others)
        if len(gone) == len(others) == 1:
            (renamed,) = others
        if renamed:
            told.append(f"{shown(path)} (is it {shown(renamed)} now?)")
        elif is_absent:
            told.append(shown(path))
    return told


def record_new_fields(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file_id: int,
) -> list[str]:
    """Remember the names that are kept in `attributes`; tell those never kept before.

    Of the first file of a source every name is new, and none is told.
    """
    kept = connection.execute(
        f"""
        select distinct unnest(json_keys(attributes)) from raw.{source.kind}
        where file_id = ? and attributes is not null
        """,
        [file_id],
    ).fetchall()
    names = {name for (name,) in kept}
    ((n_files,),) = connection.execute(
        "select count(*) from ledger.files where source = ? and status = 'loaded'",
        [source.name],
    ).fetchall()
    known = _known_fields(connection, source)
    new = sorted(names - known)[: MAX_NAMES - len(known)]
    if new:
        connection.execute(
            "insert into ledger.source_fields select ?, unnest(?), ?",
            [source.name, new, file_id],
        )
    return [shown(name) for name in new] if n_files > 1 else []


def _known_fields(connection: duckdb.DuckDBPyConnection, source: Source) -> set[str]:
    found = connection.execute(
        "select name from ledger.source_fields where source = ?", [source.name]
    ).fetchall()
    return {name for (name,) in found}


def _likest(path: str, others: list[str]) -> str | None:
    """Find the name that a column most likely has now."""
    plain = {_plain(other): other for other in others}
    found = difflib.get_close_matches(_plain(path), plain, n=1, cutoff=LIKENESS)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    """Write a name without what differs between styles of writing it."""
    return re.sub(r"[^0-9a-z]", "", name.lower())


def shown(name: str) -> str:
    """Write a name of theirs so that it can be printed; it may be anything."""
    return shorten(name.encode("utf-8", errors="replace"))
