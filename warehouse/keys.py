"""The keys of a home: made on first use, private, and known by their fingerprints.

The ledger remembers which keys its rows were made with. A key that is missing, or is
another, is refused before anything is written; one that is there is never replaced.
"""

import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from warehouse.errors import ConfigurationError
from warehouse.faults import fault_point
from warehouse.home import Home

KEY_BYTES = 32
PSEUDONYM = "pseudonym"  # of user_ids that are addresses; as published, so for good
CONTACT = "contact"  # of e-mail addresses, phone numbers and IP addresses
VAULT = "vault"  # of the file that holds them in clear
ROTATING = (CONTACT, VAULT)


@dataclass(frozen=True)
class Key:
    """A key and its file; it never shows itself."""

    path: Path
    secret: bytes = field(repr=False)

    def digest(self, text: str) -> str:
        """Hash a text with HMAC-SHA256, in hex."""
        message = text.encode("utf-8", errors="surrogatepass")
        return hmac.new(self.secret, message, hashlib.sha256).hexdigest()

    @property
    def fingerprint(self) -> str:
        """What tells this key from others and nothing else."""
        return self.digest("fingerprint of a key")


class Keyring:
    """The keys of one home; each is read, and compared with the ledger, once."""

    def __init__(self, home: Home, connection: duckdb.DuckDBPyConnection) -> None:
        self._home = home
        self._connection = connection
        self._read: dict[str, Key] = {}

    def check(self) -> None:
        """Read every key that the warehouse was made with.

        Raises
        ------
        ConfigurationError
            If one is missing, is another, or may be read by others; or if the vault is
            missing that one of them opens. The file is named, and what to do.
        """
        finish_rotation(self._home, self._connection)
        recorded = fingerprints(self._connection)
        for name in recorded:
            self.get(name)
        if VAULT not in recorded or self._home.vault.exists():
            return
        query = "select 1 from ledger.files where status = 'loaded' limit 1"
        if self._connection.execute(query).fetchall():
            raise ConfigurationError(
                f"{self._home.vault}: missing, but the warehouse has rows whose clear "
                f"values it holds; restore it from your backup, or {_anew(self._home)}"
            )

    def get(self, name: str) -> Key:
        """Give a key; one that nothing was made with yet is made.

        Raises
        ------
        ConfigurationError
            As for `check`.
        """
        if name not in self._read:
            self._read[name] = self._open(name)
        return self._read[name]

    def record(
        self, name: str, connection: duckdb.DuckDBPyConnection | None = None
    ) -> None:
        """Remember that the warehouse is made with this key from now on.

        By another `connection` to it, that is so whatever becomes of a transaction.
        """
        connection = connection or self._connection
        if name not in fingerprints(connection):
            record_fingerprints(connection, [(name, self.get(name))])

    def _open(self, name: str) -> Key:
        path = key_path(self._home, name)
        expected = fingerprints(self._connection).get(name)
        if not os.path.lexists(path):
            if expected:
                raise ConfigurationError(
                    f"{path}: missing, but the warehouse was made with it; restore it "
                    f"from your backup, or {_anew(self._home)}"
                )
            if name == VAULT and self._home.vault.exists():
                raise ConfigurationError(
                    f"{path}: missing, but {self._home.vault} was written with it; "
                    f"restore it from your backup, or {_anew(self._home)}"
                )
            make_key(path)
        key = read_key(path)
        if expected and not hmac.compare_digest(key.fingerprint, expected):
            raise ConfigurationError(
                f"{path}: is not the key that the warehouse was made with; restore "
                f"that one from your backup, or {_anew(self._home)}"
            )
        return key


def key_path(home: Home, name: str, *, is_next: bool = False) -> Path:
    """Name the file of a key, or of the one that is to take its place."""
    return home.secrets / f"{name}.key{'.new' if is_next else ''}"


def read_key(path: Path) -> Key:
    """Read the key in a file.

    Raises
    ------
    ConfigurationError
        If it is no regular file, others may read it, or it is of another length.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigurationError(f"{path}: not readable: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode) or mode & 0o077 or path.parent.stat().st_mode & 0o077:
            raise ConfigurationError(
                f"{path}: others may read it; set 0600 on it and 0700 on its folder"
            )
        key = Key(path, file.read(KEY_BYTES + 1))
    if len(key.secret) != KEY_BYTES:
        raise ConfigurationError(
            f"{path}: must hold {KEY_BYTES} bytes; restore it from your backup"
        )
    return key


def make_key(path: Path) -> None:
    """Write a fresh key that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(unfinished, flags, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the operating system write out which files a folder holds."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fingerprints(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Tell by name which keys the warehouse was made with."""
    return dict(
        connection.execute("select name, fingerprint from ledger.keys").fetchall()
    )


def record_fingerprints(
    connection: duckdb.DuckDBPyConnection, keys: list[tuple[str, Key]]
) -> None:
    """Remember keys by their names, in the place of what was remembered."""
    for name, key in keys:
        connection.execute("delete from ledger.keys where name = ?", [name])
        connection.execute(
            "insert into ledger.keys values (?, ?)", [name, key.fingerprint]
        )


def finish_rotation(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Put new keys, and the vault written with them, in their places.

    They are due as soon as the ledger says that its rows were made with them; before,
    they are only a beginning of `rekey`, and are left alone. The vault goes first:
    while its new key waits, the new vault may too.
    """
    recorded = fingerprints(connection)
    for name in reversed(ROTATING):
        waiting = key_path(home, name, is_next=True)
        if not os.path.lexists(waiting):
            continue
        if read_key(waiting).fingerprint != recorded.get(name):
            continue
        if name == VAULT and home.next_vault.exists():
            write_ahead_log(home.vault).unlink(missing_ok=True)
            home.next_vault.rename(home.vault)
            sync_folder(home.warehouse)
            fault_point("rekey")
        waiting.rename(key_path(home, name))
        sync_folder(home.secrets)
        fault_point("rekey")


def write_ahead_log(database: Path) -> Path:
    """Name the file in which DuckDB keeps what is not yet in a database."""
    return database.with_name(f"{database.name}.wal")


def _anew(home: Home) -> str:
    """Say what else can be done where a key or the vault is lost for good."""
    return (
        f"remove {home.work_database} and {home.vault}: the next load reads the inbox "
        "again, with keys of today"
    )
