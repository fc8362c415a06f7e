"""GA4's daily tables become events, the same from JSON lines and from Parquet."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

DUMP = Path(__file__).parent / "adapters" / "ga4" / "events_20260105.jsonl"
GA4 = {"adapter": "ga4", "columns": {}}

EVENTS = [
    {
        "anonymous_id": "1234.5678",
        "session_id": "1767603599",
        "event_name": "page_view",
        "page_url": "https://shop.example/?utm_source=news",
        "page_title": "Welcome",
        "referrer": "https://search.example/",
        "utm_source": "news",
        "utm_medium": "email",
        "utm_campaign": "january",
        "device_type": "mobile",
        "country": "DE",
        "items": [],
        "occurred_at": datetime(2026, 1, 5, 9),
    },
    {
        "user_id": "u-17",
        "anonymous_id": "1234.5678",
        "session_id": "1767603599",
        "event_name": "product_view",
        "page_url": "https://shop.example/p/1",
        "currency": "EUR",
        "items": [
            {
                "product_id": "p-1",
                "product_name": "Monopoly",
                "category": "Games",
                "price": Decimal("18.99"),
                "quantity": Decimal(1),
            }
        ],
        "occurred_at": datetime(2026, 1, 5, 9, 1),
    },
    {
        "user_id": "u-17",
        "anonymous_id": "1234.5678",
        "session_id": "1767603599",
        "event_name": "purchase",
        "device_type": "desktop",
        "country": "CI",
        "order_id": "o-501",
        "currency": "EUR",
        "revenue": Decimal("41.98"),
        "items": [
            {
                "product_id": "p-1",
                "product_name": "Monopoly",
                "category": "Games",
                "price": Decimal("18.99"),
                "quantity": Decimal(2),
            },
            {
                "product_id": None,
                "product_name": "Gift card",
                "category": None,
                "price": Decimal(4),
                "quantity": Decimal(1),
            },
        ],
        "occurred_at": datetime(2026, 1, 5, 9, 2),
    },
    {
        "anonymous_id": "1234.5678",
        "session_id": "1767603599",
        "event_name": "page_view",
        "country": "NO",
        "items": [],
        "occurred_at": datetime(2026, 1, 5, 9, 3),
    },
    {
        "anonymous_id": "app-1",
        "event_name": "page_view",
        "page_title": "Basket",
        "country": "Atlantis",
        "order_id": "o-9",
        "occurred_at": datetime(2026, 1, 5, 9, 4),
    },
]

PAIRS = (
    "struct(key varchar, value struct(string_value varchar, int_value bigint, "
    "float_value double, double_value double{}))[]"
)
ITEM = (
    "struct(item_id varchar, item_name varchar, item_brand varchar, "
    "item_category varchar, price double, quantity bigint, promotion_name varchar)"
)
TYPES = {
    "event_date": "varchar",
    "event_timestamp": "bigint",
    "event_name": "varchar",
    "event_params": PAIRS.format(""),
    "event_bundle_sequence_id": "bigint",
    "privacy_info": "struct(analytics_storage varchar, ads_storage varchar)",
    "user_properties": PAIRS.format(", set_timestamp_micros bigint"),
    "user_id": "varchar",
    "user_pseudo_id": "varchar",
    "device": "struct(category varchar, operating_system varchar)",
    "geo": "struct(country varchar, city varchar)",
    "stream_id": "varchar",
    "ecommerce": "struct(transaction_id varchar, purchase_revenue double)",
    "items": f"{ITEM}[]",
    "collected_traffic_source": "struct(manual_source varchar, manual_medium varchar, "
    "manual_campaign_name varchar, gclid varchar)",
}


def write_parquet(path: Path, lists: str) -> None:
    """Write the dump as BigQuery exports it, its lists plain or wrapped."""
    wrapped = ", ".join(
        f"{{'list': list_transform({name}, lambda x: {{'{lists}': x}})}} as {name}"
        for name in ("event_params", "user_properties", "items")
    )
    columns = ", ".join(f"'{name}': '{type_}'" for name, type_ in TYPES.items())
    rows = f"read_json('{DUMP}', columns = {{{columns}}}, format = 'nd')"
    changed = f"replace ({wrapped})" if lists else ""
    duckdb.execute(f"copy (select * {changed} from {rows}) to '{path}'")


def without(rows: list[dict], *names: str) -> list[dict]:
    return [{k: v for k, v in row.items() if k not in names} for row in rows]


@pytest.fixture
def ga4(make_inbox):
    return make_inbox(GA4)


def test_a_day_becomes_events(ga4):
    ga4.put("events_20260105.jsonl", DUMP.read_bytes())
    ga4.load()

    rows = ga4.rows()
    assert without(rows, "attributes", "event_id") == EVENTS
    assert len({row["event_id"] for row in rows}) == len(EVENTS)
    assert ga4.reasons() == [(6, "missing:user_id")]  # consent was denied


def test_what_is_not_mapped_is_kept_and_can_be_read(ga4):
    ga4.put("events_20260105.jsonl", DUMP.read_bytes())
    ga4.load()

    view, _, purchase, promotion, _ = (row["attributes"] for row in ga4.rows())
    assert view["event_params"] == {
        "campaign": "january",
        "engagement_time_msec": 120,
        "ga_session_number": 1,
        "medium": "email",
        "ratio": 0.5,
        "source": "letter",
    }
    assert view["user_properties"] == {"plan": "pro"}
    assert view["privacy_info"]["analytics_storage"] == "Yes"
    assert purchase["ecommerce"]["purchase_revenue_in_usd"] == 49.1
    assert purchase["collected_traffic_source"] == {"gclid": "Cj0"}
    assert promotion["items"][0]["promotion_name"] == "Winter"


@pytest.mark.parametrize("lists", ["", "element", "item"])
def test_parquet_says_the_same(make_inbox, lists: str):
    from_json, from_parquet = make_inbox(GA4), make_inbox(GA4)
    from_json.put("events_20260105.jsonl", DUMP.read_bytes())
    write_parquet(from_parquet.folder / "events_20260105.parquet", lists)
    from_json.load()
    from_parquet.load()

    rows = from_parquet.mapped()
    for row in rows:
        row.setdefault("items", [])
    expected = from_json.mapped()
    for row in expected:
        row.setdefault("items", [])
    assert rows == expected
    assert from_parquet.reasons() == from_json.reasons()
    kept = from_parquet.rows()[0]["attributes"]
    assert kept["event_params"]["engagement_time_msec"] == 120
    assert kept["user_properties"] == {"plan": "pro"}


def rewritten(line: str) -> str:
    """Write an event as a later export may: other attribution, another order."""
    event = json.loads(line)
    event["event_params"].reverse()
    event["traffic_source"] = {"source": "google", "medium": "organic"}
    event["session_traffic_source_last_click"] = {"manual_campaign": {"source": "x"}}
    event["collected_traffic_source"] = {"manual_source": "google"}
    event["user_ltv"] = {"revenue": 41.98, "currency": "EUR"}
    return json.dumps(dict(reversed(event.items())))


def test_a_rewritten_day_replaces_the_one_before(ga4):
    lines = DUMP.read_text().splitlines()
    ga4.put("events_20260105.jsonl", "\n".join(lines[:3]))
    ga4.load()
    ids = [row["event_id"] for row in ga4.rows()]
    late = lines[4]
    ga4.put("events_20260105.jsonl", "\n".join([*map(rewritten, lines[:3]), late]))
    ga4.load()

    rows = ga4.rows()
    assert [row["event_id"] for row in rows][:3] == ids
    assert [row["utm_source"] for row in rows[:3]] == ["google"] * 3
    assert rows[3]["anonymous_id"] == "app-1"
    assert [status for _, status, _ in ga4.files()] == ["replaced", "loaded"]


@pytest.mark.parametrize(
    "change",
    [
        {"stream_id": "98"},
        {"user_pseudo_id": "1234.9"},
        {"event_name": "scroll"},
        {"event_timestamp": "1767603600000001"},
        {"event_params": [{"key": "ga_session_id", "value": {"int_value": "1"}}]},
        {"event_params": [{"key": "percent", "value": {"int_value": "90"}}]},
    ],
)
def test_another_event_has_another_id(ga4, change: dict):
    event = json.loads(DUMP.read_text().splitlines()[0])
    ga4.put("a.jsonl", "\n".join(map(json.dumps, [event, event | change])))
    ga4.load()

    first, second = (row["event_id"] for row in ga4.rows())
    assert first != second
