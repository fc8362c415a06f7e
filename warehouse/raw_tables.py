"""The private tables that Python writes and dbt reads as sources.

Two schemas: `raw` (what the dumps say, one table per kind, append-only) and `ledger`
(what was done: files, quarantine, runs, checks); beside them those of
`derived_tables`.
"""

import duckdb

from warehouse.connection import transaction
from warehouse.derived_tables import IDENTITY, LOOKUPS, ML, PREVIOUS
from warehouse.errors import ConfigurationError

WITHHELD = "[withheld]"  # stands where the vault has a value

_LINEAGE = {
    "row_key": "BIGINT NOT NULL",  # file_id * 2^32 + line_number; never published
    "file_id": "INTEGER NOT NULL",
    "line_number": "BIGINT NOT NULL",
    "load_id": "INTEGER NOT NULL",
    "source": "VARCHAR NOT NULL",
    "namespace": "VARCHAR NOT NULL",  # '' where ids are shared
    "content_hash": "VARCHAR",  # md5 of what it says, not when it came; null for an
    # event with an id: of those, only copies are ever compared, and by dbt
}

ROWS_PER_FILE = 2**32
MONEY = "DECIMAL(18, 4)"
ITEM_FIELDS = {
    "product_id": "VARCHAR",
    "product_name": "VARCHAR",
    "category": "VARCHAR",
    "price": MONEY,
    "quantity": MONEY,
}
ITEMS = f"STRUCT({', '.join(f'{name} {kind}' for name, kind in ITEM_FIELDS.items())})[]"

FIELDS: dict[str, dict[str, str]] = {
    "events": {
        "event_id": "VARCHAR",
        "user_id": "VARCHAR",
        "anonymous_id": "VARCHAR",
        "session_id": "VARCHAR",
        "page_view_id": "VARCHAR",  # of a view of a page, and of what happened in it
        "email_hash": "VARCHAR",
        "phone_hash": "VARCHAR",
        "event_name": "VARCHAR",
        "page_url": "VARCHAR",
        "page_title": "VARCHAR",
        "referrer": "VARCHAR",
        "utm_source": "VARCHAR",
        "utm_medium": "VARCHAR",
        "utm_campaign": "VARCHAR",
        "user_agent": "VARCHAR",
        "device_type": "VARCHAR",
        "ip_hash": "VARCHAR",
        "country": "VARCHAR",
        "product_id": "VARCHAR",
        "product_name": "VARCHAR",
        "category": "VARCHAR",
        "order_id": "VARCHAR",
        "currency": "VARCHAR",
        "price": MONEY,
        "quantity": MONEY,
        "revenue": MONEY,
        "items": ITEMS,
        "occurred_at": "TIMESTAMP",
        "received_at": "TIMESTAMP",
    },
    "order_lines": {
        "order_id": "VARCHAR",
        "user_id": "VARCHAR",
        "email_hash": "VARCHAR",
        "phone_hash": "VARCHAR",
        "product_id": "VARCHAR",
        "product_name": "VARCHAR",
        "category": "VARCHAR",
        "currency": "VARCHAR",
        "country": "VARCHAR",
        "quantity": MONEY,
        "unit_price": MONEY,
        "is_cancelled": "BOOLEAN",
        "ordered_at": "TIMESTAMP",
    },
    "users": {
        "user_id": "VARCHAR",
        "anonymous_id": "VARCHAR",
        "email_hash": "VARCHAR",
        "phone_hash": "VARCHAR",
        "gender": "VARCHAR",
        "city": "VARCHAR",
        "country": "VARCHAR",
        "birth_year": "SMALLINT",
        "email_domain_class": "VARCHAR",  # see `email_domains`
        "signed_up_at": "TIMESTAMP",
        "updated_at": "TIMESTAMP",  # when the profile was last changed at its source
    },
    "consents": {
        "user_id": "VARCHAR",
        "email_hash": "VARCHAR",
        "purpose": "VARCHAR",
        "decision": "VARCHAR",
        "policy_version": "VARCHAR",
        "consent_source": "VARCHAR",  # the contract's field `source`
        "decided_at": "TIMESTAMP",
    },
    "surveys": {
        "user_id": "VARCHAR",
        "email_hash": "VARCHAR",
        "survey_id": "VARCHAR",
        "question": "VARCHAR",
        "answer": "VARCHAR",
        "rating": MONEY,
        "answered_at": "TIMESTAMP",
    },
}

