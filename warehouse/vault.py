"""The vault: what names or reaches a person, in an encrypted file beside the warehouse.

It is attached while somebody needs it, and not before: most loads of events never do.
Its rows belong to a file of the ledger. They are committed before those of the
warehouse are, since no transaction of DuckDB spans two files; whoever opens the vault
next takes out what a load that was killed in between has left.
"""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.adapters.quoting import sql_text
from warehouse.connection import transaction
from warehouse.errors import ConfigurationError, TesseraError
from warehouse.faults import fault_point
from warehouse.home import Home
from warehouse.keys import VAULT, Key, Keyring
from warehouse.raw_tables import PRIVATE, ROWS_PER_FILE, table_statement

ROWS_AT_A_TIME = 20_000
_NETWORK = "HTTPFileSystem,S3FileSystem,HuggingFaceFileSystem"

TABLES = {
    "files": {  # of the ledger, with rows here
        "file_id": "INTEGER NOT NULL",
        "source": "VARCHAR NOT NULL",
        "sha256": "VARCHAR NOT NULL",
        "loaded_at": "TIMESTAMP NOT NULL",
    },
    "contacts": {  # what was hashed, once a file
        "file_id": "INTEGER NOT NULL",
        "kind": "VARCHAR NOT NULL",  # email, phone, ip, user_id
        "hash": "VARCHAR NOT NULL",
        "value": "VARCHAR NOT NULL",  # in normal form
    },
    "people": {  # rows with a name, a birth date or personal attributes
        "row_key": "BIGINT NOT NULL",  # that of the raw row
        "file_id": "INTEGER NOT NULL",
        "source": "VARCHAR NOT NULL",
        "kind": "VARCHAR NOT NULL",
        **PRIVATE["users"],
        "attributes": "JSON",  # as sent, where the warehouse has less
    },
    "quarantine": {
        "file_id": "INTEGER NOT NULL",
        "line_number": "BIGINT NOT NULL",
        "raw_line": "BLOB",
    },
}

_KEYS = {  # what tells the rows of a table apart
    "files": ["file_id"],
    "contacts": ["file_id", "kind", "hash", "value"],
    "people": ["row_key", "kind"],
    "quarantine": ["file_id", "line_number"],
}


class Vault:
    """The vault of a home, for one connection to its warehouse.

    What is written goes through a connection of its own, in its own transactions.
    """

    def __init__(
        self, home: Home, connection: duckdb.DuckDBPyConnection, keyring: Keyring
    ) -> None:
        self._home = home
        self._connection = connection
        self._keyring = keyring
        self._writer: duckdb.DuckDBPyConnection | None = None
        self._is_ready = False

    @property
    def is_there(self) -> bool:
        """Whether anything was ever put into it."""
        return self._home.vault.exists()

    def encrypt_spill(self) -> None:
        """Have DuckDB encrypt what does not fit in memory from now on."""
        if not self._is_ready:
            load_encryption(self._connection)
            self._is_ready = True

    def open(self) -> duckdb.DuckDBPyConnection:
        """Attach the vault as `vault`, if it is not yet; give the connection to it.

        Rows of files that the ledger does not have, or has no longer, go.

        Raises
        ------
        ConfigurationError
            If its key is missing or wrong.
        TesseraError
            If the file is damaged.
        """
        if self._writer is None:
            self.encrypt_spill()
            writer = self._connection.cursor()
            try:
                attach(writer, self._home.vault, self._keyring.get(VAULT), "vault")
                create_tables(writer, "vault")
            except BaseException:
                writer.close()
                raise
            self._keyring.record(VAULT, writer)
            self._writer = writer
            self.clean()
        return self._writer

    def close(self) -> None:
        """Detach the vault, if it is open; all is on disk then."""
        if self._writer is not None:
            self._writer.execute("detach vault")
            self._writer.close()
            self._writer = None

    def clean(self) -> None:
        """Take out the rows of files that are not, or no longer, loaded."""
        writer = self.open()
        gone = writer.execute(
            """
            select file_id from vault.files anti join (
                from ledger.files where status = 'loaded'
            ) using (file_id, source, sha256, loaded_at)
            """
        ).fetchall()
        if gone:
            with transaction(writer):
                for (file_id,) in gone:
                    _remove_file(writer, file_id)

    @contextmanager
    def new_file(
        self, file_id: int, source: str, sha256: str, loaded_at: datetime
    ) -> Generator[duckdb.DuckDBPyConnection]:
        """Write the rows of a file that is being loaded, in one transaction.

        What a load that failed has left of another file of this number goes.
        """
        writer = self.open()
        with transaction(writer):
            _remove_file(writer, file_id)
            writer.execute(
                "insert into vault.files values (?, ?, ?, ?)",
                [file_id, source, sha256, loaded_at],
            )
            yield writer
            fault_point("load")
        fault_point("load")

    def forget_refused(self, file_id: int) -> None:
        """Take out what a replay that was killed has kept of lines still refused."""
        self.open().execute(
            f"""
            delete from vault.people where file_id = $1 and row_key in (
                select file_id::bigint * {ROWS_PER_FILE} + line_number
                from vault.quarantine where file_id = $1
            )
            """,
            [file_id],
        )

    def forget_replayed(self, file_id: int) -> None:
        """Take out the refused lines of a file that are in quarantine no longer."""
        self.open().execute(
            """
            delete from vault.quarantine where file_id = $1 and line_number not in (
                select line_number from ledger.quarantine where file_id = $1
            )
            """,
            [file_id],
        )


