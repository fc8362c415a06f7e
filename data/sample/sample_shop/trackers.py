"""How the web and the app word an event: one JSON line each, no two alike in form."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus

import numpy as np
import pandas as pd

from sample_shop.archetypes import DEVICES
from sample_shop.shop import Shop

SITE = "https://shop.example.com"
WEB_NAMES = {
    "landing": "Page Viewed",
    "page": "Page Viewed",
    "search": "Products Searched",
    "product": "Product Viewed",
    "cart": "Product Added",
    "checkout": "Checkout Started",
    "purchase": "Order Completed",
    "sign_in": "Signed In",
    "sign_up": "Signed Up",
}
APP_NAMES = {
    "landing": "screen",
    "page": "screen",
    "search": "search",
    "product": "item_open",
    "cart": "bag_add",
    "checkout": "pay_start",
    "purchase": "pay_done",
    "sign_in": "login",
    "sign_up": "register",
}
CAMPAIGNS = {
    "paid": {"source": "google", "medium": "cpc", "name": "brand-2025"},
    "social": {"source": "instagram", "medium": "social", "name": "look-book"},
    "email": {"source": "newsletter", "medium": "email", "name": "weekly"},
}
REFERRERS = {
    "organic": "https://www.google.com/",
    "paid": "https://www.google.com/",
    "social": "https://www.instagram.com/",
    "referral": "https://blog.example.net/best-shops",
}
ADDRESS_IN_URL = 25  # every so many landings from the newsletter carries the e-mail
TIME_STYLES = 4
ITEM_FIELDS = ["product_id", "product_name", "category", "price"]

Event = Any  # a row of the events' frame, as a named tuple

encode = json.JSONEncoder(separators=(",", ":")).encode


def split_by_tracker(shop: Shop) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part the events into those of browsers and those of the app."""
    kind = shop.devices["kind"].to_numpy()[shop.events["device"]]
    is_app = (kind == DEVICES.index("app")) & (shop.events["device"] >= 0)
    return shop.events[~is_app], shop.events[is_app]


class Wording:
    """The shop's columns as plain lists, which are quick to look things up in."""

    def __init__(self, shop: Shop):
        people, devices, products = shop.people, shop.devices, shop.products
        self.person = devices["person"].tolist()
        self.device_id = devices["device_id"].tolist()
        self.user_agent = devices["user_agent"].tolist()
        self.user_id = people["user_id"].tolist()
        self.email = people["email"].tolist()
        self.country = people["country"].tolist()
        self.channel = shop.visits["channel"].tolist()
        self.login = shop.visits["login"].tolist()
        self.coupon = ["SAVE25" if c else None for c in shop.visits["has_coupon"]]
        self.order_id = shop.orders["order_id"]
        self.item: list[dict[str, Any]] = [
            dict(zip(ITEM_FIELDS, item, strict=True))
            for item in products[ITEM_FIELDS].itertuples(index=False)
        ]
        self._items: dict[int, list[dict]] = {}
        for visit, product, price, quantity in shop.order_lines[
            ["visit", "product", "unit_price", "quantity"]
        ].itertuples(index=False):
            line = dict(self.item[product], price=price, quantity=quantity)
            self._items.setdefault(visit, []).append(line)

    def kind(self, row: Event) -> str:
        """Name the kind of an event; a login is a first or a later one."""
        return self.login[row.visit] if row.kind == "login" else row.kind

    def phrase(self, row: Event) -> str:
        """Say what was searched for: words of some product, always the same."""
        item = self.item[row.visit % len(self.item)]
        return item["product_name"].split(" ", 1)[-1].lower()

    def order(self, visit: int) -> tuple[str, float, list[dict]]:
        """Give the order of a visit: id, revenue and items."""
        items = self._items[visit]
        revenue = round(sum(item["price"] * item["quantity"] for item in items), 2)
        return self.order_id[visit], revenue, items


def web_lines(wording: Wording, events: pd.DataFrame) -> Iterator[str]:
    """Word the events of browsers, nested as web trackers do."""
    for row in _rows(events):
        is_nameless = row.device < 0
        person = -1 if is_nameless else wording.person[row.device]
        user_id = wording.user_id[person] if row.is_identified else None
        yield encode(
            {
                "messageId": row.event_id,
                "event": WEB_NAMES[wording.kind(row)],
                "timestamp": row.occurred_text,
                "receivedAt": row.received_text + "Z",
                "user": {"id": "" if is_nameless else user_id},
                "anonymousId": "" if is_nameless else wording.device_id[row.device],
                "context": _web_context(wording, row, person),
                "properties": _web_properties(wording, row),
            }
        )