# Fields of a dump that the vault alone keeps.
PRIVATE: dict[str, dict[str, str]] = {
    "users": {
        "name": "VARCHAR",
        "first_name": "VARCHAR",
        "last_name": "VARCHAR",
        "birth_date": "DATE",
    },
}
DERIVED = ("birth_year", "email_domain_class")  # of fields that stay in the vault

_ATTRIBUTES = {
    "attributes": "JSON",  # every unmapped field; null where there is none; what is
    # personal by its name says WITHHELD
    "published_attributes": "JSON",  # those of them that `publish_attributes` names
}

RAW = {
    f"raw.{kind}": {**_LINEAGE, **fields, **_ATTRIBUTES}
    for kind, fields in FIELDS.items()
}

# Whose address a hashed user_id is: the two are hashed with different keys. And which
# hashes are of what stands for that there is no address, such as unknown@...
CONTACT_NOTES = {
    "raw.user_contacts": {
        "file_id": "INTEGER NOT NULL",
        "user_id": "VARCHAR NOT NULL",  # without its namespace
        "contact_type": "VARCHAR NOT NULL",  # email, phone
        "contact_hash": "VARCHAR NOT NULL",
    },
    "raw.placeholder_contacts": {
        "file_id": "INTEGER NOT NULL",
        "contact_type": "VARCHAR NOT NULL",
        "contact_hash": "VARCHAR NOT NULL",
    },
}