@contextmanager
def vault_of(
    home: Home, connection: duckdb.DuckDBPyConnection, keyring: Keyring
) -> Generator[Vault]:
    """Give the vault of a home, which opens when it is needed, and close it at last."""
    vault = Vault(home, connection, keyring)
    try:
        yield vault
    finally:
        vault.close()


def load_encryption(connection: duckdb.DuckDBPyConnection) -> None:
    """Load what DuckDB needs to write encrypted files; have it encrypt its spill.

    It comes with a wheel that is pinned like DuckDB; nothing is fetched. Its ways into
    the network are closed.

    Raises
    ------
    TesseraError
        If it is not installed for this DuckDB.
    """
    folder = files("duckdb_extension_httpfs") / "extensions"
    extension = folder / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    if not extension.is_file():
        raise TesseraError(
            f"duckdb-extension-httpfs is not that of DuckDB {duckdb.__version__}; "
            "install the two in one version"
        )
    connection.execute(f"load {sql_text(str(extension))}")
    connection.execute(f"set disabled_filesystems = '{_NETWORK}'")
    connection.execute("set temp_file_encryption = true")


_WAY_OUT = (
    "restore the two that belong together from your backup, or remove vault.duckdb and "
    "work.duckdb: the next load reads the inbox again"
)


def attach(
    connection: duckdb.DuckDBPyConnection, path: Path, key: Key, name: str
) -> None:
    """Attach an encrypted file, which is made if it is not there.

    Raises
    ------
    ConfigurationError
        If the key is another than that it was written with.
    TesseraError
        If it is no such file, or damaged.
    """
    try:
        connection.execute(
            f"attach {sql_text(str(path))} as {name} (encryption_key ?)",
            [key.digest("a vault")],
        )
    except duckdb.Error as error:  # whose words may hold the statement
        if "Wrong encryption key" in str(error):
            raise ConfigurationError(
                f"{path}: {key.path} does not open it: it is the vault of another "
                f"home, or of another time than the key; {_WAY_OUT}"
            ) from None
        raise TesseraError(
            f"{path}: is damaged, or no vault ({type(error).__name__}); {_WAY_OUT}"
        ) from None
    path.chmod(0o600)


def create_tables(connection: duckdb.DuckDBPyConnection, database: str) -> None:
    """Make the tables of a vault that are not there yet."""
    statements = [
        table_statement(f"{database}.{table}", columns)
        for table, columns in TABLES.items()
    ]
    with transaction(connection):  # each by itself would wait for the disk
        connection.execute("; ".join(statements))


def copy_rows(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    writer: duckdb.DuckDBPyConnection,
    table: str,
) -> None:
    """Copy what a query of the warehouse's connection finds to a table of the vault."""
    found = connection.execute(query).to_arrow_reader(ROWS_AT_A_TIME)
    for batch in found:
        insert_rows(writer, table, pa.Table.from_batches([batch]))


def insert_rows(writer: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Insert rows into a table of the vault, by name; those that are there stay."""
    writer.register("vault_rows", rows)
    writer.execute(
        f"""
        insert into vault.{table} by name
        from vault_rows anti join vault.{table} using ({", ".join(_KEYS[table])})
        """
    )
    writer.unregister("vault_rows")


def _remove_file(writer: duckdb.DuckDBPyConnection, file_id: int) -> None:
    for table in TABLES:
        writer.execute(f"delete from vault.{table} where file_id = ?", [file_id])
