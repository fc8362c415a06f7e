"""Whether a stage will fit on the disk, told before it writes its first byte.

The figures are those of made-up shops of 167,000 events: 68 MB of JSON lines took 0.34
of their bytes at the most while they were loaded, the same in gzip 2.4 times theirs; a
build took 258 bytes an event, and a snapshot with its Parquet files 0.7 of what it was
made of. Here each is rounded up.
"""

from collections.abc import Iterable

import duckdb

from warehouse import space
from warehouse.arrival import Arrival
from warehouse.connection import count_rows
from warehouse.home import Home
from warehouse.inbox import PLAIN

LOADED_SHARE = 0.5  # of the bytes of a dump
LOADED_SHARE_OF_PACKED = 4.0  # of those of one in gzip, zstd or Parquet
BUILT_BYTES_A_ROW = 300
PUBLISHED_SHARE = 0.8  # of the living bytes of the working file


def require_for_load(
    connection: duckdb.DuckDBPyConnection, home: Home, arrived: Iterable[Arrival]
) -> None:
    """Refuse to load what does not fit; dumps of a known name and size count nothing.

    Raises
    ------
    TesseraError
        If too little is free; the bytes needed and those there are are named.
    """
    known = set(
        connection.execute(
            "select source, file, n_bytes from ledger.files where status <> 'refused'"
        ).fetchall()
    )
    n_bytes = 0.0
    for arrival in arrived:
        dump = arrival.dump
        if (arrival.source.name, dump.file, dump.n_bytes) not in known:
            is_packed = dump.compression != PLAIN or dump.format == "parquet"
            share = LOADED_SHARE_OF_PACKED if is_packed else LOADED_SHARE
            n_bytes += share * dump.n_bytes
    if n_bytes:
        space.require(home.warehouse, n_bytes, "to load what is new in the inbox")


def require_for_build(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Refuse to build what does not fit: old tables stay until new ones are whole.

    Raises
    ------
    TesseraError
        If too little is free.
    """
    _, n_dead = living_and_dead_bytes(connection)
    n_bytes = max(count_rows(connection, "raw") * BUILT_BYTES_A_ROW - n_dead, 0)
    space.require(home.warehouse, n_bytes, "to build the models")


def require_for_publication(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Refuse to write a snapshot, and its Parquet files, that would not fit.

    Raises
    ------
    TesseraError
        If too little is free.
    """
    n_living, _ = living_and_dead_bytes(connection)
    purpose = "to publish a snapshot and its Parquet files"
    space.require(home.published, n_living * PUBLISHED_SHARE, purpose)


def living_and_dead_bytes(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Tell how many bytes of the working file hold something, and how many nothing."""
    ((living, dead),) = connection.execute(
        "select block_size * used_blocks, block_size * free_blocks "
        "from pragma_database_size() where database_name = 'work'"
    ).fetchall()
    return living, dead
