"""Addresses and numbers become keyed hashes; the key stays in Python.

HMAC-SHA256 under a key of this home: without the key nobody can try addresses, and
the same address gives the same hash from every source.
"""

import hashlib
import hmac
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Generator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path

import duckdb

from warehouse.errors import ConfigurationError
from warehouse.home import Home
from warehouse.raw_tables import FIELDS

KEY_BYTES = 32
PHONE_DIGITS = range(7, 16)  # E.164 allows 15

_AN_ADDRESS = re.compile(r"[^@\s]@[^@\s]")
_A_NUMBER = re.compile(r"\+[\d\s()./-]{7,}")


def normalize_email(text: str) -> str:
    """Write an address as one and the same however it was typed.

    >>> normalize_email(" Ann@Example.ORG ")
    'ann@example.org'
    """
    return unicodedata.normalize("NFKC", text).strip().lower()


def normalize_phone(text: str) -> str:
    """Keep the digits of a number, and the plus of an international one.

    >>> normalize_phone("0049 (170) 123-4567")
    '+491701234567'
    """
    digits = re.sub(r"\D", "", text, flags=re.ASCII)
    if text.strip().startswith("+"):
        return f"+{digits}"
    return f"+{digits[2:]}" if digits.startswith("00") else digits


class Pseudonymizer:
    """Hashes the addresses and numbers of one home, making its key on first use."""

    def __init__(self, home: Home, connection: duckdb.DuckDBPyConnection) -> None:
        self._path = home.secrets / "pseudonym.key"
        self._connection = connection

    @cached_property
    def _key(self) -> bytes:
        if not os.path.lexists(self._path):
            _refuse_a_second_key(self._connection, self._path)
            _make_key(self._path)
        return read_key(self._path)

    def hash_email(self, text: str) -> str:
        """Hash an e-mail address."""
        return self._hash("email", normalize_email(text))

    def hash_phone(self, text: str) -> str:
        """Hash a telephone number."""
        return self._hash("phone", normalize_phone(text))

    def hash_user_id(self, text: str) -> str | None:
        """Hash a user_id that looks like an address or a number; else None."""
        if _AN_ADDRESS.search(text):
            return self.hash_email(text)
        is_number = _A_NUMBER.fullmatch(text.strip())
        if is_number and sum(map(str.isdigit, text)) in PHONE_DIGITS:
            return self.hash_phone(text)
        return None

    @contextmanager
    def functions(self) -> Generator[None]:
        """Offer `hash_email`, `hash_phone` and `hash_user_id` to SQL for a while.

        The last gives back a user_id that need not be hashed as it is. The key stays
        in Python. A wrong key is found out here, and not within a query.
        """
        self._key  # noqa: B018
        functions = {
            "hash_email": self.hash_email,
            "hash_phone": self.hash_phone,
            "hash_user_id": lambda text: self.hash_user_id(text) or text,
        }
        for name, function in functions.items():
            remembering = lru_cache(maxsize=2**16)(function)
            self._connection.create_function(name, remembering, ["VARCHAR"], "VARCHAR")
        try:
            yield
        finally:
            for name in functions:
                self._connection.remove_function(name)

    def _hash(self, kind: str, normal: str) -> str:
        message = f"{kind}:{normal}".encode("utf-8", errors="surrogatepass")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def read_key(path: Path) -> bytes:
    """Read the key of a home.

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
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            f"{path}: must hold {KEY_BYTES} bytes; restore it from your backup"
        )
    return key


def _make_key(path: Path) -> None:
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
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _refuse_a_second_key(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Stop where hashes were made with a key that is gone: a new one never matches."""
    for kind, fields in FIELDS.items():
        columns = [name for name in fields if name in ("email_hash", "phone_hash")]
        if not columns:
            continue
        query = (
            f"select 1 from raw.{kind} "
            f"where coalesce({', '.join(columns)}) is not null limit 1"
        )
        if connection.execute(query).fetchall():
            raise ConfigurationError(
                f"{path}: missing, but the warehouse holds hashes made with it; "
                "restore it from your backup"
            )
