"""PostHog's batch export becomes the rows that it tells of, in either of its forms."""

import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml

EXPORT = Path(__file__).parent / "adapters" / "posthog" / "events.jsonl"
PAGE = Path(__file__).parents[2] / "docs" / "adapters" / "posthog.md"
ANN, ANNS_PHONE = "email:ann@example.org", "phone:+49301234567"

EVENTS = [
    {
        "event_id": "0194-1",
        "anonymous_id": "anon-1",
        "session_id": "s-1",
        "page_view_id": "v-1",
        "event_name": "page_view",
        "page_url": "https://shop.example/?utm_source=news",
        "page_title": "Welcome",
        "referrer": "https://search.example/",
        "utm_source": "news",
        "utm_medium": "email",
        "utm_campaign": "january",
        "user_agent": "Mozilla/5.0",
        "device_type": "Desktop",
        "ip": "192.0.2.7",
        "country": "DE",
        "occurred_at": datetime(2026, 1, 5, 9, 0, 0, 123_456),
        "received_at": datetime(2026, 1, 5, 9, 0, 1),
    },
    {
        "event_id": "0194-2",
        "user_id": "person-17",
        "session_id": "s-1",
        "email_hash": ANN,
        "phone_hash": ANNS_PHONE,
        "event_name": "$identify",
        "occurred_at": datetime(2026, 1, 5, 9, 1),
        "received_at": datetime(2026, 1, 5, 9, 1, 1),
    },
    {
        "event_id": "0194-3",
        "user_id": "person-17",
        "email_hash": ANN,
        "phone_hash": ANNS_PHONE,
        "event_name": "product_view",
        "page_url": "https://shop.example/p/1",
        "country": "DE",
        "product_id": "p-1",
        "product_name": "Monopoly",
        "category": "Games",
        "currency": "EUR",
        "price": Decimal("18.99"),
        "quantity": Decimal(1),
        "occurred_at": datetime(2026, 1, 5, 9, 2),
        "received_at": datetime(2026, 1, 5, 9, 2, 1),
    },
    {
        "event_id": "0194-4",
        "user_id": "person-17",
        "anonymous_id": "user-17",
        "event_name": "purchase",
        "order_id": "o-501",
        "currency": "EUR",
        "revenue": Decimal(25),
        "items": [
            {
                "product_id": "p-1",
                "product_name": "Monopoly",
                "category": "Games",
                "price": Decimal(19),
                "quantity": Decimal(1),
            },
            {
                "product_id": "G-33",
                "product_name": "Uno",
                "category": None,
                "price": Decimal(3),
                "quantity": Decimal(2),
            },
        ],
        "occurred_at": datetime(2026, 1, 5, 9, 3),
        "received_at": datetime(2026, 1, 5, 9, 3, 1),
    },
    {
        "event_id": "0194-5",
        "anonymous_id": "anon-2",
        "event_name": "page_view",
        "page_title": "Cart",
        "device_type": "Mobile",
        "occurred_at": datetime(2026, 1, 5, 9, 4),
        "received_at": datetime(2026, 1, 5, 9, 4, 1),
    },
]
USER = {
    "user_id": "person-17",
    "anonymous_id": "anon-1",
    "email_hash": ANN,
    "phone_hash": ANNS_PHONE,
    "name": "Ann Example",
    "first_name": "Ann",
    "last_name": "Example",
    "gender": "female",
    "city": "Bonn",
    "country": "DE",
    "updated_at": datetime(2026, 1, 5, 9, 1),
}


@pytest.fixture(params=["events.jsonl", "events.parquet", "events.parquet.zst"])
def posthog(request, make_inbox):
    """Give the export as JSON lines, and as Parquet with JSON in texts.

    Its pages are packed in zstd, which the export writes into the file's name.
    """
    inbox = make_inbox({"adapter": "posthog", "columns": {}})
    if request.param.endswith("jsonl"):
        inbox.put(request.param, EXPORT.read_bytes())
        return inbox
    texts = ["uuid", "event", "distinct_id", "person_id", "elements_chain"]
    objects = ["properties", "person_properties"]
    times = ["timestamp", "created_at", "_inserted_at"]
    kinds = dict.fromkeys(texts, "VARCHAR") | dict.fromkeys(objects, "JSON")
    kinds |= dict.fromkeys(times, "TIMESTAMPTZ")
    lines = duckdb.read_json(str(EXPORT), columns=kinds)
    as_texts = ", ".join(f"{name}::varchar as {name}" for name in objects)
    lines.project(f"* replace ({as_texts})").write_parquet(
        str(inbox.folder / request.param), compression="zstd"
    )
    return inbox


def test_an_export_becomes_events_and_users(posthog):
    posthog.load()

    assert posthog.mapped("events") == EVENTS
    assert posthog.mapped("users") == [USER]
    assert posthog.reasons() == [(6, "missing:user_id")]


def test_what_is_not_mapped_stays_with_the_event(posthog):
    posthog.load()

    attributes = [row["attributes"] for row in posthog.rows()]
    assert attributes[0]["properties"] == {
        "$os": "Windows",
        "$geoip_city_name": "Bonn",
        "$device_id": "anon-1",
        "$is_identified": False,
        "$process_person_profile": False,
    }
    assert attributes[1]["properties"]["$set"]["plan"] == "pro"
    assert "example.org" not in str(attributes)
    assert "Ann" not in str(attributes)


def test_users_may_be_known_by_their_distinct_id(posthog):
    """As the page says how: what was done before the login is nobody's yet."""
    (described,) = re.findall(
        r"(?s)```yaml\n(adapter: posthog\n.+?)```", PAGE.read_text()
    )
    posthog.describe(**yaml.safe_load(described))

    posthog.load()

    users = [row.get("user_id") for row in posthog.rows("events")]
    assert users == [None, ANN, ANN, "user-17", "anon-2"]
    (user,) = posthog.rows("users")
    assert (user["user_id"], user["anonymous_id"]) == (ANN, "anon-1")
