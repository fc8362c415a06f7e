"""Addresses and numbers become keyed hashes; the keys stay in Python.

HMAC-SHA256 under keys of this home: without the key nobody can try addresses, and
the same address gives the same hash from every source.
"""

import ipaddress
import json
import re
import threading
import unicodedata
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote

import duckdb

from warehouse.contacts import is_placeholder, normalize_email, normalize_phone
from warehouse.home import Home
from warehouse.keys import CONTACT, PSEUDONYM, Keyring, key_path, read_key
from warehouse.personal_names import withhold
from warehouse.redaction import mark_with, redact

PHONE_DIGITS = range(7, 16)  # E.164 allows 15

_AN_ADDRESS = re.compile(r"[^@\s]@[^@\s]")
_A_NUMBER = re.compile(r"\+[\d\s()./-]{7,}")
_A_LOCAL_NUMBER = re.compile(r"[\d\s()./-]{7,}")


def normalize_ip(text: str) -> str:
    """Write an IP address as one and the same; leave what is none, in lower case.

    >>> normalize_ip("2001:DB8:0::1"), normalize_ip(" 10.0.0.1")
    ('2001:db8::1', '10.0.0.1')
    """
    plain = text.strip().lower()
    try:
        return str(ipaddress.ip_address(plain))
    except ValueError:
        return plain


@dataclass
class Disclosed:
    """What a file has said in clear, and was hashed or withheld for the warehouse."""

    phone_region: str | None = None  # of numbers without a country's code
    hashes: dict[str, dict[str, str]] = field(default_factory=dict)
    # email, phone, ip, user_id -> the text as sent -> its hash
    user_contacts: dict[str, tuple[str, str]] = field(default_factory=dict)
    # hashed user_id -> email or phone, and the hash as such
    placeholders: set[tuple[str, str]] = field(default_factory=set)
    # email or phone, and the hash of what stands for that there is none
    withheld: set[str] = field(default_factory=set)  # names of fields
    n_redacted: int = 0  # texts in which something gave way to a mark

    @property
    def is_personal(self) -> bool:
        """Whether there was anything at all."""
        return bool(self.withheld) or any(self.hashes.values())

    def contacts(self) -> set[tuple[str, str, str]]:
        """List kind, hash and value in normal form, each once."""
        return {
            (kind, hashed, self.normal(kind, text))
            for kind, known in self.hashes.items()
            for text, hashed in known.items()
        }

    def normal(self, kind: str, text: str) -> str:
        """Write a value in normal form; a user_id in that of what it is."""
        if kind == "user_id":
            kind = contact_kind(text) or ""
            text = _decoded(text)
        if kind == "phone":
            return normalize_phone(text, self.phone_region)
        return {"email": normalize_email, "ip": normalize_ip}[kind](text)


def contact_kind(text: str) -> str | None:
    """Tell whether an id is an e-mail address or a number, and which."""
    if _AN_ADDRESS.search(_decoded(text)):
        return "email"
    is_number = _A_NUMBER.fullmatch(text.strip())
    if is_number and sum(map(str.isdigit, text)) in PHONE_DIGITS:
        return "phone"
    return None


def hash_of_contact(home: Home, text: str) -> str | None:
    """Hash an address or number as the warehouse of a home has it; None if it is none.

    Raises
    ------
    ConfigurationError
        If the key is not there.
    """
    kind = contact_kind(text)
    return _hash_of_kind(home, kind, text) if kind else None


def hash_of_local_number(home: Home, text: str) -> str | None:
    """Hash what may be a number without its country's code, of the home's region.

    None if it cannot be one, or the home has no `phone_region`.

    Raises
    ------
    ConfigurationError
        If the key is not there.
    """
    plain = _decoded(text).strip()
    if home.settings.phone_region is None or not _A_LOCAL_NUMBER.fullmatch(plain):
        return None
    if sum(map(str.isdigit, plain)) not in PHONE_DIGITS:
        return None
    return _hash_of_kind(home, "phone", text)


def _hash_of_kind(home: Home, kind: str, text: str) -> str:
    normal = Disclosed(home.settings.phone_region).normal(kind, _decoded(text))
    return read_key(key_path(home, CONTACT)).digest(f"{kind}:{normal}")


def _decoded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text)
    return unquote(unquote(plain)) if "%" in plain else plain