LEDGER = {
    "ledger.files": {
        "file_id": "INTEGER NOT NULL",
        "load_id": "INTEGER NOT NULL",
        "source": "VARCHAR NOT NULL",
        "file": "VARCHAR NOT NULL",  # path below inbox/<source>/
        "kind": "VARCHAR NOT NULL",
        "sha256": "VARCHAR NOT NULL",
        "status": "VARCHAR NOT NULL",  # loaded, duplicate, refused, replaced
        "reason": "VARCHAR",
        "format": "VARCHAR",  # as its name ends; what was read of it
        "header": "VARCHAR",  # the first line of a CSV, to read others by
        "n_bytes": "BIGINT NOT NULL",
        "n_lines": "BIGINT NOT NULL",
        "n_accepted": "BIGINT NOT NULL",
        "n_duplicate": "BIGINT NOT NULL",
        "n_quarantined": "BIGINT NOT NULL",
        "n_blank": "BIGINT NOT NULL",
        "n_redacted": "BIGINT",  # texts; null for what an earlier version loaded
        "n_withheld": "BIGINT NOT NULL",  # accepted lines with WITHHELD in attributes
        "loaded_at": "TIMESTAMP NOT NULL",
    },
    "ledger.quarantine": {
        "file_id": "INTEGER NOT NULL",
        "source": "VARCHAR NOT NULL",
        "file": "VARCHAR NOT NULL",
        "line_number": "BIGINT NOT NULL",
        "reason": "VARCHAR NOT NULL",
    },
    "ledger.sources": {
        "source": "VARCHAR NOT NULL",
        "sessions": "VARCHAR NOT NULL",  # timeout, tracker
        # null for what an earlier version recorded
        "trust": "INTEGER",
        "has_campaign_sessions": "BOOLEAN",
        "longest_session_seconds": "BIGINT",
        "ping_first_after": "INTEGER",  # seconds; null, too, where there are no pings
        "ping_every": "INTEGER",
    },
    "ledger.files_touched": {  # see `untouched`
        "source": "VARCHAR NOT NULL",
        "file": "VARCHAR NOT NULL",
        "sha256": "VARCHAR NOT NULL",
        "device": "UBIGINT NOT NULL",
        "inode": "UBIGINT NOT NULL",
        "n_bytes": "BIGINT NOT NULL",
        "modified_ns": "BIGINT NOT NULL",
        "changed_ns": "BIGINT NOT NULL",
    },
    "ledger.silences_told": {  # see `overdue`
        "source": "VARCHAR NOT NULL",
        "last_delivery": "DATE NOT NULL",
    },
    "ledger.source_fields": {  # names that a source has used and its map does not
        "source": "VARCHAR NOT NULL",
        "name": "VARCHAR NOT NULL",
        "file_id": "INTEGER NOT NULL",  # where it was seen first
    },
    "ledger.keys": {  # those that the rows were made with
        "name": "VARCHAR NOT NULL",
        "fingerprint": "VARCHAR NOT NULL",
    },
    "ledger.built_by": {  # no row while a build from nothing is not through
        "rules": "VARCHAR NOT NULL",  # their fingerprint
    },
    "ledger.runs": {
        "run_id": "VARCHAR NOT NULL",
        "as_of": "TIMESTAMP",
        "started_at": "TIMESTAMP NOT NULL",
        "finished_at": "TIMESTAMP",
        "status": "VARCHAR NOT NULL",  # running, published, failed
        "snapshot_version": "INTEGER",
        "fingerprint": "VARCHAR",  # of input, settings, code and as_of
        "failure": "VARCHAR",  # why it failed last; says nothing of persons
    },
    "ledger.run_stages": {
        "run_id": "VARCHAR NOT NULL",
        "stage": "VARCHAR NOT NULL",  # load, build, segment, publish
        "seconds": "DOUBLE NOT NULL",
        "n_rows": "BIGINT NOT NULL",
        "n_bytes": "BIGINT",  # null for what an earlier version recorded
    },
    "ledger.checks": {
        "run_id": "VARCHAR NOT NULL",
        "check_name": "VARCHAR NOT NULL",
        "severity": "VARCHAR NOT NULL",  # error, warn
        "value": "DOUBLE",
        "limit_value": "DOUBLE",
        "verdict": "VARCHAR NOT NULL",  # passed, failed, accepted
        "explanation": "VARCHAR NOT NULL",
        "accepted_because": "VARCHAR",
    },
    "ledger.built_of": {  # what the tables were last built of; one row
        "code_version": "VARCHAR NOT NULL",
        "code_fingerprint": "VARCHAR NOT NULL",
        "duckdb_version": "VARCHAR NOT NULL",
        "settings": "VARCHAR NOT NULL",  # JSON
        "input_fingerprint": "VARCHAR NOT NULL",
        "n_files": "BIGINT NOT NULL",
    },
    "ledger.snapshots": {
        "snapshot_version": "INTEGER NOT NULL",
        "run_id": "VARCHAR NOT NULL",
        "model_version": "VARCHAR",  # null where nobody was segmented
        # null for what an earlier version built
        "code_version": "VARCHAR",
        "code_fingerprint": "VARCHAR",
        "duckdb_version": "VARCHAR",
        "settings": "VARCHAR",
        "input_fingerprint": "VARCHAR",
        "n_files": "BIGINT",
        "tables_fingerprint": "VARCHAR NOT NULL",
        "as_of": "TIMESTAMP",
        "published_at": "TIMESTAMP NOT NULL",
    },
    "ledger.snapshot_tables": {
        "snapshot_version": "INTEGER NOT NULL",
        "table_schema": "VARCHAR NOT NULL",
        "table_name": "VARCHAR NOT NULL",
        "n_rows": "BIGINT NOT NULL",
        "fingerprint": "VARCHAR",  # null for those of ops
    },
    "ledger.last_numbers": {  # given to runs that a restored ledger knows nothing of
        "run_number": "BIGINT NOT NULL",
    },
}

