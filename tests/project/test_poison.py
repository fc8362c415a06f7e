"""An inbox full of what should not be there, on a machine in another time zone."""

import json
import math

import pytest
from running import query, run_tessera, with_kmeans_alone, without_docs

from warehouse.connection import open_snapshot
from warehouse.home import Home

SOURCE = """
adapter: generic
kind: events
timezone: Europe/Berlin
columns:
  event_id: id
  user_id: user
  event_name: event
  occurred_at: at
  received_at: got
  page_title: title
  price: price
  quantity: n
  order_id: order
"""
INJECTION = "'; drop table raw.events; --\"{{ env_var('HOME') }}"
LAST = "2026-03-30 12:00:00"

# Both clocks change within a session; by hand: 01:50 to 03:10 in spring is 20 minutes,
# 02:50 to 02:10 in autumn, the first with its offset, is 20 minutes too.
CLOCKS = [
    {"id": "s1", "user": "ann", "at": "2026-03-29 01:50:00"},
    {"id": "s2", "user": "ann", "at": "2026-03-29 03:10:00"},
    {"id": "w1", "user": "bob", "at": "2025-10-26T02:50:00+02:00"},
    {"id": "w2", "user": "bob", "at": "2025-10-26 02:10:00"},
    {"id": "d1", "user": "bob", "at": "2025-12-31T23:30:00-02:00"},  # the new year's
]
POISON = [
    {"id": "p1", "user": "ann", "at": "9999-12-31"},
    {"id": "p2", "user": "ann", "at": "1970-01-01T00:00:00Z"},
    {"id": "p3", "user": "ann", "at": LAST, "got": "2026-03-29 12:00:00"},
    {"id": "p4", "user": "eve", "at": LAST, "price": "NaN", "n": 1},
    {"id": "p5", "user": "eve", "at": LAST, "price": 1e300, "n": 1},
    {"id": "p6", "user": "eve", "at": LAST, "price": "0x1F", "n": True},
]
REPEATED = [
    {"id": "", "user": "cat", "at": "2026-03-28 10:00"},
    {"id": "null", "user": "cat", "at": "2026-03-28 10:01"},
    {"id": None, "user": "cat", "at": "2026-03-28 10:02"},
    {"id": "x", "user": "cat", "at": "2026-03-28 10:03", "title": "a"},
    {"id": "x", "user": "cat", "at": "2026-03-28 10:03", "title": "b"},
    {"id": "x", "user": "cat", "at": "2026-03-28 10:03", "title": "a"},
]
EXACT = [
    {"id": "i1", "user": 9007199254740993, "at": LAST},
    {"id": "i2", "user": 9007199254740992, "at": LAST, "title": INJECTION},
    {"id": "i3", "user": INJECTION, "at": LAST, "event": "purchase", "order": "o1",
     "price": 0.1, "n": 3},
    {"id": "i4", "user": "ann", "at": LAST, "event": "{{ x }}"},
]  # fmt: skip


@pytest.fixture(scope="module")
def poisoned(
    tmp_path_factory: pytest.TempPathFactory, without_data_tests: None
) -> Home:
    home = Home.at(tmp_path_factory.mktemp("poisoned"))
    folder = home.inbox / "shop"
    folder.mkdir(parents=True)
    (folder / "source.yml").write_text(SOURCE)
    lines = [{"event": "page_view"} | line for line in CLOCKS + POISON + EXACT]
    repeated = [{"event": "page_view"} | line for line in REPEATED]
    name = f"{INJECTION.replace('/', '')}.jsonl"
    (folder / name).write_text("\n".join(map(json.dumps, lines)))
    (folder / "b.jsonl").write_text("\n".join(map(json.dumps, repeated)))
    (folder / "c.jsonl").write_text("\n".join(map(json.dumps, repeated[3:])) + "\n\n")
    with_kmeans_alone(home)
    without_docs(home)
    finished = run_tessera(home, "run", TZ="Asia/Tokyo")
    assert finished.returncode == 0, finished.stderr
    return home


def test_every_line_has_its_verdict(poisoned):
    assert query(
        poisoned,
        "select file, n_lines, n_accepted, n_quarantined, n_blank "
        "from ops.loaded_files order by file",
    ) == [
        (f"{INJECTION}.jsonl", 15, 9, 6, 0),
        ("b.jsonl", 6, 6, 0, 0),
        ("c.jsonl", 4, 3, 0, 1),
    ]
    assert query(
        poisoned, "select reason, n_lines from ops.quarantine_counts order by reason"
    ) == [
        ("bad_value:price", 3),
        ("in_future:occurred_at", 2),
        ("too_early:occurred_at", 1),
    ]


def test_sessions_are_as_reckoned_by_hand(poisoned):
    assert query(
        poisoned,
        "select user_id, started_at::varchar, duration_seconds from marts.sessions "
        "where user_id in ('ann', 'bob') order by all",
    ) == [
        ("ann", "2026-03-29 00:50:00", 1200),
        ("ann", "2026-03-30 10:00:00", 0),
        ("bob", "2025-10-26 00:50:00", 1200),
        ("bob", "2026-01-01 01:30:00", 0),
    ]
    ((as_of,),) = query(poisoned, "select as_of::varchar from ops.runs")
    assert as_of == "2026-03-31 00:00:00"


def test_an_id_that_says_nothing_makes_no_two_events_one(poisoned):
    assert query(
        poisoned, "select n_events from marts.users where user_id = 'cat'"
    ) == [(4,)]
    assert query(
        poisoned, "select sum(n_duplicates), sum(n_conflicts) from ops.duplicate_events"
    ) == [(5, 2)]


def test_ids_are_exact_and_texts_stay_texts(poisoned):
    users = {user for (user,) in query(poisoned, "select user_id from marts.users")}
    assert {"9007199254740993", "9007199254740992", INJECTION} <= users
    assert query(
        poisoned, "select user_id, revenue::varchar from marts.orders"
    ) == [(INJECTION, "0.3000")]  # fmt: skip


def test_every_published_number_is_finite(poisoned):
    with open_snapshot(poisoned.current) as connection:
        columns = connection.execute(
            "select table_schema || '.' || table_name, column_name "
            "from information_schema.columns where data_type in ('DOUBLE', 'FLOAT')"
        ).fetchall()
        assert columns
        for table, column in columns:
            rows = connection.execute(f'select "{column}" from {table}').fetchall()
            values = [value for (value,) in rows if value is not None]
            assert all(map(math.isfinite, values)), (table, column)