class Pseudonymizer:
    """Hashes the addresses and numbers of one home, making its keys on first use."""

    def __init__(
        self,
        home: Home,
        connection: duckdb.DuckDBPyConnection,
        keyring: Keyring | None = None,
        phone_region: str | None = None,
    ) -> None:
        self._connection = connection
        self._keyring = keyring or Keyring(home, connection)
        self._phone_region = phone_region
        self._disclosed = Disclosed(phone_region)
        self._lock = threading.Lock()  # DuckDB calls from several threads

    def begin_file(self, phone_region: str | None = None) -> Disclosed:
        """Forget what was disclosed before; give what will be from now on.

        Numbers without a country's code are those of `phone_region`, or the home's.
        """
        self._disclosed = Disclosed(phone_region or self._phone_region)
        return self._disclosed

    def hash_email(self, text: str) -> str:
        """Hash an e-mail address."""
        return self._hash_contact("email", text)

    def hash_phone(self, text: str) -> str:
        """Hash a telephone number."""
        return self._hash_contact("phone", text)

    def hash_ip(self, text: str) -> str:
        """Hash an IP address."""
        return self._hash_contact("ip", text)

    def hash_user_id(self, text: str) -> str | None:
        """Hash a user_id that looks like an address or a number; else None.

        With a key of its own, which never rotates: it is published.
        """
        known = self._disclosed.hashes.setdefault("user_id", {})
        if text in known:
            return known[text]
        kind = contact_kind(text)
        if kind is None:
            return None
        hashed = self._hash_id(kind, text)
        known[text] = hashed
        contact = (kind, self._hash_contact(kind, _decoded(text)))
        self._disclosed.user_contacts[hashed] = contact
        return hashed

    def hash_id(self, text: str) -> str:
        """Hash another id if it looks like an address or a number."""
        if kind := contact_kind(text):
            return self._hash_id(kind, text)
        return self._marked("id", text)

    def redact_name(self, name: str) -> str:
        """Redact the name of a file or a path; different ones stay different.

        A name in which there is nothing to redact stays as it is.
        """
        marked = self._marked("name", name)
        if marked != name:
            self._keyring.record(PSEUDONYM)
        return marked

    def hash_content(self, text: str) -> str:
        """Hash what a row says, of which some is personal."""
        return self._digest(PSEUDONYM, "content", text)

    def withhold(self, attributes: str, kept: str, kind: str) -> str:
        """Take values out of the fields of a line that are personal by their names.

        `kept` is a JSON list of paths that stay, `kind` that of the source.
        """
        text, names = withhold(attributes, json.loads(kept), of_persons=kind == "users")
        self._disclosed.withheld.update(names)
        return text

    @contextmanager
    def functions(self) -> Generator[None]:
        """Offer the hashes, `withhold` and redaction to SQL for a while.

        `hash_user_id` and `hash_id` give back an id that need not be hashed as it is.
        What `redact` changes is counted, what `redact_copy` does is not. The keys stay
        in Python. A wrong key is found out here, and not within a query.
        """
        for name in (PSEUDONYM, CONTACT):
            self._keyring.get(name)
            self._keyring.record(name)
        redacting = lru_cache(maxsize=2**12)(redact)

        def redact_and_count(text: str) -> str:
            redacted = redacting(text)
            if redacted != text:
                with self._lock:
                    self._disclosed.n_redacted += 1
            return redacted

        functions: dict[str, tuple[Callable[..., str], int]] = {
            "hash_email": (self.hash_email, 1),
            "hash_phone": (self.hash_phone, 1),
            "hash_ip": (self.hash_ip, 1),
            "hash_user_id": (lambda text: self.hash_user_id(text) or text, 1),
            "hash_id": (self.hash_id, 1),
            "hash_content": (self.hash_content, 1),
            "withhold": (self.withhold, 3),
            "redact": (redact_and_count, 1),
            "redact_copy": (redacting, 1),
        }
        for name, (function, n_arguments) in functions.items():
            self._connection.create_function(
                name, function, ["VARCHAR"] * n_arguments, "VARCHAR"
            )
        try:
            yield
        finally:
            for name in functions:
                self._connection.remove_function(name)

    def _hash_contact(self, kind: str, text: str) -> str:
        known = self._disclosed.hashes.setdefault(kind, {})
        hashed = known.get(text)
        if hashed is None:
            normal = self._disclosed.normal(kind, text)
            hashed = self._digest(CONTACT, kind, normal)
            known[text] = hashed
            if kind in ("email", "phone") and is_placeholder(kind, normal):
                self._disclosed.placeholders.add((kind, hashed))
        return hashed

    def _hash_id(self, kind: str, text: str) -> str:
        normal = self._disclosed.normal(kind, _decoded(text))
        return self._digest(PSEUDONYM, kind, normal)

    def _marked(self, kind: str, text: str) -> str:
        """Redact a text so that different ones stay different."""
        redacted = redact(text)
        if redacted == text:
            return text
        return mark_with(redacted, self._digest(PSEUDONYM, kind, text)[:8])

    def _digest(self, key: str, kind: str, normal: str) -> str:
        return self._keyring.get(key).digest(f"{kind}:{normal}")
