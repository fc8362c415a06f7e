"""Late, resent and corrected data come to what a build from nothing makes of them."""

import json
import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from running import query_built, tables_hashed

from warehouse import ledger, stages
from warehouse.connection import open_work
from warehouse.home import Home

pytestmark = pytest.mark.usefixtures("without_data_tests")

COLUMNS = {
    "event_id": "id", "user_id": "user", "anonymous_id": "device",
    "event_name": "event", "occurred_at": "at", "received_at": "received",
    "page_url": "url", "utm_source": "utm_source", "product_id": "sku",
    "price": "price", "quantity": "quantity", "order_id": "order",
    "session_id": "visit", "page_view_id": "view", "revenue": "revenue",
}  # fmt: skip
SOURCES = {
    "shop": {},
    "app": {  # a tracker with sessions of its own, and with heartbeats
        "sessions": {"by": "tracker", "new_on_campaign": True, "longest": "2 hours"},
        "pings": {"first_after": 5, "every": 10},
    },
}
NAMES = [
    "page_view", "page_view", "page_view", "product_view", "add_to_cart", "purchase",
    "page_ping", "refund", "email_open",
]  # fmt: skip
# What some of the events are for: without rows here they would test nothing.
REACHED = ["page_views_repeated", "session_pings_counted", "refunds_valued"]
BEGIN = datetime(2026, 1, 1)
N_PEOPLE = 12


def make_up(draw: random.Random) -> list[dict]:
    """Make up events of people on devices that they share now and then, and a robot."""
    events = []
    for number in range(draw.randint(150, 300)):
        person = draw.randrange(N_PEOPLE)
        is_known = draw.random() < 0.5
        name = draw.choice(NAMES)
        minute = draw.randrange(30 * 24 * 60)
        events.append(
            {
                "source": draw.choice(list(SOURCES)),
                "id": None if draw.random() < 0.1 else f"e{number}",
                "user": f"u{person}" if is_known else None,
                "device": f"d{(person + (draw.random() < 0.1)) % N_PEOPLE}",
                "event": name,
                "at": BEGIN + timedelta(minutes=minute),
                "url": f"https://shop.example/p/{draw.randrange(5)}",
                "utm_source": draw.choice([None, "news", "google"]),
                "sku": f"s{draw.randrange(5)}",
                "view": f"v{number // 2}" if draw.random() < 0.6 else None,
                "visit": f"t{minute // 600}" if draw.random() < 0.7 else None,
                **(
                    {"price": 9.5, "quantity": 1, "order": f"o{number // 2}"}
                    if name == "purchase"
                    else {}
                ),
                **(
                    {"revenue": 4.5, "order": f"o{draw.randrange(number + 1) // 2}"}
                    if name == "refund"
                    else {}
                ),
            }
        )
    started_at = BEGIN + timedelta(days=draw.randrange(20))
    events += [
        {
            "source": "shop",
            "id": f"r{number}",
            "device": "robot",
            "event": "page_view",
            "at": started_at + timedelta(seconds=number // 2),
            "url": f"https://shop.example/p/{number}",
        }
        for number in range(360)
    ]
    for event in events:
        event["received"] = event["at"] + timedelta(seconds=draw.randrange(90))
    # Some come twice; of these some say something else, and some came before.
    again = [
        event
        | {
            "received": event["received"] + timedelta(seconds=draw.choice([-60, 60])),
            **({"sku": "s9"} if draw.random() < 0.3 else {}),
        }
        for event in draw.sample(events, 30)
    ]
    return draw.sample(events + again, len(events) + len(again))


def deliver(home: Home, file: str, events: list[dict]) -> None:
    """Put a dump of each source into the inbox."""
    for name, rules in SOURCES.items():
        folder = home.inbox / name
        folder.mkdir(parents=True, exist_ok=True)
        source = {
            "adapter": "generic",
            "kind": "events",
            "on_redelivery": "replace",
            "columns": COLUMNS,
            **rules,
        }
        (folder / "source.yml").write_text(json.dumps(source))
        lines = [
            json.dumps(event, default=str)
            for event in events
            if event["source"] == name
        ]
        (folder / file).write_text("\n".join(lines))


def tables_of(home: Home) -> dict[str, tuple]:
    """Hash what was built."""
    with open_work(home) as connection:
        return tables_hashed(connection, "intermediate", "marts")


def build_in_parts(home: Home, draw: random.Random, n_parts: int) -> None:
    """Load and build part by part; in the end a file comes again, corrected."""
    events = make_up(draw)
    for part in range(n_parts):
        deliver(home, f"{part}.jsonl", events[part::n_parts])
        stages.load(home)
        as_of = None
        if part == 0:
            as_of = BEGIN + timedelta(days=draw.randint(10, 40))
        stages.build(home, as_of=as_of)
    kept = events[::n_parts]
    corrected = [
        event | ({"user": f"u{draw.randrange(N_PEOPLE)}"} if event.get("user") else {})
        for event in draw.sample(kept, len(kept) * 3 // 4)
    ]
    deliver(home, "0.jsonl", corrected)
    stages.load(home)
    stages.build(home)


def refuse_difference(home: Home) -> None:
    """Build all of it from nothing, and compare; as of now, and back in time."""
    for as_of in (None, BEGIN + timedelta(days=15)):
        stages.build(home, as_of=as_of)
        with open_work(home) as connection:
            assert not ledger.begin_build(connection, home, full_refresh=False)
        in_parts = tables_of(home)
        assert in_parts["intermediate.int_events_identified"][0] > 0
        stages.build(home, as_of=as_of, full_refresh=True)
        at_once = tables_of(home)
        assert [name for name in at_once if in_parts[name] != at_once[name]] == []


def test_increments_come_to_what_a_build_from_nothing_does(tmp_path: Path):
    home = Home.at(tmp_path)

    build_in_parts(home, random.Random(0), n_parts=2)

    robots = "select distinct bot_reason from intermediate.int_events_identified"
    assert set(query_built(home, robots)) == {(None,), ("too_fast",)}
    built = tables_of(home)
    assert [name for name in REACHED if not built[f"intermediate.int_{name}"][0]] == []
    refuse_difference(home)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=10, deadline=None, derandomize=True, phases=[Phase.generate])
@given(seed=st.integers(0, 2**32), n_parts=st.integers(1, 4))
def test_increments_in_random_order_come_to_what_a_build_from_nothing_does(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n_parts: int
):
    home = Home.at(tmp_path_factory.mktemp("increments"))

    build_in_parts(home, random.Random(seed), n_parts)

    refuse_difference(home)