TABLES = {**RAW, **CONTACT_NOTES, **LEDGER, **IDENTITY, **PREVIOUS, **ML, **LOOKUPS}

OF_A_FILE = (*RAW, *CONTACT_NOTES, "ledger.quarantine")

# What versions without a vault kept in clear, or hashed with another key.
_BEFORE_THE_VAULT = {
    "raw.events": ["ip", "email_hash", "phone_hash"],
    "raw.order_lines": ["email_hash", "phone_hash"],
    "raw.users": [*PRIVATE["users"], "email_hash", "phone_hash"],
    "raw.consents": ["email_hash"],
    "raw.surveys": ["email_hash"],
    "ledger.quarantine": ["raw_line"],
}


def table_statement(table: str, columns: dict[str, str]) -> str:
    """Write the statement that makes a table, if it is not there."""
    listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    return f"create table if not exists {table} ({listed})"


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make every private table, and column of it, that is not there yet.

    Raises
    ------
    ConfigurationError
        If an earlier version has left names, addresses or lines in clear.
    """
    found = _columns(connection)
    _drop_what_was_in_clear(connection, found)
    _drop_outgrown(connection, found)
    known = {table for table, _ in found}
    missing = [table for table in TABLES if table not in known]
    if missing:
        schemas = {table.split(".")[0]: None for table in missing}
        statements = [f"create schema if not exists {schema}" for schema in schemas]
        for table in missing:
            columns = ", ".join(
                f"{name} {kind}" for name, kind in TABLES[table].items()
            )
            statements.append(f"create table if not exists {table} ({columns})")
        with transaction(connection):  # each by itself would wait for the disk
            connection.execute("; ".join(statements))
    _add_to_older_tables(connection, known, found)


def _add_to_older_tables(
    connection: duckdb.DuckDBPyConnection,
    known: set[str],
    found: dict[tuple[str, str], bool],
) -> None:
    """Bring the tables of an earlier version up to this one."""
    for table in known & TABLES.keys():
        for name, kind in TABLES[table].items():
            if (table, name) not in found:
                plain = kind.removesuffix(" NOT NULL")
                connection.execute(f"alter table {table} add column {name} {plain}")
            elif not kind.endswith("NOT NULL") and not found[table, name]:
                connection.execute(
                    f"alter table {table} alter column {name} drop not null"
                )


def _drop_outgrown(
    connection: duckdb.DuckDBPyConnection, found: dict[tuple[str, str], bool]
) -> None:
    """Drop tables of an earlier version that each run fills anew anyway."""
    for table, columns in (IDENTITY | ML).items():
        there = {column for name, column in found if name == table}
        if there and there != columns.keys():
            connection.execute(f"drop table {table}")
            for column in there:
                del found[table, column]


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], bool]:
    """Tell of each table and column that is there whether it may be null."""
    found = connection.execute(
        "select schema_name || '.' || table_name, column_name, is_nullable "
        "from duckdb_columns() "
        "where database_name = current_database() and not internal"
    ).fetchall()
    return {(table, name): nullable for table, name, nullable in found}


def _drop_what_was_in_clear(
    connection: duckdb.DuckDBPyConnection, found: dict[tuple[str, str], bool]
) -> None:
    """Take out columns that there were before the vault; refuse if they hold anything.

    What is dropped stays in the free blocks of the file, so that would not do. They
    leave `found`, too.
    """
    if ("ledger.keys", "name") in found:
        return
    for table, column in list(found):
        if column not in _BEFORE_THE_VAULT.get(table, []):
            continue
        query = f"select 1 from {table} where {column} is not null limit 1"
        if connection.execute(query).fetchall():
            raise ConfigurationError(
                "the private warehouse is of an earlier version, which kept names, "
                "addresses and refused lines in clear; remove warehouse/work.duckdb "
                "from the home: the next load reads the inbox again, and history stays"
            )
        if column not in TABLES[table]:
            connection.execute(f"alter table {table} drop column {column}")
            del found[table, column]
