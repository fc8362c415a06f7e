"""What a map may say beyond a column for a field."""

import json
from datetime import datetime

import pytest

from warehouse.connection import open_work
from warehouse.replay import replay_quarantine

TRACKER = {
    "adapter": "generic",
    "kind": "events",
    "timezone": "Europe/Berlin",
    "columns": {
        "event_id": {"digest": ["id", "user"], "per_day": True},
        "user_id": {"column": ["login", "user"], "unless": "^device:"},
        "anonymous_id": "device",
        "event_name": {"column": ["event", "type"], "values": {"Buy": "purchase"}},
        "occurred_at": {"column": "at", "unit": "s", "is_local": True},
        "items": {
            "column": "cart",
            "fields": {"product_id": ["id", "sku"], "product_name": "title"},
        },
    },
    "also": [
        {
            "kind": "users",
            "where": {"type": ["identify"]},
            "columns": {"user_id": "login", "first_name": "traits.name"},
        }
    ],
}
NOON_IN_BERLIN = 1767265200  # 2026-01-01 11:00 UTC, if it were counted in UTC


@pytest.fixture
def tracker(make_inbox):
    return make_inbox(TRACKER)


def put(inbox, *lines: dict) -> None:
    filled = {"login": "ann", "device": "d1", "type": "track", "at": NOON_IN_BERLIN}
    text = "\n".join(json.dumps(filled | line) for line in lines)
    inbox.put("a.jsonl", text)


def test_the_first_alternative_that_says_something_counts(tracker):
    put(
        tracker,
        {"event": "Buy"},
        {"event": " ", "login": None, "user": "bob"},
        {"event": "", "login": "", "user": "device:7"},
    )

    tracker.load()

    assert tracker.query(
        "select event_name, user_id, anonymous_id from raw.events order by row_key"
    ) == [("purchase", "ann", "d1"), ("track", "bob", "d1"), ("track", None, "d1")]
    assert tracker.query("select attributes from raw.events order by row_key")[1] == (
        '{"type":"track","user":"bob"}',
    )


def test_a_count_of_seconds_may_be_of_a_clock_on_the_wall(tracker):
    put(tracker, {})

    assert [str(at) for at in tracker.column("occurred_at")] == ["2026-01-01 10:00:00"]


def test_a_digest_tells_ids_apart_by_all_its_parts_and_the_day(tracker):
    day = 24 * 60 * 60
    put(
        tracker,
        {"id": 1, "user": "u"},
        {"id": 1, "user": "u", "at": NOON_IN_BERLIN + 60},
        {"id": 1, "user": "u", "at": NOON_IN_BERLIN + day},
        {"id": 1},
        {"id": "1u", "user": ""},
    )

    first, later, next_day, no_user, shifted = tracker.column("event_id")

    assert first == later
    assert len({first, next_day, no_user, shifted}) == 4


def test_items_are_read_under_the_names_that_they_have(tracker):
    cart = [{"sku": "s1", "title": "Cup", "price": 2}, {"id": "i2", "sku": "s2"}]
    put(tracker, {"cart": cart})

    (items,) = tracker.column("items")

    assert [(i["product_id"], i["product_name"], i["price"]) for i in items] == [
        ("s1", "Cup", None),
        ("i2", None, None),
    ]
    assert '"price":2' in tracker.query("select attributes from raw.events")[0][0]


def test_a_line_may_tell_of_a_person_too_and_is_counted_once(tracker):
    put(
        tracker,
        {"type": "identify", "traits": {"name": "Ann"}},
        {"type": "track", "traits": {"name": "Nobody"}},
        {"type": "identify", "login": None, "user": "bob", "traits": {"name": "Bob"}},
        {"type": "identify", "at": "never", "traits": {"name": "Bad"}},
    )

    summary = tracker.load()

    assert (summary.n_accepted, summary.n_quarantined) == (3, 1)
    assert tracker.query("select line_number, user_id from raw.users") == [(1, "ann")]


