"""A damaged working file is noticed, set aside, and made again from the inbox.

DuckDB keeps a checksum with each block and looks at it when it reads the block, which
may be never, or in the middle of a stage. Here all of them are looked at, before DuckDB
is let near the file: a gigabyte takes half a second of a processor. A block that does
not hold may still be one that nothing points at, half written when a process was
killed; so DuckDB reads everything through, and has the last word.
"""

import json
import logging
import os
import re
from pathlib import Path
from typing import BinaryIO

import duckdb
import numpy as np

from warehouse.connection import open_work, work_config
from warehouse.errors import ConfigurationError, TesseraError
from warehouse.faults import fault_point
from warehouse.home import Home
from warehouse.keys import Keyring, write_ahead_log
from warehouse.raw_tables import create_tables
from warehouse.vault import TABLES, vault_of

HEADER_BYTES, N_HEADERS = 4096, 3
BLOCK_BYTES = 262_144
BLOCKS_AT_A_TIME = 2  # so many stay in the processor's cache
MAGIC = slice(8, 12), b"DUCK"

# duckdb/src/common/checksum.cpp: the exclusive or of all words, each times a factor.
_FACTOR, _SEED = np.uint64(0xBF58476D1CE4E5B9), np.uint64(5381)

_WORDS = re.compile(
    r"Corrupt database file|Corrupt WAL file|replaying WAL file|"
    r"WAL does not match database file|not a valid DuckDB database file|"
    r'Could not read enough bytes from file "[^"]*\.duckdb|'
    r"Computed AES tag differs from read AES tag"
)
_KINDS = (
    duckdb.InternalException,
    duckdb.SerializationException,
    duckdb.FatalException,
)

logger = logging.getLogger("tessera")


def tells_of_damage(error: BaseException) -> bool:
    """Tell whether an error, or what brought it about, is DuckDB's of a bad file."""
    return bool(_WORDS.search(str(error)))


def set_aside_damaged(home: Home, *, thoroughly: bool) -> str | None:
    """Move a damaged working file, or vault, out of the way; the caller has the lock.

    What is set aside is kept under its name and `.damaged` (0600), the last one alone.
    The next load finds no working file, and reads the inbox again; what remembers comes
    from the current snapshot.

    Parameters
    ----------
    home : Home
    thoroughly : bool
        Look at every block, even of files that are as the last stage has left them.

    Returns
    -------
    str or None
        What was found and where it lies now, in a sentence.
    """
    was_there = home.work_database.exists()
    fault = _fault_of_work(home, thoroughly=thoroughly)
    if fault:
        found = f"{home.work_database} was damaged ({fault})"
        aside = _set_aside(home.work_database)
    elif thoroughly and (fault := _fault_of_vault(home)):
        found = f"{home.vault} was damaged ({fault})"
        # The two belong together. Killed in between, the next load finds the vault.
        if was_there:
            _set_aside(home.work_database)
            fault_point("load")
        aside = _set_aside(home.vault)
    else:
        return None
    told = f"{found} and is set aside as {aside}"
    logger.warning("%s; what it held is made again from the inbox", told)
    return told


