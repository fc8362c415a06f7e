"""Snowplow's atomic events are read from tables of a warehouse and from enrichment."""

import csv
import io
import json
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from warehouse.sources import with_map

DUMP = Path(__file__).parent / "adapters" / "snowplow" / "enriched.tsv"
REFERENCE = (
    Path(__file__).parents[3] / "shared" / "data" / "snowplow_web" / "events"
    / "snowplow_web_events.csv"
)  # fmt: skip
WEB_PAGE = "contexts_com_snowplowanalytics_snowplow_web_page_1_0_0"
HEADER = with_map({"adapter": "snowplow"})["header"]

VISIT = {
    "anonymous_id": "d-1",
    "session_id": "s-1",
    "page_url": "https://shop.example/?utm_source=news",
    "page_title": 'Say "Hello"',
    "referrer": "https://search.example/",
    "utm_source": "news",
    "utm_medium": "email",
    "utm_campaign": "january",
    "user_agent": "Mozilla/5.0",
    "device_type": "Computer",
    "ip": "192.0.2.7",
    "country": "DE",
}


def event(number: int, name: str, at: datetime, received: datetime, **more) -> dict:
    when = {"occurred_at": at, "received_at": received}
    return VISIT | {"event_id": f"e-{number}", "event_name": name} | when | more


BOUGHT_AT = datetime(2026, 1, 5, 9, 4)
EVENTS = [
    event(
        1,
        "page_view",
        datetime(2026, 1, 5, 9, 0, 1, 250_000),
        datetime(2026, 1, 5, 9, 0, 1, 500_000),
        page_view_id="view-1",
    ),
    event(  # with no derived time, and no cookie of the site
        2,
        "link_click",
        datetime(2026, 1, 5, 9, 1, 1, 750_000),
        datetime(2026, 1, 5, 9, 1, 2),
        user_id="u-17",
        anonymous_id="n-1",
    ),
    event(
        3, "add_to_cart", datetime(2026, 1, 5, 9, 2), datetime(2026, 1, 5, 9, 2)
    ),
    event(
        4, "page_ping", datetime(2026, 1, 5, 9, 2, 59), datetime(2026, 1, 5, 9, 3)
    ),
    event(
        5,
        "purchase",
        BOUGHT_AT,
        BOUGHT_AT,
        user_id="u-17",
        order_id="o-501",
        revenue=Decimal("41.98"),
        currency="EUR",
    ),
    event(
        6,
        "transaction_item",
        BOUGHT_AT,
        BOUGHT_AT,
        user_id="u-17",
        order_id="o-501",
        product_id="p-1",
        product_name="Monopoly",
        category="Games",
        price=Decimal("18.99"),
        quantity=Decimal(2),
        currency="EUR",
    ),
    event(
        7,
        "transaction_item",
        BOUGHT_AT,
        BOUGHT_AT,
        user_id="u-17",
        order_id="o-501",
        product_name="Gift card",
        price=Decimal(4),
        quantity=Decimal(1),
    ),
]  # fmt: skip
ORDER_LINES = [
    {
        "order_id": "o-501",
        "user_id": "u-17",
        "product_id": "p-1",
        "product_name": "Monopoly",
        "category": "Games",
        "currency": "EUR",
        "country": "DE",
        "quantity": Decimal(2),
        "unit_price": Decimal("18.99"),
        "ordered_at": BOUGHT_AT,
    },
    {
        "order_id": "o-501",
        "user_id": "u-17",
        "product_id": "Gift card",
        "product_name": "Gift card",
        "country": "DE",
        "quantity": Decimal(1),
        "unit_price": Decimal(4),
        "ordered_at": BOUGHT_AT,
    },
]


def as_csv(text: str) -> str:
    """Write enriched events as a warehouse unloads them."""
    table = io.StringIO()
    rows = [line.split("\t")[: len(HEADER)] for line in text.splitlines()]
    csv.writer(table).writerows([HEADER, *rows])
    return table.getvalue()


@pytest.fixture
def loaded(loaded_from):
    return loaded_from("snowplow", "enriched.tsv", DUMP.read_bytes())


@pytest.fixture
def snowplow(make_inbox):
    return make_inbox({"adapter": "snowplow", "columns": {}})


