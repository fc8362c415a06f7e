"""Segment's and RudderStack's messages become the rows that they tell of."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

DUMPS = Path(__file__).parent / "adapters" / "segment"
ANN, BOB = "email:ann@example.org", "email:bob@example.org"
ANNS_PHONE, BOBS_PHONE = "phone:+49301234567", "phone:+49307654321"

EVENTS = [
    {
        "event_id": "ajs-next-1",
        "anonymous_id": "anon-1",
        "event_name": "page_view",
        "page_url": "https://shop.example/?utm_source=news",
        "page_title": "Welcome",
        "referrer": "https://search.example/",
        "utm_source": "news",
        "utm_medium": "email",
        "utm_campaign": "january",
        "user_agent": "Mozilla/5.0",
        "ip": "192.0.2.7",
        "product_name": "Home",
        "occurred_at": datetime(2026, 1, 5, 9, 0),
        "received_at": datetime(2026, 1, 5, 9, 0, 1),
    },
    {
        "event_id": "ajs-next-2",
        "user_id": "u-17",
        "anonymous_id": "anon-1",
        "event_name": "identify",
        "ip": "192.0.2.7",
        "occurred_at": datetime(2026, 1, 5, 9, 1),
        "received_at": datetime(2026, 1, 5, 9, 1, 1),
    },
    {
        "event_id": "ajs-next-3",
        "user_id": "u-17",
        "anonymous_id": "anon-1",
        "email_hash": ANN,
        "phone_hash": ANNS_PHONE,
        "event_name": "product_view",
        "page_url": "https://shop.example/p/1",
        "page_title": "Monopoly",
        "referrer": "https://shop.example/",
        "device_type": "ios",
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
        "event_id": "ajs-next-4",
        "user_id": "u-17",
        "anonymous_id": "anon-1",
        "event_name": "purchase",
        "country": "DE",
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
        "event_id": "ajs-next-5",
        "user_id": "u-17",
        "event_name": "refund",
        "order_id": "o-501",
        "currency": "EUR",
        "revenue": Decimal("27.5"),
        "occurred_at": datetime(2026, 1, 6, 8, 0),
        "received_at": datetime(2026, 1, 6, 8, 0, 2),
    },
    {
        "event_id": "ajs-next-6",
        "user_id": "u-17",
        "event_name": "page_view",
        "page_title": "Cart",
        "occurred_at": datetime(2026, 1, 6, 10, 0),
        "received_at": datetime(2026, 1, 6, 10, 0, 1),
    },
    {
        "event_id": "ajs-next-7",
        "user_id": "u-17",
        "event_name": "group",
        "occurred_at": datetime(2026, 1, 6, 10, 1),
        "received_at": datetime(2026, 1, 6, 10, 1, 1),
    },
    {
        "event_id": "ajs-next-8",
        "user_id": "u-17",
        "event_name": "alias",
        "occurred_at": datetime(2026, 1, 6, 10, 2),
        "received_at": datetime(2026, 1, 6, 10, 2, 1),
    },
    {
        "event_id": "ajs-next-9",
        "user_id": "u-17",
        "event_name": "alias",
        "occurred_at": datetime(2026, 1, 6, 10, 3),
        "received_at": datetime(2026, 1, 6, 10, 3, 1),
    },
    {
        "event_id": "ajs-next-10",
        "user_id": "u-17",
        "event_name": "Invite Sent",
        "occurred_at": datetime(2026, 1, 6, 10, 4),
        "received_at": datetime(2026, 1, 6, 10, 4, 1),
    },
]
USERS = [
    {
        "user_id": "u-17",
        "anonymous_id": "anon-1",
        "email_hash": ANN,
        "phone_hash": ANNS_PHONE,
        "name": "Ann Example",
        "first_name": "Ann",
        "last_name": "Example",
        "gender": "female",
        "city": "Bonn",
        "country": "DE",
        "birth_date": date(1990, 5, 1),
        "signed_up_at": datetime(2025, 12, 1, 8),
        "updated_at": datetime(2026, 1, 5, 9, 1),
    },
    {
        "user_id": "u-17",
        "anonymous_id": "anon-0",
        "updated_at": datetime(2026, 1, 6, 10, 2),
    },
    {
        "user_id": "u-17",
        "email_hash": ANN,
        "updated_at": datetime(2026, 1, 6, 10, 3),
    },
]
RUDDER_EVENTS = [
    {
        "event_id": "r-1",
        "user_id": "u-18",
        "anonymous_id": "anon-2",
        "session_id": "1767772800",
        "email_hash": BOB,
        "phone_hash": BOBS_PHONE,
        "event_name": "identify",
        "user_agent": "Mozilla/5.0",
        "ip": "192.0.2.8",
        "country": "DE",
        "occurred_at": datetime(2026, 1, 7, 8, 0, 0, 500_000),
        "received_at": datetime(2026, 1, 7, 8, 0, 1),
    },
    {
        "event_id": "r-2",
        "anonymous_id": "anon-2",
        "session_id": "1767772800",
        "event_name": "search",
        "ip": "192.0.2.8",
        "occurred_at": datetime(2026, 1, 7, 8, 1),
        "received_at": datetime(2026, 1, 7, 8, 1, 1),
    },
]
RUDDER_USERS = [  # 5/1/1990 and 1764576000 are no dates as we read them
    {
        "user_id": "u-18",
        "anonymous_id": "anon-2",
        "email_hash": BOB,
        "phone_hash": BOBS_PHONE,
        "first_name": "Bob",
        "last_name": "Example",
        "gender": "male",
        "city": "Köln",
        "country": "DE",
        "updated_at": datetime(2026, 1, 7, 8, 0, 0, 500_000),
    }
]


@pytest.fixture
def loaded(loaded_from):
    return lambda dump: loaded_from("segment", dump, (DUMPS / dump).read_bytes())


@pytest.fixture
def segment(make_inbox):
    return make_inbox({"adapter": "segment", "columns": {}})


@pytest.mark.parametrize(
    ("dump", "events", "users"),
    [
        ("web.jsonl", EVENTS, USERS),
        ("rudder.jsonl", RUDDER_EVENTS, RUDDER_USERS),
    ],
)
def test_messages_become_events_and_users(
    loaded, dump: str, events: list[dict], users: list[dict]
):
    assert loaded(dump).mapped("events") == events
    assert loaded(dump).mapped("users") == users


def test_a_message_of_nobody_is_refused(loaded):
    assert loaded("web.jsonl").reasons() == [(11, "missing:user_id")]


def test_what_is_not_mapped_stays_with_the_event(loaded):
    attributes = [row["attributes"] for row in loaded("web.jsonl").rows()]
    consent = {"categoryPreferences": {"Advertising": False, "Analytics": True}}
    assert attributes[0]["context"]["consent"] == consent
    assert attributes[1] == {
        "traits": {
            "gender": "female",
            "createdAt": "2025-12-01T08:00:00.000Z",
            "plan": "pro",
            "address": "[withheld]",
        },
        "type": "identify",
    }
    assert attributes[3]["properties"]["coupon"] == "NEW"
    assert attributes[3]["properties.products"][0]["position"] == 1
    assert attributes[6]["traits"] == {"employees": 329}
    assert attributes[8] == {"type": "alias"}


def test_another_map_of_one_field_leaves_the_others(segment):
    segment.describe({"email": "properties.email"})
    segment.put("web.jsonl", (DUMPS / "web.jsonl").read_bytes())

    segment.load()

    rows = segment.rows("events")
    assert rows[9]["email_hash"] == "email:friend@example.org"
    assert "email_hash" not in rows[2]
    assert rows[9]["user_id"] == "u-17"
