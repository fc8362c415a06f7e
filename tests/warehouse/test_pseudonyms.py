"""Addresses and numbers are hashed with a key that stays private."""

import hashlib
import hmac
from pathlib import Path

import duckdb
import pytest

from warehouse.errors import ConfigurationError
from warehouse.home import Home
from warehouse.pseudonyms import Pseudonymizer, normalize_phone
from warehouse.raw_tables import create_tables


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path)


@pytest.fixture
def pseudonymizer(home: Home) -> Pseudonymizer:
    connection = duckdb.connect()
    create_tables(connection)
    return Pseudonymizer(home, connection)


def test_the_key_is_made_on_first_use_for_its_owner_alone(
    home: Home, pseudonymizer: Pseudonymizer
):
    hashed = pseudonymizer.hash_email(" Ann@Example.org")

    path = home.secrets / "contact.key"
    key = path.read_bytes()
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["contact.key"]
    expected = hmac.new(key, b"email:ann@example.org", hashlib.sha256).hexdigest()
    assert hashed == expected


def test_the_same_address_is_hashed_the_same_however_it_is_typed(
    pseudonymizer: Pseudonymizer,
):
    plain = pseudonymizer.hash_email("ann@example.org")
    assert pseudonymizer.hash_email("ANN@example.org ") == plain
    assert pseudonymizer.hash_ip("2001:DB8:0::1") == pseudonymizer.hash_ip(
        "2001:db8::1"
    )


def test_a_user_id_is_hashed_with_a_key_of_its_own_and_leads_to_its_contact(
    pseudonymizer: Pseudonymizer,
):
    disclosed = pseudonymizer.begin_file()
    hashed = pseudonymizer.hash_user_id("Ann@example.org")
    contact = pseudonymizer.hash_email("ann@example.org")

    assert hashed not in (None, contact)
    assert disclosed.user_contacts == {hashed: ("email", contact)}
    assert disclosed.contacts() == {
        ("user_id", hashed, "ann@example.org"),
        ("email", contact, "ann@example.org"),
    }


@pytest.mark.parametrize("typed", ["+49 170 1234567", "0049-170-1234567"])
def test_a_number_is_the_same_however_it_is_typed(typed: str):
    assert normalize_phone(typed) == "+491701234567"


@pytest.mark.parametrize(
    ("user_id", "is_hashed"),
    [
        ("ann@localhost", True),
        ("Ann <ann@example.org>", True),
        ("+49 170 1234567", True),
        ("1701234567", False),
        ("+", False),
        ("@", False),
        ("u1", False),
    ],
)
def test_a_user_id_that_is_an_address_or_a_number_is_hashed(
    pseudonymizer: Pseudonymizer, user_id: str, is_hashed: bool
):
    assert (pseudonymizer.hash_user_id(user_id) is not None) == is_hashed


def test_a_key_of_another_length_is_refused(home: Home, pseudonymizer: Pseudonymizer):
    home.secrets.mkdir(mode=0o700)
    (home.secrets / "contact.key").write_bytes(b"short")
    (home.secrets / "contact.key").chmod(0o600)

    with pytest.raises(ConfigurationError, match="32 bytes"):
        pseudonymizer.hash_email("ann@example.org")


@pytest.mark.parametrize(("folder", "file"), [(0o755, 0o600), (0o700, 0o640)])
def test_a_key_that_others_may_read_is_refused(
    home: Home, pseudonymizer: Pseudonymizer, folder: int, file: int
):
    home.secrets.mkdir()
    (home.secrets / "contact.key").write_bytes(bytes(32))
    (home.secrets / "contact.key").chmod(file)
    home.secrets.chmod(folder)

    with pytest.raises(ConfigurationError, match="others may read"):
        pseudonymizer.hash_email("ann@example.org")


def test_no_clear_address_is_written(events):
    events.describe({"email": "who.mail", "phone": "tel"}, namespace="web")
    events.put_events(
        "a.jsonl",
        {
            "who": {"mail": "canary@example.org", "plan": "pro"},
            "tel": "+49 170 7654321",
        },
        {"user": "canary@example.org"},
        {"user": "+49 170 7654321", "who": {"mail": "none"}},
    )

    assert events.load().n_accepted == 3

    rows = events.query(
        "select user_id, email_hash, phone_hash, attributes from raw.events"
        " order by row_key"
    )
    assert rows[0][0] == "web:u1"
    assert rows[0][3] == '{"who":{"plan":"pro"}}'
    assert rows[1][0].startswith("web:")
    assert rows[2] == (rows[2][0], None, None, None)
    contacts = events.query(
        "select 'web:' || user_id, contact_type, contact_hash from raw.user_contacts"
        " order by contact_type"
    )
    assert contacts == [
        (rows[1][0], "email", rows[0][1]),
        (rows[2][0], "phone", rows[0][2]),
    ]
    for file in events.home.warehouse.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert b"canary" not in content
        assert b"7654321" not in content
