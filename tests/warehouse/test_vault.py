"""What names or reaches a person is in the vault, encrypted, and nowhere else."""

import json
import os
import stat
import subprocess
import sys
from datetime import date, datetime

import duckdb
import pytest
from click.testing import CliRunner

from warehouse.cli import main
from warehouse.connection import open_work
from warehouse.home import Home
from warehouse.keys import read_key
from warehouse.replay import replay_quarantine
from warehouse.vault import TABLES, attach, load_encryption

EVENTS = {
    "event_name": "event",
    "occurred_at": "at",
    "user_id": "user",
    "email": "mail",
    "phone": "tel",
    "ip": "ip",
}
PROFILES = {
    "user_id": "id",
    "email": "mail",
    "phone": "tel",
    "name": "name",
    "first_name": "first",
    "last_name": "last",
    "birth_date": "born",
    "country": "land",
}
CLEAR = [
    b"canary",  # in every planted name, address and bad line
    b"7654321",
    b"203.0.113.77",
    b"1971-06-24",
    b"Musterweg",
]


def source_of(kind: str, columns: dict, **more) -> str:
    return json.dumps({"adapter": "generic", "kind": kind, "columns": columns, **more})


def plant(inbox) -> None:
    """Put events, profiles and bad lines of persons into two folders of the inbox."""
    (inbox.folder / "source.yml").write_text(source_of("events", EVENTS))
    path = inbox.put_events(
        "a.jsonl",
        {"mail": "Canary.Ann@example.org", "tel": "+49 170 7654321"},
        {"user": "canary.bob@example.org", "ip": "203.0.113.77"},
        {"user": "u2", "traits": {"firstName": "Canary Cyd", "plan": "pro"}},
        {"at": "never", "mail": "canary.dan@example.org"},
    )
    path.write_bytes(path.read_bytes() + b'\n{"mail": "canary.eve@example.org\xff"}\n')
    inbox.put("../crm/source.yml", source_of("users", PROFILES))
    inbox.put(
        "../crm/p.csv",
        "id,mail,tel,name,first,last,born,land,street\n"
        "u1,canary.ann@gmail.com,+49 170 7654321,Ann Canary,Canary,Canaryson,"
        "1971-06-24,DE,Musterweg 3\n"
        "u2,,,,,,,FR,\n"
        "canary.fay@example.org,x,y,,Canary,,24.6.1971 canary,DE,\n",
    )


def clear_bytes(home: Home) -> list[tuple[str, bytes]]:
    """Find clear values in any file below the warehouse, the published or the keys."""
    return [
        (path.name, clear)
        for folder in (home.warehouse, home.published, home.secrets)
        for path in folder.rglob("*")
        if path.is_file() and home.staged_files not in path.parents
        for clear in CLEAR
        if clear.lower() in path.read_bytes().lower()
    ]