def _web_context(wording: Wording, row: Event, person: int) -> dict:
    context: dict = {"page": _page(wording, row)}
    if row.device >= 0:
        context["userAgent"] = wording.user_agent[row.device]
    if person >= 0:
        context["geo"] = {"country": wording.country[person]}
    if row.kind == "landing" and wording.channel[row.visit] in CAMPAIGNS:
        context["campaign"] = CAMPAIGNS[wording.channel[row.visit]]
    return context


def _web_properties(wording: Wording, row: Event) -> dict:
    if row.product >= 0:
        properties: dict = {**wording.item[row.product], "currency": "GBP"}
        if row.kind == "cart":
            properties["quantity"] = 1
        if row.is_conflicting:
            properties["price"] = round(properties["price"] + 1, 2)
        return properties
    if row.kind == "search":
        return {"query": wording.phrase(row)}
    if row.kind == "purchase":
        order_id, revenue, items = wording.order(row.visit)
        return {
            "order_id": order_id,
            "revenue": revenue,
            "currency": "GBP",
            "coupon": wording.coupon[row.visit],
            "products": items,
        }
    return {}


def app_lines(wording: Wording, events: pd.DataFrame) -> Iterator[str]:
    """Word the events of the app: short names, milliseconds since 1970."""
    for row in _rows(events):
        person = wording.person[row.device]
        line: dict = {
            "eid": row.event_id,
            "name": APP_NAMES[wording.kind(row)],
            "t": row.occurred,
            "rx": row.received,
            "did": wording.device_id[row.device],
            "sess": f"s{row.visit:06d}",
            "app": {"os": wording.user_agent[row.device], "version": "4.2.1"},
            "cc": wording.country[person],
        }
        if row.is_identified:
            line["uid"] = wording.user_id[person]
        if row.product >= 0:
            item = wording.item[row.product]
            line["item"] = {
                "sku": item["product_id"],
                "title": item["product_name"],
                "dept": item["category"],
                "amount": round(item["price"] + row.is_conflicting, 2),
            }
        elif row.kind == "search":
            line["q"] = wording.phrase(row)
        elif row.kind == "purchase":
            order_id, revenue, items = wording.order(row.visit)
            line["order"] = {"ref": order_id, "sum": revenue, "lines": items}
        yield encode(line)


def _rows(events: pd.DataFrame) -> Iterator[Event]:
    """Go through the events, with their times in words."""
    return events.assign(
        occurred_text=_as_text(events["occurred"], events["device"]),
        received_text=_iso(events["received"].to_numpy()),
    ).itertuples(index=False)


def _page(wording: Wording, row: Event) -> dict:
    """Say which page an event is on, with its full address."""
    referrer, query = SITE + "/", ""
    if row.visit < 0:
        referrer = ""
    elif row.kind == "landing":
        channel = wording.channel[row.visit]
        referrer = REFERRERS.get(channel, "")
        if campaign := CAMPAIGNS.get(channel):
            query = (
                f"?utm_source={campaign['source']}&utm_medium={campaign['medium']}"
                f"&utm_campaign={campaign['name']}"
            )
        if channel == "email" and row.visit % ADDRESS_IN_URL == 0:
            query += "&to=" + quote_plus(wording.email[wording.person[row.device]])
    if row.product >= 0:
        item = wording.item[row.product]
        path, title = f"/p/{item['product_id'].lower()}", item["product_name"]
    elif row.kind == "search":
        path, title = "/search", "Search"
        query = "?q=" + quote_plus(wording.phrase(row))
    elif row.kind in ("login", "checkout", "purchase"):
        path = {"login": "/account", "checkout": "/checkout", "purchase": "/thanks"}
        path, title = path[row.kind], row.kind.capitalize()
    else:
        category = ("", "books", "home", "kitchen", "offers", "sport")[row.visit % 6]
        path, title = f"/{category}", category.capitalize() or "Welcome"
    return {"url": SITE + path + query, "title": title, "referrer": referrer}


def _as_text(times: pd.Series, devices: pd.Series) -> list[str]:
    """Write times as each browser does: in UTC, with an offset, or with neither."""
    milliseconds, style = times.to_numpy(), devices.to_numpy() % TIME_STYLES
    hours = np.select([style == 1, style == 2], [1, -5], 0)
    texts = _iso(milliseconds + hours * 3_600_000)
    endings = ("Z", "+01:00", "-05:00", "")
    return [
        text + endings[which] for text, which in zip(texts, style.tolist(), strict=True)
    ]


def _iso(milliseconds: np.ndarray) -> list[str]:
    return np.datetime_as_string(milliseconds.astype("datetime64[ms]")).tolist()
