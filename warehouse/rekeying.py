"""New keys in the place of those that may have become known.

The new vault is written beside the old one, the hashes in the warehouse change in one
transaction, and then files take each other's places. Until that transaction is
committed the old keys open everything, from then on the new ones do; a rekeying that
was killed is ended, or begun again, by whoever comes next.
"""

import os
from dataclasses import dataclass

import duckdb

from warehouse.connection import transaction
from warehouse.errors import TesseraError
from warehouse.faults import fault_point
from warehouse.home import Home, writer_lock
from warehouse.keys import (
    CONTACT,
    ROTATING,
    VAULT,
    Key,
    Keyring,
    finish_rotation,
    key_path,
    make_key,
    read_key,
    record_fingerprints,
    write_ahead_log,
)
from warehouse.publication import prepared
from warehouse.raw_tables import CONTACT_NOTES, FIELDS
from warehouse.vault import TABLES, attach, create_tables, vault_of

# Table, column, and the SQL that says what it is the hash of.
_HASHED = [
    (f"raw.{kind}", column, f"'{column.removesuffix('_hash')}'")
    for kind, columns in FIELDS.items()
    for column in columns
    if column.endswith("_hash")
] + [(table, "contact_hash", "contact_type") for table in CONTACT_NOTES]


@dataclass(frozen=True)
class Rekeyed:
    """What has changed."""

    n_values: int
    n_rows: int


def rekey(home: Home) -> Rekeyed:
    """Hash contacts, and encrypt the vault, with new keys.

    The key of user_ids stays: what is published under them is.

    Raises
    ------
    ConfigurationError
        If a key of today, or the vault, is missing or wrong.
    TesseraError
        If the warehouse has a hash that the vault does not know; nothing has changed.
    WarehouseBusyError
        If another process is writing.
    """
    with writer_lock(home), prepared(home) as connection:
        keyring = Keyring(home, connection)
        keyring.check()
        with vault_of(home, connection, keyring) as vault:
            vault.open()
            for name in ROTATING:
                keyring.record(name)
            keys = _make_next_keys(home)
            n_values = _find_new_hashes(connection, keys[CONTACT])
            _write_next_vault(connection, home, keys[VAULT])
            n_rows = _update_hashes(connection, keys)
        fault_point("rekey")
        finish_rotation(home, connection)
    return Rekeyed(n_values, n_rows)


def _make_next_keys(home: Home) -> dict[str, Key]:
    """Make keys that wait; those of a rekeying that came to nothing go."""
    for path in (home.next_vault, write_ahead_log(home.next_vault)):
        path.unlink(missing_ok=True)
    keys = {}
    for name in ROTATING:
        path = key_path(home, name, is_next=True)
        path.unlink(missing_ok=True)
        make_key(path)
        fault_point("rekey")
        keys[name] = read_key(path)
    return keys


def _find_new_hashes(connection: duckdb.DuckDBPyConnection, key: Key) -> int:
    """Put kind, old and new hash of each value into `new_hashes`; tell how many."""
    connection.create_function(
        "new_hash", key.digest, ["VARCHAR"], "VARCHAR", side_effects=False
    )
    connection.execute(
        """
        create or replace temp table new_hashes as
        select kind, hash as old_hash, new_hash(kind || ':' || min(value)) as new_hash
        from vault.contacts where kind <> 'user_id' group by kind, hash
        """
    )
    connection.remove_function("new_hash")
    for table, column, kind in _HASHED:
        ((n_unknown,),) = connection.execute(
            f"""
            select count(*) from {table}
            where {column} is not null
            and ({kind}, {column}) not in (select (kind, old_hash) from new_hashes)
            """
        ).fetchall()
        if n_unknown:
            raise TesseraError(
                f"{n_unknown:,} rows of {table} have a {column} that the vault does "
                "not know; remove warehouse/work.duckdb: the next load reads the inbox "
                "again, with keys of today, and `tessera rekey` can be tried again"
            )
    return connection.execute("select count(*) from new_hashes").fetchall()[0][0]


def _write_next_vault(
    connection: duckdb.DuckDBPyConnection, home: Home, key: Key
) -> None:
    """Write the vault once more, for new keys, whole and on disk."""
    attach(connection, home.next_vault, key, "next_vault")
    try:
        create_tables(connection, "next_vault")
        with transaction(connection):
            for table in TABLES:
                rows = f"from vault.{table}"
                if table == "contacts":
                    rows = """
                        select
                            contacts.file_id, contacts.kind, contacts.value,
                            coalesce(new_hashes.new_hash, contacts.hash) as hash
                        from vault.contacts left join new_hashes
                            on contacts.kind = new_hashes.kind
                            and contacts.hash = new_hashes.old_hash
                    """
                connection.execute(f"insert into next_vault.{table} by name {rows}")
            fault_point("rekey")
    finally:
        connection.execute("detach next_vault")
    with home.next_vault.open("rb") as file:
        os.fsync(file.fileno())
    fault_point("rekey")


def _update_hashes(connection: duckdb.DuckDBPyConnection, keys: dict[str, Key]) -> int:
    """Change every hash of the warehouse, and the keys it remembers; count rows."""
    n_rows = 0
    with transaction(connection):
        for table, column, kind in _HASHED:
            ((n_updated,),) = connection.execute(
                f"""
                update {table} set {column} = new_hash from new_hashes
                where {column} = old_hash and {kind} = new_hashes.kind
                """
            ).fetchall()
            n_rows += n_updated
        record_fingerprints(connection, list(keys.items()))
        fault_point("rekey")
    return n_rows
