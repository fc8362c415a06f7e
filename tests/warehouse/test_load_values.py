"""Values arrive as their types, exactly, or their line goes to quarantine."""

import hashlib
import json
import time
from datetime import date, datetime, timedelta
from decimal import Decimal

import duckdb
import pandas as pd
import pytest


def load_values(events, field: str, values: list) -> None:
    """Load an event for each value of a field of theirs."""
    events.put_events("a.jsonl", *({field: value} for value in values))
    events.load()


def test_iso_times_become_utc(events):
    moments = {
        "2026-01-01T10:00:00Z": datetime(2026, 1, 1, 10),
        "2026-01-01 10:00:00": datetime(2026, 1, 1, 10),
        "2026-01-01T10:00": datetime(2026, 1, 1, 10),
        "2026-01-01": datetime(2026, 1, 1),
        "2026-01-01T10:00:00.123456789Z": datetime(2026, 1, 1, 10, 0, 0, 123456),
        "2026-01-01T10:00:00+05:30": datetime(2026, 1, 1, 4, 30),
        "2026-01-01 10:00:00+0530": datetime(2026, 1, 1, 4, 30),
        "2026-01-01 10:00:00.5-08": datetime(2026, 1, 1, 18, 0, 0, 500000),
        "2026-01-01T10:00Z": datetime(2026, 1, 1, 10),
        "2026-01-01 10:00+02": datetime(2026, 1, 1, 8),
        "2026-01-01 10:00:00 +02:00": datetime(2026, 1, 1, 8),
        "2026-01-01 10:00:00 UTC": datetime(2026, 1, 1, 10),
        "2025-12-31T23:59:60Z": datetime(2026, 1, 1),
        "2026-01-01T01:59:60+02:00": datetime(2026, 1, 1),
    }
    load_values(events, "at", list(moments))

    assert events.column("occurred_at") == list(moments.values())


def test_what_is_no_iso_time_is_quarantined(events):
    values = [
        "01/02/2026", "now", "infinity", "epoch", "2026-02-30", "yesterday", "20260101",
        1767261600, True, ["2026-01-01"], "2026-01-01T10:00:61", "2026-01-01T10:00+2",
        "2026-01-01 10:00:00 Europe/Berlin", "2026-01-01T10:00:00+02:00:30",
    ]  # fmt: skip
    load_values(events, "at", [*values, "2026-01-01 10:00:00"])

    # DuckDB's own cast takes the zone of one row for those after it.
    assert events.column("occurred_at") == [datetime(2026, 1, 1, 10)]
    assert {reason for _, reason in events.reasons()} == {"bad_value:occurred_at"}


def test_a_time_that_cannot_be_is_quarantined(events):
    events.describe({"received_at": "got"})
    loaded_at = datetime(2026, 11, 22)
    moments = {
        "0044-03-15 (BC)": "too_early:occurred_at",
        "1970-01-01": "too_early:occurred_at",
        "1979-12-31 23:59:59": "too_early:occurred_at",
        "1980-01-01": None,
        str(loaded_at + timedelta(hours=12)): None,
        str(loaded_at + timedelta(hours=12, seconds=1)): "in_future:occurred_at",
        str(loaded_at + timedelta(days=1)): "in_future:occurred_at",
        "9999-12-31": "in_future:occurred_at",
        "290000-01-01": "in_future:occurred_at",
    }
    load_values(events, "at", list(moments))
    events.put_events(
        "b.jsonl",
        {"at": "2026-01-02 12:00", "got": "2026-01-02"},
        {"at": "2026-01-02 12:00:01", "got": "2026-01-02"},
        {"at": "2026-01-02", "got": "1970-01-01"},
    )
    events.load()

    expected = [(n, reason) for n, reason in enumerate(moments.values(), 1) if reason]
    assert events.query(
        "select line_number, reason from ledger.quarantine order by file, line_number"
    ) == [*expected, (2, "in_future:occurred_at"), (3, "too_early:received_at")]
    assert len(events.column("occurred_at")) == 3


@pytest.mark.parametrize(
    ("unit", "counts"),
    [
        ("s", [1767261600000, 1767261600000000]),
        ("ms", [1767261600, 1767261600000000]),
        ("us", [1767261600, 1767261600000]),
    ],
)
def test_a_count_of_another_unit_is_quarantined(events, unit: str, counts: list):
    events.describe({"occurred_at": {"column": "at", "unit": unit}})
    load_values(events, "at", counts)

    assert events.column("occurred_at") == []


