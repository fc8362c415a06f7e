"""Amplitude's export, a ZIP of gzipped hours, becomes the rows that it tells of."""

import gzip
import io
import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

HOURS = sorted((Path(__file__).parent / "adapters" / "amplitude").glob("*.jsonl"))
ANN, ANNS_PHONE = "email:ann@example.org", "phone:+49301234567"
BOBS_PHONE = "phone:+49307654321"

ORDER = {
    "event_id": "uuid-4",
    "user_id": "user-17",
    "anonymous_id": "dev-2",
    "session_id": "1767610800000",
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
    "occurred_at": datetime(2026, 1, 5, 11, 0),
    "received_at": datetime(2026, 1, 5, 11, 0, 1),
}
REVENUE = {  # of nobody known, in no session, and with no id but the sender's
    "event_id": "ins-5",
    "anonymous_id": "9007199254740993",
    "phone_hash": BOBS_PHONE,
    "event_name": "purchase",
    "product_id": "p-9",
    "currency": "USD",
    "price": Decimal("4.5"),
    "quantity": Decimal(2),
    "revenue": Decimal(9),
    "occurred_at": datetime(2026, 1, 5, 11, 1),
    "received_at": datetime(2026, 1, 5, 11, 1, 1),
}
VIEW = {
    "event_id": "uuid-3",
    "user_id": "user-17",
    "anonymous_id": "dev-2",
    "email_hash": ANN,
    "event_name": "product_view",
    "referrer": "https://search.example/",
    "utm_source": "news",
    "utm_medium": "email",
    "utm_campaign": "january",
    "device_type": "mobile",
    "country": "DE",
    "product_id": "p-1",
    "product_name": "Monopoly",
    "category": "Games",
    "currency": "EUR",
    "price": Decimal("18.99"),
    "quantity": Decimal(1),
    "occurred_at": datetime(2026, 1, 5, 10, 0),
    "received_at": datetime(2026, 1, 5, 10, 0, 2),
}
PAGE = {
    "event_id": "uuid-1",
    "anonymous_id": "dev-1",
    "session_id": "1767603600100",
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
    "occurred_at": datetime(2026, 1, 5, 9, 0, 0, 100_000),
    "received_at": datetime(2026, 1, 5, 9, 0, 1, 100_000),
}
IDENTIFY = {
    "event_id": "uuid-2",
    "user_id": "user-17",
    "anonymous_id": "dev-1",
    "session_id": "1767603600100",
    "email_hash": ANN,
    "phone_hash": ANNS_PHONE,
    "event_name": "$identify",
    "utm_source": "news",
    "device_type": "desktop",
    "ip": "192.0.2.7",
    "country": "DE",
    "occurred_at": datetime(2026, 1, 5, 9, 1),
    "received_at": datetime(2026, 1, 5, 9, 1, 1),
}
USER = {
    "user_id": "user-17",
    "anonymous_id": "dev-1",
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


@pytest.fixture
def amplitude(make_inbox):
    return make_inbox({"adapter": "amplitude", "columns": {}})


def exported(*, packed: bool = True) -> bytes:
    """Pack the hours as the export does: a folder in a ZIP, each file in gzip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for hour in HOURS:
            content = gzip.compress(hour.read_bytes()) if packed else hour.read_bytes()
            archive.writestr(f"123456/{hour.stem}.json.gz", content)
    return buffer.getvalue()


@pytest.mark.parametrize("file", ["2026-01-05.json.zip", "2026-01-05.json.gz"])
@pytest.mark.parametrize("packed", [True, False])
def test_an_export_becomes_events_and_users(amplitude, file: str, packed: bool):
    amplitude.put(file, exported(packed=packed))

    amplitude.load()

    # By name the tenth hour is before the ninth; its file lacks its last line's end.
    events = amplitude.mapped("events")
    assert events == [VIEW, ORDER, REVENUE, PAGE, IDENTIFY]
    assert amplitude.mapped("users") == [USER]
    assert amplitude.reasons() == [(4, "bad_value:occurred_at")]


def test_what_is_not_mapped_stays_with_the_event(amplitude):
    amplitude.put("2026-01-05.json.zip", exported())

    amplitude.load()

    view, order, revenue, page, identify = (
        row["attributes"] for row in amplitude.rows()
    )
    assert view["event_properties"] == {"brand": "Hasbro"}
    assert order["$insert_id"] == "ins-4"
    assert revenue["event_properties"]["$revenueType"] == "income"
    assert page["user_properties"] == {"initial_utm_source": "EMPTY"}
    assert page["client_event_time"] == "2026-01-05 08:59:00.100000"
    assert identify["user_properties"]["plan"] == "pro"
    assert "email" not in identify["user_properties"]
    assert "Ann" not in str(identify)
