"""One day of a shop makes the same marts in the words of whatever tracker told it.

Each tells the same happenings in its own form, under a namespace of its own, so that
one build holds them beside each other.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cache
from io import StringIO
from typing import NamedTuple

import pytest
from running import ROOT, query, with_kmeans_alone, without_docs

from warehouse import stages
from warehouse.connection import open_work, rows_by_name
from warehouse.home import Home
from warehouse.keys import Keyring
from warehouse.vault import vault_of

pytestmark = pytest.mark.usefixtures("without_data_tests")

DAY = datetime(2026, 3, 2)
ANN, BOB = "ann@example.org", "bob@example.org"
CUP = {"id": "P1", "name": "Cup", "category": "kitchen", "price": 6.25}
LAMP = {"id": "P2", "name": "Lamp", "category": "living", "price": 10}
DEVICES = {"a1": ("mobile", "DE"), "a2": ("desktop", "DE"), "b1": ("desktop", "FR")}
COUNTRIES = {"DE": "Germany", "FR": "France"}
MARCH = {"source": "newsletter", "medium": "email", "campaign": "march"}


class Happening(NamedTuple):
    """What somebody did."""

    at: str
    device: str
    user: str | None
    name: str
    page: str = "https://shop.example/"
    referrer: str | None = None
    campaign: dict[str, str] | None = None
    product: dict | None = None
    quantity: int | None = None
    order: str | None = None
    basket: tuple[tuple[dict, int], ...] = ()

    @property
    def moment(self) -> datetime:
        """When it was, in UTC."""
        hours, minutes, seconds = map(int, self.at.split(":"))
        return DAY + timedelta(hours=hours, minutes=minutes, seconds=seconds)

    @property
    def total(self) -> float:
        """What was paid."""
        return sum(product["price"] * quantity for product, quantity in self.basket)


def did(*told, **more) -> Happening:
    return Happening(*told, **more)


HAPPENINGS = [
    did("09:00:00", "a1", None, "page_view", campaign=MARCH),
    did("09:00:20", "a1", None, "product_view", product=CUP),
    did("09:01:00", "a1", None, "add_to_cart", product=CUP, quantity=2),
    did("09:02:00", "a1", ANN, "login"),
    did("09:03:00", "a1", ANN, "begin_checkout"),
    did("09:04:00", "a1", ANN, "purchase", order="1001", basket=((CUP, 2), (LAMP, 1))),
    did("12:00:00", "a2", None, "page_view", referrer="https://www.google.com/"),
    did("12:10:00", "a2", None, "product_view", product=LAMP),
    did("12:15:00", "a2", None, "add_to_cart", product=LAMP, quantity=1),
    did("15:00:00", "b1", BOB, "page_view"),
    did("15:05:00", "b1", BOB, "purchase", order="1002", basket=((LAMP, 3),)),
    did("18:00:00", "b1", BOB, "page_view"),
    did("18:01:00", "b1", BOB, "purchase", order="1003", basket=((CUP, 1), (LAMP, 1))),
]


def told(content: dict) -> dict:
    """Leave out what there is nothing to say of, as trackers do."""
    return {name: value for name, value in content.items() if value is not None}


def as_lines(objects: Iterable[dict]) -> str:
    return "\n".join(map(json.dumps, objects))


def baskets(one: Happening, **names: str) -> list[dict] | None:
    """Write a basket under the names that a tracker has for its parts."""
    items = [product | {"quantity": quantity} for product, quantity in one.basket]
    return [{names.get(k, k): v for k, v in item.items()} for item in items] or None


def segment() -> tuple[str, str]:
    calls = {
        "product_view": "Product Viewed",
        "add_to_cart": "Product Added",
        "begin_checkout": "Checkout Started",
        "purchase": "Order Completed",
        "login": "Signed In",
    }

    def line(number: int, one: Happening) -> dict:
        device, country = DEVICES[one.device]
        product = one.product or {}
        properties = {
            "product_id": product.get("id"),
            "name": product.get("name"),
            "category": product.get("category"),
            "price": product.get("price"),
            "quantity": one.quantity,
            "order_id": one.order,
            "revenue": one.total if one.order else None,
            "currency": "EUR" if one.order else None,
            "products": baskets(one, id="product_id"),
        }
        campaign = one.campaign and {
            "source": one.campaign["source"],
            "medium": one.campaign["medium"],
            "name": one.campaign["campaign"],
        }
        context = {
            "page": told({"url": one.page, "referrer": one.referrer}),
            "campaign": campaign,
            "device": {"type": device},
            "location": {"country": country},
        }
        return told(
            {
                "messageId": f"m{number}",
                "type": "page" if one.name == "page_view" else "track",
                "event": calls.get(one.name),
                "userId": one.user,
                "anonymousId": one.device,
                "timestamp": one.moment.isoformat() + "Z",
                "properties": told(properties),
                "context": told(context),
            }
        )

    return "a.jsonl", as_lines(line(*told) for told in enumerate(HAPPENINGS))


def ga4() -> tuple[str, str]:
    names = {"product_view": "view_item"}

    def line(one: Happening) -> dict:
        device, country = DEVICES[one.device]
        items = baskets(one, id="item_id", name="item_name", category="item_category")
        if one.product:
            quantity = {"quantity": one.quantity} if one.quantity else {}
            items = baskets(
                one._replace(basket=((one.product | quantity, one.quantity or 1),)),
                id="item_id",
                name="item_name",
                category="item_category",
            )
        params = {"page_location": one.page, "page_referrer": one.referrer}
        params |= {"currency": "EUR"} if one.order else {}
        campaign = one.campaign or {}
        return told(
            {
                "event_date": f"{DAY:%Y%m%d}",
                "event_timestamp": str(micros(one)),
                "event_name": names.get(one.name, one.name),
                "event_params": [
                    {"key": key, "value": {"string_value": value}}
                    for key, value in told(params).items()
                ],
                "user_id": one.user,
                "user_pseudo_id": one.device,
                "stream_id": "1",
                "device": {"category": device},
                "geo": {"country": COUNTRIES[country]},
                "collected_traffic_source": told(
                    {
                        "manual_source": campaign.get("source"),
                        "manual_medium": campaign.get("medium"),
                        "manual_campaign_name": campaign.get("campaign"),
                    }
                ),
                "ecommerce": told(
                    {
                        "transaction_id": one.order,
                        "purchase_revenue": one.total if one.order else None,
                    }
                ),
                "items": items or [],
            }
        )

    return "events_20260302.jsonl", as_lines(map(line, HAPPENINGS))


def micros(one: Happening) -> int:
    return int((one.moment - datetime(1970, 1, 1)) / timedelta(microseconds=1))


def snowplow() -> tuple[str, str]:
    def row(number: int, one: Happening) -> dict:
        device, country = DEVICES[one.device]
        campaign = one.campaign or {}
        product = one.product or {}
        is_page = one.name == "page_view"
        return {
            "event_id": f"e{number}",
            "event": "page_view" if is_page else "struct",
            "event_name": "page_view" if is_page else "event",
            "collector_tstamp": str(one.moment),
            "derived_tstamp": str(one.moment),
            "v_collector": "ssc-2.1.2",
            "user_id": one.user,
            "domain_userid": one.device,
            "page_url": one.page,
            "page_referrer": one.referrer,
            "mkt_source": campaign.get("source"),
            "mkt_medium": campaign.get("medium"),
            "mkt_campaign": campaign.get("campaign"),
            "dvce_type": device,
            "geo_country": country,
            "se_action": None if is_page else one.name,
            "se_category": product.get("category"),
            "se_label": product.get("id"),
            "se_property": product.get("name"),
            "se_value": product.get("price"),
        }

    rows = []
    for number, one in enumerate(HAPPENINGS):
        rows.append(row(number, one))
        if one.order:
            paid = {"event": "transaction", "event_name": "transaction"}
            paid |= {"tr_orderid": one.order, "tr_total": one.total}
            rows[-1] |= paid | {"tr_currency": "EUR", "se_action": None}
        for part, (product, quantity) in enumerate(one.basket):
            item = {"event": "transaction_item", "event_name": "transaction_item"}
            item |= {"event_id": f"e{number}-{part}", "ti_orderid": one.order}
            item |= {
                f"ti_{name}": product[name] for name in ("name", "category", "price")
            }
            item |= {"ti_sku": product["id"], "ti_quantity": quantity}
            rows.append(rows[number and -1] | item | {"se_action": None})
    return "events.csv", as_csv(rows)


def as_csv(rows: list[dict]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = StringIO()
    writer = csv.DictWriter(file, names)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def flat(one: Happening) -> dict:
    """Tell what trackers with free properties are mostly sent, under our own names."""
    product = one.product or {}
    return told(
        {
            "product_id": product.get("id"),
            "product_name": product.get("name"),
            "category": product.get("category"),
            "price": product.get("price"),
            "quantity": one.quantity,
            "order_id": one.order,
            "revenue": one.total if one.order else None,
            "currency": "EUR" if one.order else None,
            "products": baskets(one, id="product_id", name="product_name"),
        }
    )


def marked(campaign: dict | None) -> dict:
    return {f"utm_{name}": value for name, value in (campaign or {}).items()}


def posthog() -> tuple[str, str]:
    def line(number: int, one: Happening) -> dict:
        device, country = DEVICES[one.device]
        properties = {
            "$current_url": one.page,
            "$referrer": one.referrer,
            "$device_type": device.title(),
            "$geoip_country_code": country,
        }
        return {
            "uuid": f"uuid-{number}",
            "event": "$pageview" if one.name == "page_view" else one.name,
            "distinct_id": one.device,
            "person_id": one.user,
            "timestamp": f"{one.moment} UTC",
            "properties": told(properties) | marked(one.campaign) | flat(one),
        }

    return "a.jsonl", as_lines(line(*told) for told in enumerate(HAPPENINGS))


def amplitude() -> tuple[str, str]:
    names = {"page_view": "[Amplitude] Page Viewed"}

    def line(number: int, one: Happening) -> dict:
        device, country = DEVICES[one.device]
        properties = {
            "[Amplitude] Page Location": one.page,
            "referrer": one.referrer,
        }
        return {
            "uuid": f"uuid-{number}",
            "amplitude_id": 7,
            "event_type": names.get(one.name, one.name),
            "event_time": f"{one.moment}.000000",
            "server_upload_time": f"{one.moment}.000000",
            "user_id": one.user,
            "device_id": one.device,
            "device_family": {"mobile": "Apple iPhone", "desktop": "Mac"}[device],
            "country": COUNTRIES[country],
            "event_properties": told(properties) | marked(one.campaign) | flat(one),
        }

    return "a.jsonl", as_lines(line(*told) for told in enumerate(HAPPENINGS))


def mixpanel() -> tuple[str, str]:
    names = {"page_view": "$mp_web_page_view"}

    def line(number: int, one: Happening) -> dict:
        _, country = DEVICES[one.device]
        properties = {
            "time": micros(one) // 1_000_000,
            "distinct_id": one.user or f"$device:{one.device}",
            "$device_id": one.device,
            "$user_id": one.user,
            "$insert_id": f"i{number}",
            "$os": {"a1": "iOS"}.get(one.device, "Mac OS X"),
            "mp_country_code": country,
            "$current_url": one.page,
            "$referrer": one.referrer,
        }
        properties = told(properties) | marked(one.campaign) | flat(one)
        return {"event": names.get(one.name, one.name), "properties": properties}

    return "a.json", as_lines(line(*told) for told in enumerate(HAPPENINGS))


def shopify_orders() -> tuple[str, str]:
    rows = []
    for one in HAPPENINGS:
        for part, (product, quantity) in enumerate(one.basket):
            row: dict = {"Name": f"#{one.order}"}
            if part == 0:
                row |= {
                    "Id": one.order,
                    "Email": one.user,
                    "Financial Status": "paid",
                    "Paid at": f"{one.moment + timedelta(hours=1)} +0100",
                    "Currency": "EUR",
                    "Total": one.total,
                    "Billing Country": DEVICES[one.device][1],
                }
            row |= {"Lineitem quantity": quantity, "Lineitem name": product["name"]}
            row |= {"Lineitem price": product["price"], "Lineitem sku": product["id"]}
            rows.append(row)
    return "orders_export.csv", as_csv(rows)


TRACKERS = {
    "segment": (segment, {}),
    "ga4": (ga4, {}),
    "snowplow": (
        snowplow,
        {  # what a shop puts into its structured events is its own affair
            "product_id": ["ti_sku", "se_label"],
            "product_name": ["ti_name", "se_property"],
            "category": ["ti_category", "se_category"],
            "price": ["ti_price", "se_value"],
        },
    ),
    "posthog": (posthog, {}),
    "amplitude": (amplitude, {}),
    "mixpanel": (mixpanel, {}),
}
# Of Snowplow every item of an order is an event, too, and counts as one: so do shares
# of events, and what is ranked by them.
PARTS = "night morning afternoon evening weekend mobile desktop tablet q1 q2 q3 q4"
COUNTED_APART = {"n_events", "events_per_session", "n_rows"} | {
    f"{part}_share" for part in PARTS.split()
}
RANKED_APART = {"marts.user_scores", "marts.user_score_parts"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that has built the marts of the same day, told seven times."""
    home = Home.at(tmp_path_factory.mktemp("shop_day"))
    for name, (tell, columns) in {
        **TRACKERS,
        "shopify_orders": (shopify_orders, {}),
    }.items():
        folder = home.inbox / name
        folder.mkdir(parents=True)
        source = {"adapter": name, "namespace": name, "columns": columns}
        (folder / "source.yml").write_text(json.dumps(source))
        file, content = tell()
        (folder / file).write_text(content.replace("@example.org", f"@{name}.example"))
    (home.root / "settings.yml").write_text("reporting_currency: eur\n")
    with_kmeans_alone(home)
    without_docs(home)
    stages.run(home)
    return home