def test_the_machines_time_zone_changes_nothing(events, monkeypatch):
    """Whoever has another TZ loads the same times, and groups them by the same days."""
    moments = ["2026-03-29 02:30:00", "2026-10-25T02:30:00", "2026-10-25T02:30:00+02"]
    events.describe(timezone="Europe/Berlin")
    load_values(events, "at", moments)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        events.put_events("b.jsonl", *({"at": moment, "x": 1} for moment in moments))
        events.load()
    finally:
        monkeypatch.undo()
        time.tzset()

    days = "list((occurred_at, occurred_at::date) order by line_number)"
    rows = events.query(f"select {days} from raw.events group by file_id")
    assert rows[0] == rows[1]


def test_a_naive_time_is_the_sources(events):
    moments = {
        "2026-03-29 01:59:59": datetime(2026, 3, 29, 0, 59, 59),
        "2026-03-29 02:30:00": datetime(2026, 3, 29, 1, 30),  # there is no such time
        "2026-03-29 03:00:00": datetime(2026, 3, 29, 1),
        "2026-10-25 01:59:59": datetime(2026, 10, 24, 23, 59, 59),
        "2026-10-25 02:30:00": datetime(2026, 10, 25, 1, 30),  # the later of two
        "2026-10-25 03:00:00": datetime(2026, 10, 25, 2),
        "2026-07-01": datetime(2026, 6, 30, 22),
        "2026-07-01T12:00:00Z": datetime(2026, 7, 1, 12),
        "2026-07-01 12:00-05:00": datetime(2026, 7, 1, 17),
    }
    events.describe(timezone="Europe/Berlin")
    load_values(events, "at", list(moments))

    assert events.column("occurred_at") == list(moments.values())


@pytest.mark.parametrize(
    ("unit", "counts"),
    [
        ("s", [1767261600, "1767261600.000", 1.7672616e9]),
        ("ms", [1767261600000]),
        ("us", ["1767261600000000"]),
    ],
)
def test_an_epoch_is_counted_in_its_unit(events, unit: str, counts: list):
    events.describe({"occurred_at": {"column": "at", "unit": unit}})
    load_values(events, "at", counts)

    assert set(events.column("occurred_at")) == {datetime(2026, 1, 1, 10)}


def test_what_is_no_count_is_quarantined(events):
    events.describe({"occurred_at": {"column": "at", "unit": "us"}})
    load_values(events, "at", ["2026-01-01", "1e400", 10**30, "1_000", "NaN"])

    assert events.reasons() == [(n, "bad_value:occurred_at") for n in range(1, 6)]


def test_numbers_are_read_exactly(events):
    events.describe({"price": "p"})
    load_values(events, "p", [4.7, "-1e3", " 5 ", "", "  ", None])

    prices = [Decimal("4.7000"), Decimal("-1000.0000"), Decimal("5.0000")]
    assert events.column("price") == [*prices, None, None, None]


def test_what_is_no_finite_number_is_quarantined(events):
    events.describe({"price": "p"})
    values = [
        "NaN",
        "-Infinity",
        1e300,
        "$5",
        "1,5",
        "0x1F",
        "1_0",
        10**14,
        True,
    ]
    load_values(events, "p", [*values, 5])

    assert events.column("price") == [Decimal(5)]
    assert events.reasons() == [(n, "bad_value:price") for n in range(1, 10)]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "nan", "[1, -inf]"])
def test_a_number_that_json_does_not_have_is_quarantined(events, value: str):
    line = '{"user": "u1", "event": "a, NaN: inf", "at": "2026-01-01", "more": %s}'
    events.put("a.jsonl", f"{line % 1}\n{line % value}\n")

    assert events.column("line_number") == [1]
    assert events.reasons() == [(2, "not_finite")]


def test_ids_are_kept_to_their_last_digit(events):
    users = [9007199254740993, 10**25, "007", "1e5", "O'Brien; --"]
    load_values(events, "user", users)

    assert events.column("user_id") == [str(user) for user in users]


def test_a_number_that_would_change_is_no_id(events):
    """What is 1.1 to a reader of numbers may have been 1.10, another product."""
    line = '{"user": %s, "event": "e", "at": "2026-01-01"}'
    ids = ["1.10", "1.1", "17850.0", '"1.10"', '"v1.1.0"', "1e5", "1", "-2.50"]
    events.put("a.jsonl", "\n".join(line % user for user in ids))

    kept = ["1.1", "17850.0", "1.10", "v1.1.0", "1"]
    assert events.column("user_id") == kept
    assert events.reasons() == [(n, "bad_value:user_id") for n in (1, 6, 8)]


@pytest.mark.parametrize("user", [{"id": 1}, ["u1"]])
def test_an_id_that_is_an_object_is_quarantined(events, user):
    events.put_events("a.jsonl", {"user": user}, {"user": "[u1]"})

    assert events.column("user_id") == ["[u1]"]
    assert events.reasons() == [(1, "bad_value:user_id")]


