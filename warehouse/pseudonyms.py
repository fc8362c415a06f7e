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
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from urllib.parse import unquote

import duckdb

from warehouse.contacts import normalize_email, normalize_phone
from warehouse.errors import ConfigurationError
from warehouse.home import Home
from warehouse.raw_tables import FIELDS
from warehouse.redaction import mark_with, redact

KEY_BYTES = 32
PHONE_DIGITS = range(7, 16)  # E.164 allows 15

_AN_ADDRESS = re.compile(r"[^@\s]@[^@\s]")
_A_NUMBER = re.compile(r"\+[\d\s()./-]{7,}")


class Pseudonymizer:
    """Hashes the addresses and numbers of one home, making its key on first use.

    Numbers without a country's code are taken for those of `phone_region`, if given.
    """

    def __init__(
        self,
        home: Home,
        connection: duckdb.DuckDBPyConnection,
        phone_region: str | None = None,
    ) -> None:
        self._path = home.secrets / "pseudonym.key"
        self._connection = connection
        self._phone_region = phone_region
        self._lock = threading.Lock()  # DuckDB calls from several threads
        self._n_redacted = 0

    @cached_property
    def _key(self) -> bytes:
        if not os.path.lexists(self._path):
            _refuse_a_second_key(self._connection, self._path)
            _make_key(self._path)
        return read_key(self._path)

    def hash_email(self, text: str) -> str:
        """Hash an e-mail address."""
        return self._hash("email", normalize_email(text))

    def hash_phone(self, text: str, region: str | None = None) -> str:
        """Hash a telephone number, which may be one of a country that is known."""
        number = normalize_phone(text, region or self._phone_region)
        return self._hash("phone", number)

    def hash_user_id(self, text: str) -> str | None:
        """Hash a user_id that looks like an address or a number; else None."""
        address = unquote(text) if "%40" in text else text
        if _AN_ADDRESS.search(address):
            return self.hash_email(address)
        is_number = _A_NUMBER.fullmatch(text.strip())
        if is_number and sum(map(str.isdigit, text)) in PHONE_DIGITS:
            return self.hash_phone(text)
        return None

    def redact_name(self, name: str) -> str:
        """Redact the name of a file or a path; different ones stay different.

        A name in which there is nothing to redact stays as it is.
        """
        redacted = redact(name)
        if redacted == name:
            return name
        return mark_with(redacted, self._hash("name", name)[:8])

    def take_n_redacted(self) -> int:
        """Tell how many texts SQL has redacted since this was asked last."""
        with self._lock:
            n_redacted, self._n_redacted = self._n_redacted, 0
        return n_redacted

    @contextmanager
    def functions(self) -> Generator[None]:
        """Offer hashing and redaction to SQL for a while.

        `hash_email(text)`, `hash_phone(text, region)` where the region may be empty,
        `hash_user_id(text)` which gives back an id that need not be hashed as it is;
        `redact(text)`, whose changes are counted, and `redact_copy(text)`, whose are
        not. The key stays in Python. A wrong key is found out here, and not within a
        query.
        """
        self._key  # noqa: B018
        remembering = lru_cache(maxsize=2**16)
        redacting = lru_cache(maxsize=2**12)(redact)

        def redact_and_count(text: str) -> str:
            redacted = redacting(text)
            if redacted != text:
                with self._lock:
                    self._n_redacted += 1
            return redacted

        functions = {
            "hash_email": (remembering(self.hash_email), 1),
            "hash_phone": (remembering(self.hash_phone), 2),
            "hash_user_id": (remembering(lambda t: self.hash_user_id(t) or t), 1),
            "redact": (redact_and_count, 1),
            "redact_copy": (redacting, 1),
        }
        for name, (function, n) in functions.items():
            self._connection.create_function(
                name, function, ["VARCHAR" for _ in range(n)], "VARCHAR"
            )
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