@pytest.fixture(scope="module")
def address_of(home: Home) -> dict[str, str]:
    """Each hash with the address that it is of, without what tells namespaces apart."""
    with (
        open_work(home) as connection,
        vault_of(home, connection, Keyring(home, connection)) as vault,
    ):
        rows = vault.open().execute("select hash, value from vault.contacts").fetchall()
    return {hashed: value.split("@")[0] + "@example.org" for hashed, value in rows}


@pytest.fixture(scope="module")
def read(home: Home, address_of: dict[str, str]) -> Callable[[str], list[str]]:
    """Read the rows of a mart, once, as JSON with addresses in the place of hashes."""

    @cache
    def read_once(table: str) -> list[str]:
        with open_work(home) as connection:
            rows = rows_by_name(connection, f"from {table}")
        return [
            re.sub(
                "[0-9a-f]{64}",
                lambda found: address_of.get(found[0], found[0]),
                json.dumps(row, default=str),
            )
            for row in rows
        ]

    return read_once


def rows_of(rows: list[str], namespace: str, without: set[str]) -> list[dict]:
    """Keep what a mart says of one namespace, whose name is taken out.

    The source is called as its namespace is, and so both give way.
    """
    own = [
        json.loads(
            row.replace(f"{namespace}:", "").replace(f'"{namespace}"', '"tracker"')
        )
        for row in rows
        if f'"{namespace}:' in row
    ]
    kept = [{k: v for k, v in row.items() if k not in without} for row in own]
    return sorted(kept, key=json.dumps)