@pytest.mark.parametrize(
    ("user", "event", "reason"),
    [("", "view", "missing:user_id"), ("u1", " ", "missing:event_name")],
)
def test_a_line_that_lacks_what_its_kind_needs_is_quarantined(
    events, user: str, event: str, reason: str
):
    events.put_events("a.jsonl", {"user": user, "event": event})

    events.load()

    assert events.reasons() == [(1, reason)]


def test_items_are_typed_and_their_products_namespaced(events):
    events.describe({"items": "cart"}, namespace="web")
    events.put_events(
        "a.jsonl",
        {"cart": [{"product_id": 9007199254740993, "price": "2.5", "quantity": 2}]},
        {"cart": []},
        {"cart": [{"product_id": "a", "price": "cheap"}]},
        {"cart": {"product_id": "a"}},
        {"cart": [3]},
    )

    item = {
        "product_id": "web:9007199254740993",
        "product_name": None,
        "category": None,
        "price": Decimal("2.5000"),
        "quantity": Decimal("2.0000"),
    }
    assert events.column("items") == [[item], []]
    assert events.reasons() == [(n, "bad_value:items") for n in (3, 4, 5)]


def test_what_items_say_beyond_our_fields_is_kept(events):
    events.describe({"items": "order.lines"})
    known = {"product_id": "p1", "price": 2}
    more = known | {"size": {"eu": 38}}
    events.put_events(
        "a.jsonl",
        {"order": {"lines": [known]}},
        {"order": {"lines": [known, more], "note": "x"}, "b": 1},
    )
    twice = '[{"product_id": "p1", "product_id": "p2"}]'
    events.put_events("b.jsonl", {"order": {"lines": twice}})

    kept = json.dumps([known, more], separators=(",", ":"))
    assert events.column("attributes") == [
        None,
        f'{{"b":1,"order":{{"note":"x"}},"order.lines":{kept}}}',
    ]
    assert events.query("select len(items) from raw.events order by all") == [
        (1,),
        (2,),
    ]
    assert events.reasons() == [(1, "bad_value:items")]


def test_values_are_renamed_matched_and_constant(order_lines):
    order_lines.describe(
        {
            "is_cancelled": {"column": "order", "matches": "^C"},
            "category": {"column": "cat", "values": {"b'k": "books"}},
            "country": {"value": "O'land"},
        }
    )
    order_lines.put(
        "a.csv", "order,at,sku,cat\nC1,2026-01-01,a,b'k\n2,2026-01-01,b,x\n"
    )

    found = order_lines.column("(is_cancelled, category, country)", "order_lines")
    assert found == [(True, "books", "O'land"), (False, "x", "O'land")]


def test_a_birth_date_and_a_decision_are_read(make_inbox):
    columns = {"user_id": "u", "birth_date": "b"}
    users = make_inbox({"adapter": "generic", "kind": "users", "columns": columns})
    users.put("a.csv", "u,b\n1,1971-06-24\n2,\n3,24.6.1971\n")
    assert users.column("birth_year", "users") == [1971, None]
    assert users.query_vault("select birth_date from vault.people") == [
        (date(1971, 6, 24),)
    ]
    assert users.reasons() == [(4, "bad_value:birth_date")]

    columns = {"user_id": "u", "purpose": "p", "decision": "d", "decided_at": "t"}
    columns["source"] = "s"
    consents = make_inbox(
        {"adapter": "generic", "kind": "consents", "columns": columns}
    )
    consents.put(
        "a.csv", "u,p,d,t,s\n1,ads,Granted,2026-01-01,web\n1,ads,maybe,2026-01-01,"
    )
    assert consents.column("(decision, consent_source)", "consents") == [
        ("granted", "web")
    ]
    assert consents.reasons() == [(3, "bad_value:decision")]


def test_what_is_not_mapped_is_kept_exactly(events):
    events.describe({"country": "geo.country"}, publish_attributes=["plan", "geo.city"])
    events.put_events(
        "a.jsonl",
        {"z": {"b": [1, None], "a": 12345678901234567890}, "plan": "pro", "n": None},
        {"geo": {"country": "DE", "city": "Köln", "x": {"": 1}}},
        {"geo": {"country": "DE"}},
        {"geo": "DE"},
        {"user.id/~'\"": 1},
    )

    assert events.column("attributes") == [
        '{"plan":"pro","z":{"b":[1,null],"a":12345678901234567890}}',
        '{"geo":{"city":"Köln","x":{"":1}}}',
        None,
        '{"geo":"DE"}',
        '{"user.id/~\'\\"":1}',
    ]
    assert events.column("published_attributes") == [
        '{"plan":"pro"}', '{"geo.city":"Köln"}', None, None, None,
    ]  # fmt: skip
    assert events.column("country") == [None, "DE", "DE", None, None]


