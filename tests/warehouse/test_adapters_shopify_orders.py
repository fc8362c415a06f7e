"""Shopify's orders, one line per item, become order lines, persons and consents."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

DUMP = Path(__file__).parent / "adapters" / "shopify_orders" / "orders_export_1.csv"
ANN, BEN, CY = (f"email:{name}@example.org" for name in ("ann", "ben", "cy"))
ANNS_PHONE, BENS_PHONE = "phone:+492281234567", "phone:+16175550100"
CYS_PHONE = "phone:+43316123456"


def order(order_id: str, person: str | None, phone: str | None, **more) -> dict:
    who = {"user_id": person, "email_hash": person, "phone_hash": phone}
    given = {name: value for name, value in who.items() if value}
    return {"order_id": order_id, **given, "is_cancelled": False, **more}


def item(head: dict, sku: str, name: str, quantity: int, price: str) -> dict:
    return {
        **head,
        "product_id": sku,
        "product_name": name,
        "quantity": Decimal(quantity),
        "unit_price": Decimal(price),
    }


def ann(order_id: str, day: datetime, **more) -> dict:
    more = {"currency": "EUR", "country": "AT", "ordered_at": day, **more}
    return order(order_id, ANN, ANNS_PHONE, **more)


FIRST = ann("5001", datetime(2026, 1, 1, 9, 0, 5))
SECOND = order(
    "5002",
    BEN,
    BENS_PHONE,
    currency="USD",
    country="US",
    ordered_at=datetime(2026, 2, 1, 4, 30),  # not paid: when it was created
)
REFUNDED = ann("5003", datetime(2026, 2, 2, 11), is_cancelled=True)
CANCELLED = ann("5004", datetime(2026, 2, 3, 11), is_cancelled=True)
VOIDED = order(
    "5006",
    None,
    None,
    currency="EUR",
    ordered_at=datetime(2026, 2, 5, 8),
    is_cancelled=True,
)
LAST = order(
    "5007",
    CY,
    CYS_PHONE,
    currency="EUR",
    country="AT",
    ordered_at=datetime(2026, 2, 6, 8),
)
LINES = [
    item(FIRST, "CUP-B", "Cup - Blue", 2, "12.50"),
    item(FIRST, "Gift wrapping", "Gift wrapping", 1, "5.50"),
    item(SECOND, "BOWL-L", "Bowl, large", 1, "40"),
    item(SECOND, "PLATE-10", 'Plate 10"', 1, "20"),
    item(REFUNDED, "CUP-B", "Cup - Blue", 1, "12.50"),
    item(CANCELLED, "CUP-R", "Cup - Red", 3, "12.50"),
    item(CANCELLED, "SAUCER", "Saucer", 1, "4"),
    item(ann("5005", datetime(2026, 2, 4, 11)), "CUP-R", "Cup - Red", 2, "12.50"),
    item(VOIDED, "CUP-R", "Cup - Red", 1, "12.50"),
    item(LAST, "SAUCER", "Saucer", 1, "4"),
]
ANNS_PROFILE = {"user_id": ANN, "email_hash": ANN, "phone_hash": ANNS_PHONE,
                "name": "Ann Example", "city": "Bonn", "country": "DE"}  # fmt: skip
USERS = [
    {**ANNS_PROFILE, "updated_at": datetime(2026, 1, 1, 9, 0, 5)},
    {"user_id": BEN, "email_hash": BEN, "phone_hash": BENS_PHONE,
     "name": "Ben Example", "city": "Boston", "country": "US",
     "updated_at": datetime(2026, 2, 1, 4, 30)},
    {**ANNS_PROFILE, "updated_at": datetime(2026, 2, 2, 11)},
    {**ANNS_PROFILE, "updated_at": datetime(2026, 2, 3, 11)},
    {**ANNS_PROFILE, "updated_at": datetime(2026, 2, 4, 11)},
    {"user_id": CY, "email_hash": CY, "phone_hash": CYS_PHONE,
     "name": "Cy Example", "city": "Graz", "country": "AT",
     "updated_at": datetime(2026, 2, 6, 8)},
]  # fmt: skip


@pytest.fixture
def loaded(loaded_from):
    return loaded_from("shopify_orders", "orders_export_1.csv", DUMP.read_bytes())


@pytest.fixture
def shop(make_inbox):
    inbox = make_inbox({"adapter": "shopify_orders", "columns": {}})
    inbox.put("orders_export_1.csv", DUMP.read_bytes())
    return inbox


def test_items_become_order_lines(loaded):
    assert loaded.mapped("order_lines") == LINES
    assert loaded.reasons() == [(12, "bad_value:quantity")]


def test_orders_tell_who_buys(loaded):
    found = loaded.mapped("users")
    assert [row for i, row in enumerate(found) if row not in found[:i]] == USERS


def test_orders_tell_who_accepts_marketing(loaded):
    rows = loaded.mapped("consents")
    assert {(row["user_id"], row["decision"]) for row in rows} == {
        (ANN, "granted"),
        (BEN, "denied"),
        (CY, "denied"),
    }
    assert rows[0] == {
        "user_id": ANN,
        "email_hash": ANN,
        "purpose": "marketing",
        "decision": "granted",
        "consent_source": "checkout",
        "decided_at": datetime(2026, 1, 1, 9),
    }


def test_what_is_not_mapped_is_kept_and_no_person_with_it(loaded):
    first, second, *_, partly, _, _ = (
        row["attributes"] for row in loaded.rows("order_lines")
    )
    assert first["Notes"] == 'Please ring twice.\nIt is the "old" house, 2nd floor'
    assert (first["Discount Code"], first["Discount Amount"]) == ("WINTER", "5.00")
    assert (first["Taxes"], first["Shipping"]) == ("4.85", "4.90")
    assert "Taxes" not in second
    assert partly["Refunded Amount"] == "12.50"
    for row in loaded.rows("order_lines"):
        assert not {"Email", "Billing Name", "Shipping Name", "Phone", "Billing Phone",
                    "Shipping Phone"} & set(row["attributes"])  # fmt: skip


def test_an_older_export_names_orders_by_their_name(shop):
    text = DUMP.read_text().replace(",Id,", ",Ref,")
    shop.put("orders_export_1.csv", text)
    shop.load()

    orders = [row["order_id"] for row in shop.rows("order_lines")]
    assert orders[:4] == ["#1001", "#1001", "#1002", "#1002"]


def test_a_later_export_of_the_same_name_takes_the_place(shop):
    shop.load()
    text = DUMP.read_text().replace("pending", "voided")
    shop.put("orders_export_1.csv", text)
    shop.load()

    cancelled = {
        row["order_id"]: row["is_cancelled"] for row in shop.rows("order_lines")
    }
    assert cancelled["5002"]
    assert len(shop.rows("order_lines")) == len(LINES)