def test_enriched_events_are_read_without_a_header(loaded):
    assert loaded.mapped() == EVENTS
    assert loaded.mapped("order_lines") == ORDER_LINES
    assert loaded.reasons() == [
        (8, "missing:user_id"),
        (9, "wrong_number_of_columns"),
    ]


def test_a_table_with_a_header_says_the_same(snowplow):
    good = DUMP.read_text().splitlines(keepends=True)[:7]
    snowplow.put("events.csv", as_csv("".join(good)))
    snowplow.load()

    assert snowplow.mapped() == EVENTS
    assert snowplow.mapped("order_lines") == ORDER_LINES


def test_contexts_and_self_describing_events_stay_json(loaded):
    view, click, struct, *_ = (row["attributes"] for row in loaded.rows())
    assert view["contexts"]["data"][0]["data"] == {"id": "view-1"}
    assert click["unstruct_event"]["data"]["data"]["targetUrl"]
    assert (struct["se_category"], struct["se_value"]) == ("shop", "18.99")
    assert (view["mkt_term"], view["mkt_clickid"]) == ("games", "c-1")
    assert "user_ipaddress" not in view


def test_a_line_delivered_twice_is_ordered_once(snowplow):
    lines = DUMP.read_text().splitlines()
    snowplow.put("enriched.tsv", "\n".join([*lines[4:7], lines[5]]))
    snowplow.load()

    assert len(snowplow.rows()) == 4  # dbt drops copies of events
    assert snowplow.mapped("order_lines") == ORDER_LINES


def page_view_id(text: str) -> str | None:
    """Read the entity `web_page`, which some rows wrap in two lists."""
    entity = json.loads(text)
    while isinstance(entity, list):
        (entity,) = entity
    return entity["id"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[{"id":"v-1"}]', "v-1"),
        (' [[ { "id" : "v-1" } ] ]', "v-1"),
        ('[{"id":null}]', None),
        ('{"data":[{"schema":"iglu:a/id/1","data":{"id":"x"}}]}', None),
        (
            '{"data":[{"schema":"iglu:a/other/jsonschema/1-0-0","data":{"id":"x"}},'
            '{"schema":"iglu:a/web_page/jsonschema/1-0-0","data":{"id":"v-1"}}]}',
            "v-1",
        ),
        (
            '{"data":[{"data":{},"schema":"iglu:a/web_page/jsonschema/1-0-0"},'
            '{"schema":"iglu:a/other/jsonschema/1-0-0","data":{"id":"x"}}]}',
            None,
        ),
    ],
)
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_the_id_of_a_page_view_is_that_of_its_entity(
    snowplow, form: str, text: str, found: str | None
):
    row = {"user_id": "ann", "event": "page_view", "collector_tstamp": "2026-01-05"}
    row |= {"contexts" if "schema" in text else WEB_PAGE: text}
    table = io.StringIO()
    csv.writer(table).writerows([row.keys(), row.values()])
    snowplow.put(f"a.{form}", json.dumps(row) if form == "jsonl" else table.getvalue())

    assert snowplow.column("page_view_id") == [found]


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference data are not here")
def test_reference_events_survive(snowplow):
    snowplow.put("events.csv", REFERENCE.read_bytes())
    snowplow.load()
    with REFERENCE.open(newline="") as file:
        sent = list(csv.DictReader(file))
    rows = snowplow.rows()

    assert snowplow.reasons() == []
    assert len({row["event_id"] for row in rows}) == 157
    read = Counter(
        (
            row["event_id"],
            row.get("user_id"),
            row["anonymous_id"],
            row.get("session_id"),
            row.get("page_view_id"),
            row["occurred_at"],
            row["received_at"],
        )
        for row in rows
    )
    assert read == Counter(
        (
            row["event_id"],
            row["user_id"] or None,
            row["domain_userid"] or row["network_userid"],
            row["domain_sessionid"] or None,
            page_view_id(row[WEB_PAGE]),
            datetime.fromisoformat(row["derived_tstamp"]),
            datetime.fromisoformat(row["collector_tstamp"]),
        )
        for row in sent
    )
    kept = [row["attributes"].get(WEB_PAGE) for row in rows]
    assert sum(isinstance(one, list) for one in kept) == sum(
        row[WEB_PAGE] != "" for row in sent
    )