def test_names_and_values_never_become_sql(events):
    nasty = "'; drop table events; --\"{{ x }}\\"
    events.describe({"page_title": nasty})
    events.put_events("a.jsonl", {nasty: nasty, f"{nasty}2": nasty})
    quoted = '"' + nasty.replace('"', '""') + '"'
    events.put("b.csv", f"user,event,at,{quoted}\nu,v,2026-01-01,{nasty}\n")

    assert events.column("page_title") == [nasty, nasty]


def test_parquet_is_read_by_type(events, tmp_path):
    events.describe({"price": "p", "country": "geo.country", "items": "cart"})
    duckdb.execute(f"""
        copy (
            select 17850.0::double as user, 'view' as event, 2.5::float as p,
                timestamptz '2026-01-01 10:00:00+02' as at,
                {{'country': 'DE', 'city': null}} as geo, [{{'product_id': 5}}] as cart,
                'nan'::double as gap, date '2026-01-01' as day
            union all
            select 'nan'::double, 'view', 1, date '2026-01-01', null, null, 1.5, null
            union all
            select 1, 'view', 'nan'::float, date '2026-01-01', null, null, null, null
        ) to '{tmp_path}/a.parquet'
    """)
    events.put("country=XX/a.parquet", (tmp_path / "a.parquet").read_bytes())

    assert events.column(
        "(user_id, price, country, items[1].product_id, occurred_at)"
    ) == [("17850", Decimal("2.5000"), "DE", "5", datetime(2026, 1, 1, 8))]
    assert events.column("attributes") == ['{"day":"2026-01-01","geo":{"city":null}}']
    assert events.reasons() == [(2, "missing:user_id"), (3, "bad_value:price")]


@pytest.mark.parametrize(
    "none", ["null", "None", " NaN ", "undefined", "null\n", "\u00a0null", "\tnone\t"]
)
def test_an_id_that_spells_out_that_there_is_none_is_missing(events, none: str):
    events.put_events("a.jsonl", {"user": none}, {"user": "u1"})

    events.load()

    assert events.query("select reason from ledger.quarantine") == [
        ("missing:user_id",)
    ]
    assert events.query("select user_id from raw.events") == [("u1",)]


CONDITIONS = {
    "user_id": {"column": ["user", "login"], "unless_same": "device"},
    "anonymous_id": "device",
    "event_id": {"digest": ["id"], "unless": {"id": "^$"}},
    "country": {"column": "country", "unless": {"is_guess": "^(true)?$"}},
}
CONDITIONED = [
    {"user": "u1", "device": "d1", "id": "1", "country": "DE", "is_guess": "false"},
    {"user": "d1", "device": "d1", "id": "", "country": "DE", "is_guess": "true"},
    {"user": "", "device": "d1", "id": "", "country": "DE", "is_guess": ""},
    {"user": "u1", "device": "", "id": "", "country": "", "is_guess": "no"},
]


@pytest.mark.parametrize("file", ["a.jsonl", "a.csv", "a.parquet"])
def test_a_field_may_depend_on_other_columns(events, file: str):
    events.describe(CONDITIONS)
    frame = pd.DataFrame(CONDITIONED).assign(event="view", at="2026-01-01")
    if file == "a.jsonl":
        events.put(file, frame.to_json(orient="records", lines=True))
    elif file == "a.csv":
        events.put(file, frame.to_csv(index=False))
    else:
        duckdb.from_df(frame).write_parquet(str(events.folder / file))

    assert events.column("(user_id, event_id, country)") == [
        ("u1", hashlib.md5(b"1").hexdigest(), "DE"),
        (None, None, None),
        (None, None, None),
        ("u1", None, None),
    ]


def test_a_condition_on_a_column_that_is_not_there_is_one_on_an_empty_text(events):
    events.describe(CONDITIONS)
    events.put("a.csv", "user,event,at,country\nu1,view,2026-01-01,DE\n")

    assert events.column("(user_id, country)") == [("u1", None)]


def test_paths_that_differ_in_case_alone_are_both_read(events):
    events.describe({"product_name": ["p.firstName", "p.firstname", "P.firstname"]})
    events.put_events(
        "a.jsonl",
        {"p": {"firstName": "a", "x": 1}},
        {"p": {"firstname": "b"}},
        {"P": {"firstname": "c"}},
    )

    assert events.column("product_name") == ["a", "b", "c"]