def tessera(inbox, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run the command line in a process of its own, with a home folder of nothing."""
    nowhere = inbox.home.root / "nowhere"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "warehouse.cli", *arguments),
            *("--home", str(inbox.home.root)),
        ],
        env=os.environ | {"HOME": str(nowhere)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not nowhere.exists()
    return done


def in_process(inbox, *arguments: str):
    return CliRunner().invoke(main, [*arguments, "--home", str(inbox.home.root)])


@pytest.fixture
def planted(events):
    plant(events)
    return events


@pytest.fixture(scope="module")
def loaded_once(open_inbox, tmp_path_factory: pytest.TempPathFactory):
    """A home that has loaded what is planted; not to be changed."""
    inbox = open_inbox(tmp_path_factory.mktemp("loaded") / "home")
    plant(inbox)
    inbox.load()
    return inbox


@pytest.fixture
def loaded(loaded_once, copy_inbox):
    return copy_inbox(loaded_once)


def test_no_file_of_the_warehouse_holds_anything_in_clear(planted, caplog):
    caplog.set_level("DEBUG")

    summary = planted.load()

    assert (summary.n_accepted, summary.n_quarantined) == (5, 3)
    assert "kept in the vault: street" in summary.in_words()
    assert clear_bytes(planted.home) == []
    told = (caplog.text + summary.in_words()).lower().encode()
    assert [clear for clear in CLEAR if clear.lower() in told] == []
    assert stat.S_IMODE(planted.home.vault.stat().st_mode) == 0o600
    with pytest.raises(duckdb.Error, match="without a key"):
        duckdb.connect(str(planted.home.vault))


def test_the_vault_has_what_the_warehouse_has_not(loaded):
    assert loaded.query_vault(
        "select kind, name, first_name, last_name, birth_date, attributes "
        "from vault.people order by row_key"
    ) == [
        ("users", "Ann Canary", "Canary", "Canaryson", date(1971, 6, 24),
         '{"street":"Musterweg 3"}'),
        ("events", None, None, None, None,
         '{"traits":{"firstName":"Canary Cyd","plan":"pro"}}'),
    ]  # fmt: skip
    assert loaded.query_vault(
        "select distinct kind, value from vault.contacts order by all"
    ) == [
        ("email", "canary.ann@example.org"),
        ("email", "canary.bob@example.org"),
        ("email", "canaryann@gmail.com"),
        ("ip", "203.0.113.77"),
        ("phone", "+491707654321"),
        ("user_id", "canary.bob@example.org"),
    ]
    assert b"canary.dan@example.org" in b"".join(loaded.raw_lines())
    assert len(loaded.raw_lines()) == 3
    # a person is found by the hash that both have
    assert loaded.query_vault(
        "select last_name, value from vault.people "
        "inner join raw.users using (row_key) "
        "inner join vault.contacts on hash = email_hash"
    ) == [("Canaryson", "canaryann@gmail.com")]


def test_the_warehouse_keeps_coarse_fields_and_hashes(loaded):
    assert loaded.query(
        "select user_id, birth_year, email_domain_class, country, attributes::varchar "
        "from raw.users order by row_key"
    ) == [
        ("u1", 1971, "personal", "DE", '{"street":"[withheld]"}'),
        ("u2", None, None, "FR", None),
    ]
    assert loaded.query(
        "select attributes::varchar from raw.events where user_id = 'u2'"
    ) == [('{"traits":{"firstName":"[withheld]","plan":"pro"}}',)]
    ((ip_hash, phone_hash),) = loaded.query(
        "select max(ip_hash), max(phone_hash) from raw.events"
    )
    assert len(ip_hash) == 64
    assert loaded.query("select phone_hash from raw.users where user_id = 'u1'") == [
        (phone_hash,)
    ]
    assert loaded.query(
        "select source, n_withheld from ledger.files order by source"
    ) == [("crm", 1), ("shop", 1)]


def test_what_is_to_be_published_is_not_withheld(events):
    events.describe(publish_attributes=["zip", "traits.dob"])
    events.put_events("a.jsonl", {"zip": "10115", "traits": {"dob": "1971", "ip": "x"}})

    assert events.column("attributes::varchar") == [
        '{"traits":{"dob":"1971","ip":"[withheld]"},"zip":"10115"}'
    ]
    assert events.query("select published_attributes::varchar from raw.events") == [
        ('{"traits.dob":"1971","zip":"10115"}',)
    ]


def test_a_changed_name_is_other_content_and_says_nothing(make_inbox):
    found: list[tuple] = []
    key = bytes(32)
    for first in ("Canary", "Canary", "Other"):
        inbox = make_inbox()
        (inbox.folder / "source.yml").write_text(source_of("users", PROFILES))
        inbox.home.secrets.mkdir(mode=0o700)
        (inbox.home.secrets / "pseudonym.key").write_bytes(key)
        (inbox.home.secrets / "pseudonym.key").chmod(0o600)
        inbox.put("a.csv", f"id,mail,tel,name,first,last,born,land\nu1,,,,{first},,,\n")
        inbox.load()
        found += inbox.query("select content_hash from raw.users")

    assert found[0] == found[1] != found[2]
    said = "\x1fuser_id=u1\x1ffirst_name=Canary"
    assert duckdb.execute("select md5(?)", [said]).fetchall()[0] not in found


def test_a_file_without_persons_makes_no_vault(events):
    events.put_events("a.jsonl", {"plan": "pro"})
    events.load()

    assert not events.home.vault.exists()
    assert not (events.home.secrets / "vault.key").exists()


def test_what_spills_is_encrypted(events):
    with open_work(events.home) as connection:
        load_encryption(connection)
        connection.execute("set memory_limit = '100MB'")
        connection.execute(
            "create temp table large as "
            "select 'canary' || md5(i::varchar) as text from range(3_000_000) as t (i)"
        )
        spilled = [path.read_bytes() for path in events.home.spill.iterdir()]
    assert sum(map(len, spilled)) > 10_000_000
    assert not any(b"canary" in content for content in spilled)


def test_the_extension_reaches_no_network(events):
    with open_work(events.home) as connection:
        load_encryption(connection)
        with pytest.raises(duckdb.PermissionException, match="disabled"):
            connection.execute("from read_csv('http://127.0.0.1:9/a.csv')")


def test_rows_of_a_file_that_is_replaced_leave_the_vault(loaded):
    settings = source_of("events", EVENTS, on_redelivery="replace")
    (loaded.folder / "source.yml").write_text(settings)
    loaded.put_events("a.jsonl", {"plan": "pro"})
    loaded.load()

    ((crm_file,),) = loaded.query(
        "select file_id from ledger.files where source = 'crm'"
    )
    with open_work(loaded.home) as connection:  # as the load left it
        load_encryption(connection)
        key = read_key(loaded.home.secrets / "vault.key")
        attach(connection, loaded.home.vault, key, "vault")
        for table in TABLES:
            query = f"select distinct file_id from vault.{table}"
            assert connection.execute(query).fetchall() == [(crm_file,)]


def test_a_replayed_line_moves_within_the_vault(loaded):
    columns = EVENTS | {
        "occurred_at": {"column": "at", "values": {"never": "2026-01-01"}}
    }
    (loaded.folder / "source.yml").write_text(source_of("events", columns))

    with open_work(loaded.home) as connection:
        summary = replay_quarantine(
            connection, loaded.home, load_id=2, loaded_at=datetime(2026, 11, 23)
        )

    assert summary.n_accepted == 1
    assert len(loaded.raw_lines()) == 2
    assert loaded.query_vault(
        "select count(*) from vault.contacts where value = 'canary.dan@example.org'"
    ) == [(1,)]
    assert clear_bytes(loaded.home) == []


def contents(inbox) -> dict[str, list[tuple]]:
    """Gather what the vault says of whom, by ids of the ledger."""
    files = "inner join ledger.files using (file_id)"
    return {
        "contacts": inbox.query_vault(
            f"select files.file, contacts.kind, value from vault.contacts {files} "
            "order by all"
        ),
        "people": inbox.query_vault(
            f"select files.file, row_key % 4294967296, name, attributes "
            f"from vault.people {files} order by all"
        ),
        "quarantine": inbox.query_vault(
            f"select files.file, line_number, raw_line from vault.quarantine {files} "
            "order by all"
        ),
        "orphans": inbox.query_vault(
            "select file_id from vault.files anti join ledger.files using (file_id)"
        ),
    }


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_load_that_is_killed_anywhere_leaves_a_right_vault(make_inbox):
    whole = make_inbox()
    plant(whole)
    whole.load()
    expected = contents(whole)
    assert all(expected[name] for name in ("contacts", "people", "quarantine"))

    for number in range(1, 100):
        inbox = make_inbox()
        plant(inbox)
        killed = tessera(inbox, "load", TESSERA_FAULT=f"load:{number}")
        if killed.returncode == 0:
            assert number > 6
            break
        assert killed.returncode == 137, killed.stderr
        assert clear_bytes(inbox.home) == []
        # now something else gets the number of the file that was not loaded
        inbox.put("../app/source.yml", source_of("events", EVENTS))
        inbox.put_events("../app/plain.jsonl", {"user": "u9", "plan": "pro"})
        assert in_process(inbox, "load").exit_code == 0
        assert not inbox.home.staged_files.exists()
        assert contents(inbox) == expected


def test_a_lost_warehouse_is_loaded_again_into_the_same_vault(loaded):
    expected = contents(loaded)
    loaded.home.work_database.unlink()

    loaded.load()

    assert contents(loaded) == expected
    assert clear_bytes(loaded.home) == []


KEYS = ("pseudonym", "contact", "vault")


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("fault", ["missing", "another", "open to others", "short"])
@pytest.mark.parametrize("command", [["load"], ["quarantine", "replay"], ["rekey"]])
def test_a_key_that_is_not_right_is_refused_before_anything_is_written(
    loaded, name: str, fault: str, command: list[str]
):
    path = loaded.home.secrets / f"{name}.key"
    if fault == "missing":
        path.unlink()
    elif fault == "another":
        path.write_bytes(bytes(32))
    elif fault == "short":
        path.write_bytes(b"short")
    else:
        path.chmod(0o640)
    files = {path: path.read_bytes() for path in loaded.home.root.rglob("*.key")} | {
        loaded.home.vault: loaded.home.vault.read_bytes()
    }
    loaded.put_events("b.jsonl", {"mail": "canary.new@example.org"})

    refused = in_process(loaded, *command)

    assert refused.exit_code == 2, refused.stderr
    words = " ".join(refused.stderr.split()).replace("- ", "-")
    assert f"{name}.key" in words
    if fault != "open to others":
        assert "restore" in words
    assert [file for file, *_ in loaded.files()] == ["p.csv", "a.jsonl"]
    assert {path: path.read_bytes() for path in files} == files
    assert len(list(loaded.home.secrets.iterdir())) == 3 - (fault == "missing")


@pytest.mark.parametrize("command", [["load"], ["quarantine", "list"], ["rekey"]])
def test_a_lost_vault_is_not_silently_made_anew(loaded, command: list[str]):
    loaded.home.vault.unlink()

    refused = in_process(loaded, *command)

    assert refused.exit_code == 2
    assert "vault.duckdb: missing" in " ".join(refused.stderr.split())
    assert not loaded.home.vault.exists()


def test_a_vault_of_another_key_is_refused_in_words_a_damaged_one_made_anew(loaded):
    loaded.home.work_database.unlink()
    key = loaded.home.secrets / "vault.key"
    right = key.read_bytes()
    key.write_bytes(bytes(32))

    wrong = in_process(loaded, "load")
    key.unlink()
    missing = in_process(loaded, "load")
    key.write_bytes(right)
    key.chmod(0o600)
    loaded.home.vault.write_bytes(loaded.home.vault.read_bytes()[:5000])
    damaged = in_process(loaded, "load")

    assert wrong.exit_code == missing.exit_code == 2
    assert "does not open" in " ".join(wrong.stderr.split())
    assert "missing" in missing.stderr
    assert damaged.exit_code == 0
    assert loaded.home.vault.with_name("vault.duckdb.damaged").exists()
    for shown in (wrong, missing, damaged):
        assert read_key(key).digest("a vault") not in shown.stderr


def test_a_warehouse_of_an_earlier_version_with_persons_is_refused(events):
    with open_work(events.home) as connection:
        connection.execute(
            "create schema raw; create table raw.users (user_id varchar, name varchar)"
        )
        connection.execute("insert into raw.users values ('u1', 'Canary')")
    events.put_events("a.jsonl", {})

    refused = in_process(events, "load")

    assert refused.exit_code == 2
    assert "earlier version" in " ".join(refused.stderr.split())


def test_a_warehouse_of_an_earlier_version_without_persons_is_brought_up_to_date(
    events,
):
    with open_work(events.home) as connection:
        connection.execute(
            "create schema raw; create table raw.users (user_id varchar, name varchar)"
        )
    events.put_events("a.jsonl", {})

    assert in_process(events, "load").exit_code == 0
    columns = events.query("select column_name from (describe raw.users)")
    assert ("name",) not in columns
    assert ("birth_year",) in columns


def test_keys_are_in_no_file_log_setting_or_command_line(planted):
    done = tessera(planted, "-v", "load")

    assert done.returncode == 0, done.stderr
    secrets = []
    for name in KEYS:
        key = read_key(planted.home.secrets / f"{name}.key")
        secrets += [
            key.secret,
            key.secret.hex().encode(),
            key.digest("a vault").encode(),
        ]
        assert repr(key.secret) not in repr(key)
    written = done.stdout.encode() + done.stderr.encode()
    for path in planted.home.warehouse.rglob("*"):
        written += path.read_bytes() if path.is_file() else b""
    assert not any(secret in written for secret in secrets)


def hashes(inbox) -> list[tuple]:
    return inbox.query(
        "select row_key, user_id, email_hash, phone_hash, ip_hash, content_hash "
        "from raw.events order by row_key"
    ) + inbox.query("from raw.user_contacts order by all")


def resolved(inbox) -> list[tuple]:
    """Find the persons behind the hashes of the warehouse, by the keys there are."""
    return inbox.query_vault(
        """
        select row_key, user_id, emails.value, phones.value, ips.value
        from raw.events
        left join vault.contacts as emails
            on emails.hash = email_hash and emails.kind = 'email'
            and emails.file_id = events.file_id
        left join vault.contacts as phones
            on phones.hash = phone_hash and phones.kind = 'phone'
            and phones.file_id = events.file_id
        left join vault.contacts as ips
            on ips.hash = ip_hash and ips.kind = 'ip' and ips.file_id = events.file_id
        order by row_key
        """
    )


def test_new_keys_take_the_place_of_old_ones(loaded):
    before, persons, kept = hashes(loaded), resolved(loaded), contents(loaded)
    keys = [(loaded.home.secrets / f"{name}.key").read_bytes() for name in KEYS]

    assert in_process(loaded, "rekey").exit_code == 0

    new = [(loaded.home.secrets / f"{name}.key").read_bytes() for name in KEYS]
    assert [old == now for old, now in zip(keys, new, strict=True)] == [
        True, False, False,
    ]  # fmt: skip
    after = hashes(loaded)
    assert [row[:2] for row in after] == [row[:2] for row in before]
    old = {text for row in before[:3] for text in row[2:5]} | {before[3][3]}
    assert not old & {text for row in after for text in row[2:]} - {None}
    assert [row[-1] for row in after[:3]] == [row[-1] for row in before[:3]]
    assert resolved(loaded) == persons
    assert contents(loaded) == kept
    assert {path.name for path in loaded.home.secrets.iterdir()} == {
        f"{name}.key" for name in KEYS
    }
    assert clear_bytes(loaded.home) == []
    # the same person, loaded later, has the same hash
    loaded.put_events("b.jsonl", {"mail": "canary.ANN@example.org"})
    loaded.load()
    assert hashes(loaded)[3][2] == after[0][2]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_rekeying_that_is_killed_anywhere_keeps_the_old_keys_or_the_new(make_inbox):
    for number in range(1, 100):
        inbox = make_inbox()
        plant(inbox)
        inbox.load()
        persons, kept = resolved(inbox), contents(inbox)
        killed = tessera(inbox, "rekey", TESSERA_FAULT=f"rekey:{number}")
        if killed.returncode == 0:
            assert number > 8
            break
        assert killed.returncode == 137, killed.stderr
        assert clear_bytes(inbox.home) == []

        inbox.put_events("b.jsonl", {"user": "u5", "mail": "canary.ann@example.org"})
        assert in_process(inbox, "load").exit_code == 0  # as if nothing had happened
        hashed = inbox.query("select email_hash from raw.events order by row_key")
        assert hashed[0] == hashed[-1]
        assert resolved(inbox)[: len(persons)] == persons

        assert in_process(inbox, "rekey").exit_code == 0
        assert inbox.query("select count(*) from raw.events") == [(len(persons) + 1,)]
        assert resolved(inbox)[: len(persons)] == persons
        assert contents(inbox)["people"] == kept["people"]
        assert {path.name for path in inbox.home.secrets.iterdir()} == {
            f"{name}.key" for name in KEYS
        }
        assert not inbox.home.next_vault.exists()


def test_a_hash_that_the_vault_does_not_know_stops_a_rekeying(loaded):
    loaded.query("update raw.users set email_hash = 'x' where user_id = 'u2'")
    before = hashes(loaded)

    refused = in_process(loaded, "rekey")

    assert refused.exit_code == 1
    assert "does not know" in " ".join(refused.stderr.split())
    assert hashes(loaded) == before
    assert loaded.load().n_unchanged == 2


def test_no_private_bytes_are_in_what_quarantine_list_shows(loaded):
    shown = in_process(loaded, "quarantine", "list")

    assert shown.exit_code == 0
    assert "bad_value:occurred_at" in shown.stdout
    assert "@example.org" not in shown.stdout
