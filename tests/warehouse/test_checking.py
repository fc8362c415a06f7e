"""A new dump is looked at, and what is said of it is what a load then does."""

import json
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from warehouse.checking import check_dump
from warehouse.cli import main
from warehouse.errors import ConfigurationError
from warehouse.guessing import guess_columns, guess_unit
from warehouse.sources import field_types

NOW = datetime(2026, 11, 22)
LINES = [
    {"uid": "ann", "action": "view", "ts": 1767261600123, "page": {"url": "/a"}},
    {"uid": "bob", "action": "view", "ts": 1767261600456, "page": {"url": None}},
    {"uid": None, "action": "view", "ts": 1767261600789, "colour": "red"},
    {"uid": "cyd", "action": "view", "ts": 17672616},
]


@pytest.fixture
def dump(tmp_path):
    path = tmp_path / "new.jsonl"
    text = "\n".join([*map(json.dumps, LINES), "", '{"uid": "ann@example.org"'])
    path.write_text(text)
    return path


def test_what_is_said_of_a_dump_is_what_a_load_does(dump, events):
    found = check_dump(dump, NOW)

    (events.folder / "source.yml").write_text(found.source_yml)
    events.put("new.jsonl", dump.read_bytes())
    summary = events.load()
    assert (found.n_lines, found.n_accepted, found.n_blank) == (
        (summary.n_lines, summary.n_accepted, summary.n_blank)
    )
    assert (summary.n_lines, summary.n_accepted) == (6, 2)
    assert sorted((one.line_number, one.reason) for one in found.refused) == (
        events.reasons()
    )
    rows = events.query("select count(user_id), count(page_url) from raw.events")
    given = {one.field: one.n_given for one in found.fields}
    assert [(given["user_id"], given["page_url"])] == rows


def test_a_dump_may_be_named_from_where_one_stands(dump, monkeypatch):
    monkeypatch.chdir(dump.parent)

    assert check_dump(Path(dump.name), NOW).n_accepted == 2


def test_a_list_of_orders_is_not_taken_for_one_of_customers(tmp_path):
    path = tmp_path / "o.csv"
    header = "number,customer,created,sku,qty,price,state"
    path.write_text(f"{header}\n1,c1,2026-03-01T10:00:00Z,A,1,2.5,ok\n")

    found = check_dump(path, NOW)

    assert (found.kind, found.n_accepted, found.wanting) == ("order_lines", 1, [])
    assert found.chosen_by == "guessed by the names of 6 of its 7 columns"
    assert found.doubts == []


def test_a_list_of_customers_may_say_when_each_was_changed():
    names = ["Customer Id", "E-mail", "Created At", "Last Modified"]
    fields = ["user_id", "email", "signed_up_at", "updated_at"]

    assert guess_columns(names) == ("users", dict(zip(fields, names, strict=True)))


def test_a_guess_by_few_columns_is_doubted(tmp_path):
    path = tmp_path / "o.csv"
    path.write_text("userId,Seite,Zeitpunkt,Aktion\nu1,/a,2026-03-01,gesehen\n")

    assert "most of its columns are not known" in check_dump(path, NOW).in_words()


def test_what_a_line_tells_of_persons_and_what_is_withheld_is_said(tmp_path):
    line = {"type": "identify", "messageId": "m", "userId": "u",
            "originalTimestamp": "2026-01-01T00:00:00Z", "channel": "server",
            "timestamp": "2026-01-01T00:00:00Z", "anonymousId": "a",
            "traits": {"plan": {"name": "pro"}, "street": "Hill 1"},
            "user": {"name": "Ann"}}  # fmt: skip
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(line))

    words = check_dump(path, NOW).in_words()

    assert "also users, where type is identify: user_id from userId" in words
    assert "kept in attributes: channel" in words
    assert "traits.plan" in words
    assert "kept in the vault alone, by their names: traits.street" in words
    assert "user.name" in words.split("by their names: ")[1]


def test_a_misspelt_column_is_said(events):
    events.put_events("a.jsonl", {})
    events.describe({"user_id": "usr"})

    words = check_dump(events.folder / "a.jsonl", NOW).in_words()

    assert "no column usr (is it user now?)" in words


def test_a_guess_knows_paths_units_and_what_is_left(dump):
    found = check_dump(dump, NOW)

    assert found.adapter == "generic"
    assert yaml.safe_load(found.source_yml)["columns"] == {
        "user_id": "uid",
        "event_name": "action",
        "page_url": "page.url",
        "occurred_at": {"column": "ts", "unit": "ms"},
    }
    assert "ann@example.org" not in found.in_words()


def test_a_description_beside_the_dump_is_what_is_checked(events):
    events.put_events("a.jsonl", {}, {"at": "soon"})

    found = check_dump(events.folder / "a.jsonl", NOW)

    assert found.chosen_by == "as source.yml says"
    assert [one.reason for one in found.refused] == ["bad_value:occurred_at"]


def test_a_description_can_be_written_beside_the_dump(dump):
    config = dump.with_name("source.yml")
    config.touch()  # as a shell does before it runs what is to write there

    config.write_text(check_dump(dump, NOW).source_yml)

    assert check_dump(dump, NOW).chosen_by == "as source.yml says"


def test_what_nobody_can_guess_is_asked_for(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("order_id,sku,wann\n1,a,2026-01-01\n")

    found = check_dump(path, NOW)

    assert found.wanting == ["ordered_at"]
    assert found.kept == ["wann"]
    assert "# ordered_at: which column?" in found.source_yml
    assert yaml.safe_load(found.source_yml)["columns"] == {
        "order_id": "order_id",
        "product_id": "sku",
    }


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl.gz", b"nothing packed", "bad_gzip"),
        ("a.parquet", b"PAR1 and no more", "invalid_parquet"),
        ("a.csv", b"", "bad_header"),
    ],
)
def test_a_file_that_would_be_refused_says_why(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)

    found = check_dump(path, NOW)

    assert words in str(found.file_refused)
    assert words in found.in_words()


def test_what_is_no_dump_is_a_mistake_of_use(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("")

    with pytest.raises(ConfigurationError, match="of no known format"):
        check_dump(path, NOW)


@pytest.mark.parametrize("kind", ["events", "order_lines", "consents", "surveys"])
def test_our_own_names_are_known(kind: str):
    names = list(field_types(kind))

    assert guess_columns(names) == (kind, {name: name for name in names})
    styled = {name: f"Data.{name.title().replace('_', '')}" for name in names}
    assert guess_columns(list(styled.values())) == (kind, styled)


def test_counts_since_1970_are_told_by_their_digits():
    assert guess_unit(["1767261600", "999999999"]) == "s"
    assert guess_unit(["1767261600.5"]) == "s"
    assert guess_unit(["1767261600123"]) == "ms"
    assert guess_unit(["1767261600123456"]) == "us"
    assert guess_unit(["20260101", "1767261600"]) is None
    assert guess_unit(["2026-01-01"]) is guess_unit([]) is None


def test_the_command_line_prints_a_description_and_writes_nothing(dump, tmp_path):
    home = tmp_path / "home"
    command = ["load", "--check", str(dump), "--home", str(home)]

    outcome = CliRunner().invoke(main, command)
    as_json = CliRunner().invoke(main, [*command, "--json"])

    assert outcome.exit_code == as_json.exit_code == 0
    assert yaml.safe_load(outcome.stdout)["kind"] == "events"
    assert "2 accepted" in outcome.stderr
    assert json.loads(as_json.stdout)["n_accepted"] == 2
    assert not home.exists()
    assert list(tmp_path.iterdir()) == [dump]
