"""Mixpanel's raw export becomes the events that it tells of, its copies known."""

import hashlib
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

EXPORT = Path(__file__).parent / "adapters" / "mixpanel" / "export.jsonl"
ANN, ANNS_PHONE = "email:ann@example.org", "phone:+49301234567"


def event_id(event: str, distinct_id: str, insert_id: str, day: str) -> str:
    """Digest by hand what Mixpanel knows a copy by."""
    same = hashlib.md5("\x1f".join([event, distinct_id, insert_id]).encode())
    return hashlib.md5(f"{same.hexdigest()} {day}".encode()).hexdigest()


ORDER = {
    "event_id": event_id("Purchase", "user-17", "ins-3", "2026-01-05"),
    "user_id": "user-17",
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
    "occurred_at": datetime(2026, 1, 5, 11),
    "received_at": datetime(2026, 1, 5, 11, 0, 9),
}
EVENTS = [
    {
        "event_id": event_id(
            "$mp_web_page_view", "$device:dev-1", "ins-1", "2026-01-05"
        ),
        "anonymous_id": "dev-1",
        "event_name": "page_view",
        "page_url": "https://shop.example/?utm_source=news",
        "page_title": "Welcome",
        "referrer": "https://search.example/",
        "utm_source": "news",
        "utm_medium": "email",
        "utm_campaign": "january",
        "device_type": "desktop",
        "ip": "192.0.2.7",
        "country": "DE",
        "occurred_at": datetime(2026, 1, 5, 9),
        "received_at": datetime(2026, 1, 5, 9, 0, 1, 500_000),
    },
    {
        "event_id": event_id("Product Viewed", "user-17", "ins-2", "2026-01-05"),
        "user_id": "user-17",
        "anonymous_id": "dev-1",
        "email_hash": ANN,
        "phone_hash": ANNS_PHONE,
        "event_name": "product_view",
        "device_type": "iPhone",
        "product_id": "p-1",
        "product_name": "Monopoly",
        "category": "Games",
        "price": Decimal("18.99"),
        "quantity": Decimal(1),
        "occurred_at": datetime(2026, 1, 5, 10),
        "received_at": datetime(2026, 1, 5, 10, 0, 1),
    },
    ORDER,
    ORDER | {"received_at": datetime(2026, 1, 5, 11, 0, 2)},
    ORDER
    | {
        "event_id": event_id("Purchase", "user-17", "ins-3", "2026-01-06"),
        "occurred_at": datetime(2026, 1, 6, 11),
        "received_at": datetime(2026, 1, 6, 11, 0, 2),
    },
    {
        "event_id": event_id("First Visit", "dev-2", "ins-4", "2026-01-05"),
        "anonymous_id": "dev-2",
        "event_name": "First Visit",
        "occurred_at": datetime(2026, 1, 5, 12),
        "received_at": datetime(2026, 1, 5, 12),
    },
    {
        "user_id": "user-18",
        "event_name": "Server Side",
        "occurred_at": datetime(2026, 1, 5, 13),
    },
    {
        "user_id": "user-18",
        "event_name": "Server Side",
        "occurred_at": datetime(2026, 1, 5, 14),
    },
    {
        "event_id": event_id("$identify", "user-19", "ins-5", "2026-01-05"),
        "user_id": "user-19",
        "event_name": "$identify",
        "occurred_at": datetime(2026, 1, 5, 15),
        "received_at": datetime(2026, 1, 5, 15),
    },
]


@pytest.fixture
def loaded(loaded_from):
    return loaded_from("mixpanel", "2026-01.jsonl", EXPORT.read_bytes())


@pytest.fixture
def mixpanel(make_inbox):
    inbox = make_inbox({"adapter": "mixpanel", "columns": {}})
    inbox.put("2026-01.jsonl", EXPORT.read_bytes())
    return inbox


def test_an_export_becomes_events_and_users(loaded):
    assert loaded.mapped("events") == EVENTS
    assert loaded.mapped("users") == [
        {
            "user_id": "user-19",
            "anonymous_id": "dev-2",
            "updated_at": datetime(2026, 1, 5, 15),
        }
    ]
    assert loaded.reasons() == [
        (10, "missing:user_id"),
        (11, "bad_value:occurred_at"),
    ]


def test_what_is_not_mapped_stays_with_the_event(loaded):
    attributes = [row["attributes"] for row in loaded.rows()]
    assert attributes[0]["properties"] == {
        "distinct_id": "$device:dev-1",
        "$insert_id": "ins-1",
        "$browser": "Chrome",
        "$os": "Windows",
        "$city": "Bonn",
        "mp_lib": "web",
    }
    assert attributes[1]["properties"]["brand"] == "Hasbro"
    assert "example.org" not in str(attributes[1])


def test_an_old_project_counts_on_its_own_wall_clock(mixpanel):
    """Eight hours later, in winter; when it was received is UTC of every project."""
    mixpanel.describe(timezone="America/Los_Angeles")

    mixpanel.load()

    rows = mixpanel.rows()
    hours = timedelta(hours=8)
    for row, event in zip(rows, EVENTS, strict=True):
        assert row["occurred_at"] == event["occurred_at"] + hours
        assert row.get("received_at") == event.get("received_at")
    assert rows[4]["event_id"] == EVENTS[4]["event_id"]


def test_an_order_is_counted_once_though_it_came_twice(mixpanel):
    mixpanel.load()

    ids = [row.get("event_id") for row in mixpanel.rows()]
    assert ids[2] == ids[3] != ids[4]
    assert ids[6] is ids[7] is None  # they have no $insert_id, and are no copies
