"""Pairs, wrapped lists and JSON in texts are read as what they mean, or left alone."""

import json
from decimal import Decimal

import duckdb
import pytest

SOURCE = {
    "adapter": "generic",
    "kind": "events",
    "unpack": {"pairs": "pairs", "text": "json", "wrapped": "list"},
    "columns": {
        "user_id": "user",
        "event_name": "event",
        "occurred_at": "at",
        "price": ["pairs.price", "text.price"],
        "order_id": "order",
        "items": "wrapped",
    },
}
EVENT = {"user": "u1", "event": "view", "at": "2026-01-01 10:00"}


@pytest.fixture
def inbox(make_inbox):
    return make_inbox(SOURCE)


def pair(key: str, **value) -> dict:
    return {"key": key, "value": value}


def load_one(inbox, **fields) -> dict:
    inbox.put_events("a.jsonl", fields)
    inbox.load()
    assert inbox.reasons() == []
    (row,) = inbox.rows()
    return row


def test_pairs_are_an_object_by_key(inbox):
    pairs = [
        pair("price", double_value=1.5),
        pair("b", int_value="7"),
        pair("a", string_value="1.10"),
        pair("f", float_value=0.25),
        pair("a", string_value="later"),
        pair("nothing", string_value=None),
    ]
    row = load_one(inbox, pairs=pairs)

    assert row["price"] == Decimal("1.5")
    assert row["attributes"] == {"pairs": {"a": "1.10", "b": 7, "f": 0.25}}


def test_wrapped_pairs_leave_no_wrapping(inbox):
    pairs = {"list": [{"element": pair("price", int_value=2)}, {"element": pair("x")}]}
    row = load_one(inbox, pairs=pairs)

    assert row["price"] == 2
    assert "attributes" not in row


def test_a_wrapped_list_is_a_list(inbox):
    items = {"list": [{"element": {"product_id": "p1", "quantity": 2}}]}
    row = load_one(inbox, wrapped=items)

    assert [item["product_id"] for item in row["items"]] == ["p1"]


def test_a_text_that_holds_json_is_json(inbox):
    inner = {"price": 3, "deep": {"x": [1, None]}}
    row = load_one(inbox, text=json.dumps(inner))

    assert row["price"] == 3
    assert row["attributes"] == {"text": inner}  # of two columns the first is taken


@pytest.mark.parametrize(
    "fields",
    [
        {"pairs": ["a", "b"]},
        {"pairs": [{"name": "a", "value": 1}]},
        {"pairs": [pair("a", string_value="x"), pair(None, string_value="y")]},
        {"pairs": "none"},
        {"pairs": {"x": 1}},
        {"pairs": 7},
        {"text": "{not json"},
        {"text": "plain"},
        {"text": {"x": 1}},
    ],
)
def test_what_is_of_another_form_stays_as_it_is(inbox, fields: dict):
    assert load_one(inbox, **fields)["attributes"] == fields


def test_a_number_that_is_none_stays_a_text(inbox):
    row = load_one(inbox, pairs=[pair("n", int_value="many")])

    assert row["attributes"] == {"pairs": {"n": "many"}}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"user": "u", "event": "e", "at": "2026-01-01",}', "invalid_json"),
        ('{"user": "u", "event": "e", "at": "2026-01-01"', "invalid_json"),
        ('{"user": "u", "event": "e", "at": "2026-01-01", "x": NaN}', "not_finite"),
        ('{"user": "u", "event": "e", "at": "2026-01-01", "user": "v"}',
         "duplicate_key"),
        ('{"user": "u", "event": "e", "at": "2026-01-01", "text": "{\\"price\\": 1, '
         '\\"price\\": 2}"}', "duplicate_key"),
        ('{"user": "u", "event": "e", "at": "2026-01-01", "x": "\\u0000"}',
         "control_character"),
        ('{"user": "u", "event": "e", "at": "2026-01-01", "order": 1.10}',
         "bad_value:order_id"),
        ('{"user": "u", "event": "e", "at": "2026-01-01", "text": "{\\"price\\": '
         'NaN}"}', "bad_value:price"),
        ('["u"]', "not_an_object"),
        ('"u"', "not_an_object"),
        ("7", "not_an_object"),
    ],
)  # fmt: skip
def test_a_line_is_judged_as_it_was_sent(inbox, line: str, reason: str):
    good = json.dumps(EVENT | {"pairs": [], "order": "1.1"})
    inbox.put("a.jsonl", f"{good}\n{line}\n{good}")
    inbox.load()

    assert inbox.reasons() == [(2, reason)]
    assert inbox.query_vault("select decode(raw_line) from vault.quarantine") == [
        (line,)
    ]
    assert len(inbox.rows()) == 2


def test_brackets_without_end_are_left_alone(inbox):
    deep = "[" * 20_000 + "]" * 20_000

    assert load_one(inbox, text=deep)["attributes"] == {"text": deep}


def test_decimals_of_parquet_keep_their_digits(inbox):
    inbox.describe({"price": "p", "quantity": "q"})
    path = inbox.folder / "a.parquet"
    duckdb.execute(
        "copy (select 'u1' as \"user\", 'view' as event, timestamp '2026-01-01' as at, "
        "12345678901234.5678::decimal(18, 4) as p, 0.1::double as q, "
        '1.10::decimal(9, 2) as "order", \'{"price": 4}\' as text, '
        f"null::varchar as pairs) to '{path}'"
    )
    inbox.load()

    (row,) = inbox.rows()
    assert row["price"] == Decimal("12345678901234.5678")
    assert row["quantity"] == Decimal("0.1")
    assert row["order_id"] == "1.10"
    assert row["attributes"] == {"text": {"price": 4}}