def remember_as_left(home: Home) -> None:
    """Write down how a stage has left the files, to see if anything else touches them.

    After a kill nothing is written down, or what a stage before has left: both differ.
    """
    left = {path.name: _state(path) for path in (home.work_database, home.vault)}
    content = json.dumps(left)
    path = _record(home)
    if path.exists() and path.read_text() == content:
        return
    unfinished = path.with_name(f".{path.name}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
        unfinished.replace(path)
    except OSError:  # a full disk, say; the next stage looks for itself
        unfinished.unlink(missing_ok=True)


def distrust(home: Home) -> None:
    """Have the next stage look at every block, since DuckDB found a bad one."""
    _record(home).unlink(missing_ok=True)


def blocks_hold(path: Path) -> bool:
    """Tell whether every header and block of a DuckDB file has its checksum."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size - N_HEADERS * HEADER_BYTES
        return (
            size >= 0
            and size % BLOCK_BYTES == 0
            and _chunks_hold(file, HEADER_BYTES, N_HEADERS)
            and _chunks_hold(file, BLOCK_BYTES, size // BLOCK_BYTES)
        )


def _chunks_hold(file: BinaryIO, n_bytes: int, n_chunks: int) -> bool:
    """Look at the next chunks of a file, each of which begins with its checksum."""
    room = np.empty(BLOCKS_AT_A_TIME * n_bytes // 8, dtype="<u8")
    for start in range(0, n_chunks, BLOCKS_AT_A_TIME):
        n_read = min(BLOCKS_AT_A_TIME, n_chunks - start)
        words = np.frombuffer(file.read(n_read * n_bytes), dtype="<u8")
        if len(words) * 8 < n_read * n_bytes:
            return False
        products = np.multiply(words, _FACTOR, out=room[: len(words)])
        folded = np.bitwise_xor.reduce(products.reshape(n_read, -1), axis=1)
        stored = words.reshape(n_read, -1)[:, 0]
        if (folded ^ stored * _FACTOR ^ _SEED != stored).any():
            return False
    return True


def _fault_of_work(home: Home, *, thoroughly: bool) -> str | None:
    """Say what is wrong with the working file, if anything is."""
    path = home.work_database
    if not path.exists():
        return None
    is_as_left = _is_as_left(home, path)
    if is_as_left and not thoroughly:
        return None
    holds = blocks_hold(path)
    if holds and is_as_left:
        return None
    with path.open("rb") as file:
        where, magic = MAGIC
        if file.read(where.stop)[where] != magic:
            return "it is no DuckDB database"
    try:
        with duckdb.connect(str(path), config=work_config(home)) as connection:
            if not holds:
                read_through(connection)
    except duckdb.Error as error:
        return _in_words(error)
    return None


def _fault_of_vault(home: Home) -> str | None:
    """Say what is wrong with the vault, if anything is; one as it was left is right."""
    if not home.vault.exists() or _is_as_left(home, home.vault):
        return None
    try:
        with open_work(home) as connection:
            create_tables(connection)
            keyring = Keyring(home, connection)
            keyring.check()
            with vault_of(home, connection, keyring) as vault:
                writer = vault.open()
                for table in TABLES:
                    _read_table(writer, f"vault.{table}")
    except ConfigurationError:  # of a key, for one: a load says it, and changes nothing
        return None
    except TesseraError as error:
        path, _, words = str(error).partition(": ")
        return words.split(";")[0] if path == str(home.vault) else None
    except duckdb.Error as error:
        return _in_words(error)
    return None


def read_through(connection: duckdb.DuckDBPyConnection) -> None:
    """Have DuckDB read every value of every table of the file.

    Raises
    ------
    duckdb.Error
        If some block cannot be read.
    """
    tables = connection.execute(
        'select format(\'"{}"."{}"\', schema_name, table_name) from duckdb_tables() '
        "where not internal order by all"
    ).fetchall()
    for (table,) in tables:
        _read_table(connection, table)


def _read_table(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    connection.execute(f"select bit_xor(hash(rows)) from {table} as rows").fetchall()


def _in_words(error: duckdb.Error) -> str | None:
    """Say what DuckDB found, if that is damage; else it is for others to say."""
    if tells_of_damage(error) or isinstance(error, _KINDS):
        return " ".join(str(error).split())[:200]
    return None


def _set_aside(path: Path) -> Path:
    """Move a database and its log out of the way, in the place of an earlier one."""
    aside = path.with_name(f"{path.name}.damaged")
    for source, target in (
        (write_ahead_log(path), write_ahead_log(aside)),
        (path, aside),
    ):
        target.unlink(missing_ok=True)
        if source.exists():
            source.chmod(0o600)
            source.replace(target)
    return aside


def _record(home: Home) -> Path:
    return home.warehouse / "left.json"


def _state(path: Path) -> list[int] | None:
    """Describe a file, if it is there and has no log that waits to be read."""
    if not path.exists() or write_ahead_log(path).exists():
        return None
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _is_as_left(home: Home, path: Path) -> bool:
    """Tell whether a file is as the last stage that came to its end has left it."""
    try:
        left = json.loads(_record(home).read_text())
    except (OSError, ValueError):
        return False
    state = _state(path)
    return state is not None and left.get(path.name) == state
