"""Inboxes to put dumps into, load them and look at what came of it."""

import itertools
import json
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path

import duckdb
import pytest

from warehouse.connection import open_work
from warehouse.home import Home
from warehouse.keys import Keyring
from warehouse.load import LoadSummary, load_inbox
from warehouse.raw_tables import create_tables
from warehouse.vault import vault_of

EVENTS = {
    "adapter": "generic",
    "kind": "events",
    "columns": {"user_id": "user", "event_name": "event", "occurred_at": "at"},
}
ORDER_LINES = {
    "adapter": "generic",
    "kind": "order_lines",
    "columns": {"order_id": "order", "ordered_at": "at", "product_id": "sku"},
}


PEOPLE = ("name", "first_name", "last_name", "birth_date")


class Inbox:
    """A home whose inbox has one source, `shop`."""

    def __init__(self, root: Path, source: dict) -> None:
        self.home = Home.at(root)
        self.folder = self.home.inbox / "shop"
        self.folder.mkdir(parents=True)
        self._source = source
        self.describe()

    def describe(self, columns: dict | None = None, **changes) -> None:
        """Say more of the source's columns, or settings."""
        columns = self._source["columns"] | (columns or {})
        self._source = {**self._source, **changes, "columns": columns}
        text = json.dumps(self._source)  # which is YAML too
        (self.folder / "source.yml").write_text(text)

    def put(self, file: str, content: str | bytes) -> Path:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def put_events(self, file: str, *events: dict) -> Path:
        """Write events as JSON lines, what is needed filled in."""
        filled = {"user": "u1", "event": "view", "at": "2026-01-01 10:00:00"}
        lines = [json.dumps(filled | event) for event in events]
        return self.put(file, "\n".join(lines))

    def load(self) -> LoadSummary:
        with open_work(self.home) as connection:
            create_tables(connection)
            return load_inbox(
                connection, self.home, load_id=1, loaded_at=datetime(2026, 11, 22)
            )

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.home.work_database)) as connection:
            return connection.execute(sql).fetchall()

    def query_vault(self, sql: str) -> list[tuple]:
        """Ask the vault; its tables are in `vault`."""
        with self._open_vault() as vault:
            return vault.execute(sql).fetchall()

    @contextmanager
    def _open_vault(self) -> Generator[duckdb.DuckDBPyConnection]:
        with open_work(self.home) as connection:
            keyring = Keyring(self.home, connection)
            with vault_of(self.home, connection, keyring) as vault:
                yield vault.open()

    def raw_lines(self) -> list[bytes]:
        """List the bytes of the lines in quarantine."""
        rows = self.query_vault(
            "select raw_line from vault.quarantine order by file_id, line_number"
        )
        return [raw_line for (raw_line,) in rows]

    def column(self, name: str, kind: str = "events") -> list:
        """Load, and list a column of the rows in the order of the file."""
        self.load()
        rows = self.query(f"select {name} from raw.{kind} order by row_key")
        return [value for (value,) in rows]

    def rows(self, kind: str = "events") -> list[dict]:
        """List what the rows say in the order of the files: no lineage, no nulls.

        What the vault alone has stands where it came from: for a hash the kind and the
        value, such as `email:a@example.org`, and the names of a person as fields.
        """
        lineage = "row_key, file_id, load_id, line_number, source, namespace"
        derived = "content_hash, birth_year, email_domain_class"
        with duckdb.connect(str(self.home.work_database)) as connection:
            found = connection.execute(f"from raw.{kind} order by row_key")
            names = [column[0] for column in found.description]
            rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        people, contacts = {}, {}
        if self.home.vault.exists():
            with self._open_vault() as vault:
                known_people = vault.execute(
                    f"select row_key, kind, {', '.join(PEOPLE)} from vault.people"
                ).fetchall()
                known_contacts = vault.execute(
                    "select kind, hash, value from vault.contacts"
                ).fetchall()
            people = {(key, of): values for key, of, *values in known_people}
            contacts = {
                hashed: f"{'email' if '@' in value else kind}:{value}".replace(
                    "user_id:", "phone:"
                )
                for kind, hashed, value in known_contacts
            }
        for row in rows:
            values = people.get((row["row_key"], kind), [])
            row |= dict(zip(PEOPLE, values, strict=False))
            if row["attributes"]:
                row["attributes"] = json.loads(row["attributes"])
            for name in ("user_id", "email_hash", "phone_hash", "ip_hash"):
                row[name] = contacts.get(row.get(name), row.get(name))
            if row["ip_hash"]:
                row["ip"] = row.pop("ip_hash").removeprefix("ip:")
            for name in (lineage + ", " + derived).split(", "):
                row.pop(name, None)
        return [
            {name: value for name, value in row.items() if value is not None}
            for row in rows
        ]

    def mapped(self, kind: str = "events") -> list[dict]:
        """List what the rows say, but for what nobody mapped."""
        rows = self.rows(kind)
        return [
            {name: value for name, value in row.items() if name != "attributes"}
            for row in rows
        ]

    def reasons(self) -> list[tuple[int, str]]:
        """List the quarantine: line numbers and reasons."""
        return self.query(
            "select line_number, reason from ledger.quarantine order by all"
        )

    def files(self) -> list[tuple[str, str, str | None]]:
        """List the ledger: file, status and reason."""
        return self.query(
            "select file, status, reason from ledger.files order by file_id"
        )


@pytest.fixture(scope="module", autouse=True)
def _no_waiting() -> Generator[None]:
    """Take files that were written a moment ago without a second look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warehouse.arrival.QUIET_SECONDS", 0)
        yield


@pytest.fixture
def events(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "home", EVENTS)


@pytest.fixture
def order_lines(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "home", ORDER_LINES)


@pytest.fixture(scope="session")
def open_inbox() -> Callable[[Path], Inbox]:
    """Make an inbox for events in a home of the test's choice."""
    return lambda root: Inbox(root, EVENTS)


@pytest.fixture(scope="module")
def loaded_from(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Inbox]:
    """Load a file once for all tests of a module that only look at what came of it."""

    @cache
    def load(adapter: str, file: str, content: bytes) -> Inbox:
        root = tmp_path_factory.mktemp(adapter)
        inbox = Inbox(root, {"adapter": adapter, "columns": {}})
        inbox.put(file, content)
        inbox.load()
        return inbox

    return load


@pytest.fixture
def copy_inbox(tmp_path: Path) -> Callable[[Inbox], Inbox]:
    """Copy an inbox with all that its home holds, for a test that changes it."""

    def copy(inbox: Inbox) -> Inbox:
        own = Inbox(tmp_path / "copy", EVENTS)
        shutil.copytree(inbox.home.root, own.home.root, dirs_exist_ok=True)
        return own

    return copy


@pytest.fixture
def make_inbox(tmp_path: Path) -> Callable[[dict], Inbox]:
    """Make inboxes, each in a home of its own, for sources described by hand."""
    numbers = itertools.count()
    return lambda source=EVENTS: Inbox(tmp_path / f"home_{next(numbers)}", source)