MARTS = sorted(
    f"marts.{path.stem}"
    for path in (ROOT / "dbt_project/models/marts").rglob("*.sql")
    # a first run has no changes; cohorts and parts of scores name nobody
    if path.stem not in ("identity_changes", "cohort_retention", "score_parts")
)


@pytest.mark.parametrize(
    ("tracker", "table"),
    [
        (tracker, table)
        for tracker in TRACKERS
        for table in MARTS
        if tracker != "segment"
        if not (tracker == "snowplow" and table in RANKED_APART)
    ],
)
def test_every_tracker_tells_the_same_day(
    read: Callable[[str], list[str]], tracker: str, table: str
):
    without = COUNTED_APART if tracker == "snowplow" else set()
    if table == "marts.page_views":
        without = without | {"page_view_id"}  # made of what each calls its event

    expected = rows_of(read(table), "segment", without)

    assert expected
    assert rows_of(read(table), tracker, without) == expected


def test_what_lines_tell_of_persons_and_events_is_published(home: Home):
    both = query(home, "select count(*) from marts.users where is_identified")
    assert both[0][0] >= 2 * len(TRACKERS)
    assert query(
        home,
        "select verdict from ops.checks "
        "where check_name in ('rows_reconciled', 'amounts_converted')",
    ) == [("passed",), ("passed",)]


def test_the_day_is_as_it_was_told(read: Callable[[str], list[str]]):
    sessions = rows_of(read("marts.sessions"), "segment", set())
    orders = rows_of(read("marts.orders"), "segment", set())

    assert [
        one["n_events"] for one in sorted(sessions, key=lambda s: s["started_at"])
    ] == ([6, 3, 2, 2])
    assert {one["order_id"]: one["revenue"] for one in orders} == {
        "1001": "22.5000",
        "1002": "30.0000",
        "1003": "16.2500",
    }
    (abandoned,) = [one for one in sessions if one["has_abandoned_cart"]]
    assert abandoned["channel"] == "organic_search"
    (marked,) = [one for one in sessions if one["campaign"]]
    assert (marked["source"], marked["medium"]) == ("newsletter", "email")


@pytest.mark.parametrize(
    "table", ["marts.orders", "marts.user_rfm", "marts.association_rules"]
)
def test_a_list_of_orders_tells_the_same_orders(
    read: Callable[[str], list[str]], table: str
):
    without = {"session_id"}  # of them a shop's list knows nothing

    expected = rows_of(read(table), "segment", without)

    assert expected
    assert rows_of(read(table), "shopify_orders", without) == expected