def test_a_mended_line_tells_of_its_person_when_it_is_replayed(tracker):
    put(tracker, {"type": "identify", "at": None, "when": NOON_IN_BERLIN}, {})
    tracker.load()
    assert tracker.query("select count(*) from raw.users") == [(0,)]

    tracker.describe({"occurred_at": {"column": ["at", "when"], "unit": "s"}})
    with open_work(tracker.home) as connection:
        replay_quarantine(
            connection, tracker.home, load_id=2, loaded_at=datetime(2026, 11, 22)
        )

    assert tracker.query("select line_number, user_id from raw.users") == [(1, "ann")]


def test_a_bad_value_of_a_part_costs_the_value_and_not_the_person(make_inbox):
    columns = {"user_id": "login", "signed_up_at": "since", "birth_date": "born"}
    inbox = make_inbox({**TRACKER, "also": [{"kind": "users", "columns": columns}]})
    put(
        inbox,
        {"since": "0001-01-01T00:00:00Z", "born": "1990-13-05"},
        {"since": "2020-01-01T12:00:00", "born": "1990-12-05"},
        {"since": "2099-01-01", "born": "soon"},
    )

    inbox.load()

    assert inbox.query(
        "select birth_year, signed_up_at::date::varchar from raw.users order by row_key"
    ) == [(None, None), (1990, "2020-01-01"), (None, None)]


@pytest.mark.parametrize(
    "also",
    [
        [{"kind": "events", "columns": TRACKER["columns"]}],
        [{"kind": "users", "columns": {"user_id": name}} for name in ("a", "b")],
        [
            {"kind": "users", "where": {"t": where}, "columns": {"user_id": "a"}}
            for where in (["x", "y"], ["y", "z"])
        ],
    ],
)
def test_a_line_makes_one_row_of_a_kind(make_inbox, also: list[dict]):
    with pytest.raises(Exception, match="a line makes one row of a kind"):
        make_inbox({**TRACKER, "also": also}).load()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"user_id": {"digest": ["a"], "unit": "s"}}, "nothing else"),
        ({"event_name": {"digest": ["a"]}}, "digest is for ids"),
        ({"user_id": {"column": "a", "per_day": True}}, "per_day is for a digest"),
        ({"user_id": {"column": "a", "fields": {}}}, "fields is for items"),
        ({"user_id": {"column": []}}, "at least 1"),
        ({"user_id": {"column": "a", "unless": "("}}, "unless"),
        ({"items": {"column": "a", "fields": {"colour": "c"}}}, "no field colour"),
        ({"occurred_at": {"column": "a", "is_local": True}}, "have a unit"),
    ],
)
def test_a_mistake_in_a_map_is_named(tracker, columns: dict, words: str):
    tracker.describe(columns)

    with pytest.raises(Exception, match=words):
        tracker.load()


def test_what_a_pattern_finds_counts_and_the_column_stays(make_inbox):
    columns = TRACKER["columns"] | {
        "session_id": {"column": ["tag", "old"], "extract": "v=([0-9]*)", "unless": "7"}
    }
    tracker = make_inbox(TRACKER | {"columns": columns})
    put(
        tracker,
        {"event": "a", "tag": "v=12;v=3"},
        {"event": "b", "tag": {"v": 1}},
        {"event": "c", "tag": "v=;", "old": "v=4"},
        {"event": "d", "tag": "v=7"},
    )

    tracker.load()

    assert tracker.reasons() == []
    assert tracker.query(
        "select session_id, attributes ->> 'tag' from raw.events order by row_key"
    ) == [("12", "v=12;v=3"), (None, '{"v":1}'), ("4", "v=;"), (None, "v=7")]


def test_a_line_without_what_its_source_requires_is_refused(make_inbox):
    columns = TRACKER["columns"] | {"session_id": "visit"}
    required = {"columns": columns, "required": ["session_id"]}
    tracker = make_inbox(TRACKER | required)
    put(tracker, {"visit": "v"}, {}, {"visit": " "}, {"visit": "null"},
        {"visit": "w", "type": "identify", "traits": {"name": "Ann"}})  # fmt: skip

    tracker.load()

    assert tracker.column("session_id") == ["v", "w"]
    assert tracker.reasons() == [(i, "missing:session_id") for i in (2, 3, 4)]
    assert tracker.query("select count(*) from raw.users") == [(1,)]
