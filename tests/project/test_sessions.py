"""Sessions are those of a slow reckoning by hand, whatever came before.

Events of a few people come, go and move to somebody else, in any order; after each
change the model is built upon what it has, and must be what the rule in writing says.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse import transform
from warehouse.connection import open_work
from warehouse.home import Home
from warehouse.raw_tables import create_tables

MODEL = "int_events_sessionized"
PERSONS = "int_person_events_summarized"
MODELS = ["int_page_views_repeated", PERSONS, MODEL]
TIMEOUT, LONGEST = timedelta(minutes=30), timedelta(hours=2)
START = datetime(2026, 1, 1)
SOURCES = {  # name -> tracker's own sessions, new ones on a campaign, longest
    "web": (True, True, LONGEST),
    "app": (False, True, LONGEST),
    "till": (False, False, timedelta(hours=1)),
}


@dataclass(frozen=True)
class Event:
    """What of an event makes sessions."""

    event_key: int
    user_id: str
    minute: int
    source: str = "app"
    tracker_session_id: str | None = None
    campaign: str | None = None
    is_ping: bool = False
    is_bot: bool = False

    @property
    def event_id(self) -> str:
        return f"event_{self.event_key % 7}_{self.event_key}"

    @property
    def occurred_at(self) -> datetime:
        return START + timedelta(minutes=self.minute)


def sessions_by_hand(events: list[Event]) -> dict[int, tuple]:
    """Reckon session_id, numbers and flags of each event, one event after another."""
    lanes: dict[tuple, list[Event]] = defaultdict(list)
    counted = sorted(
        (event for event in events if not event.is_bot),
        key=lambda event: (event.occurred_at, event.event_id, event.event_key),
    )
    for event in counted:
        by_tracker = SOURCES[event.source][0]
        lanes[event.user_id, event.tracker_session_id if by_tracker else None].append(
            event
        )

    session_of: dict[int, tuple[str, bool]] = {}
    idle: dict[int, int | None] = {}
    for (user_id, tracker_id), lane in lanes.items():
        campaign, before, visit_start = None, None, START
        name, is_continuation = "", False
        for event in lane:
            _, on_campaign, longest = SOURCES[event.source]
            pause = before is None or (
                tracker_id is None and event.occurred_at - before > TIMEOUT
            )
            told = event.campaign if on_campaign and not event.is_ping else None
            turn = told is not None and told != campaign
            campaign = told or campaign
            cut = not (pause or turn) and (
                (event.occurred_at - visit_start) // longest
                > (before - visit_start) // longest
            )
            idle[event.event_key] = (
                int((event.occurred_at - before).total_seconds())
                if (before is not None)
                else None
            )
            if pause or turn:
                visit_start = event.occurred_at
            if pause or turn or cut:
                second = int((event.occurred_at - datetime(1970, 1, 1)).total_seconds())
                name = f"{user_id}-{second}"
                if tracker_id:
                    name += f"-{_mark(tracker_id)}"
                if turn and not pause:
                    name += f"-{_mark(event.event_id)}"
                is_continuation = cut
                idle[event.event_key] = None
            session_of[event.event_key] = (name, is_continuation)
            before = event.occurred_at

    reckoned = {}
    numbers: dict[str, dict[str, int]] = defaultdict(dict)
    n_events: dict[str, int] = defaultdict(int)
    n_in_session: dict[str, int] = defaultdict(int)
    for event in counted:
        name, is_continuation = session_of[event.event_key]
        of_person = numbers[event.user_id]
        number = of_person.setdefault(name, len(of_person) + 1)
        n_events[event.user_id] += 1
        n_in_session[name] += 1
        reckoned[event.event_key] = (
            event.user_id,
            name,
            number,
            n_events[event.user_id],
            n_in_session[name],
            idle[event.event_key],
            is_continuation,
        )
    return reckoned


def _mark(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8]


events = st.builds(
    Event,
    event_key=st.integers(1, 12),
    user_id=st.just("ann"),
    minute=st.one_of(st.integers(0, 400), st.sampled_from([0, 30, 31, 60, 120, 240])),
    source=st.sampled_from(sorted(SOURCES)),
    tracker_session_id=st.sampled_from([None, "tab_1", "tab_2"]),
    campaign=st.sampled_from([None, None, "spring / email / ", "ads / cpc / x"]),
    is_ping=st.sampled_from([False, False, True]),
)
N_EVENTS = 10
histories = st.tuples(
    st.lists(
        events,
        min_size=N_EVENTS,
        max_size=N_EVENTS,
        unique_by=lambda event: event.event_key,
    ),
    # at each step, whose each event is: nobody's yet or any more, a bot's, a person's
    st.lists(
        st.lists(
            st.sampled_from([None, "bot", "ann", "ann", "bob"]),
            min_size=N_EVENTS,
            max_size=N_EVENTS,
        ),
        min_size=1,
        max_size=3,
    ),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A warehouse in which nothing but the model and its inputs is built."""
    home = Home.at(tmp_path_factory.mktemp("sessions"))
    with open_work(home) as connection:
        create_tables(connection)
        connection.execute(
            """
            create schema intermediate;
            create schema staging;
            create table staging.stg_sources (
                source varchar, has_tracker_sessions boolean,
                has_campaign_sessions boolean, longest_session_seconds bigint
            );
            create table intermediate.int_events_identified (
                event_key bigint, event_id varchar, user_id varchar,
                occurred_at timestamp, source varchar, tracker_session_id varchar,
                traffic_source varchar, traffic_medium varchar,
                traffic_campaign varchar, is_campaign boolean, is_ping boolean,
                is_bot boolean, is_email_event boolean, is_identified boolean,
                event_type varchar, page_view_id varchar
            )
            """
        )
        for source, (by_tracker, on_campaign, longest) in SOURCES.items():
            connection.execute(
                "insert into staging.stg_sources values (?, ?, ?, ?)",
                [source, by_tracker, on_campaign, int(longest.total_seconds())],
            )
    return home


def put(connection, inbox: list[Event]) -> None:
    """Put the events of now in the place of those before."""
    connection.execute("delete from intermediate.int_events_identified")
    rows = [
        (
            event.event_key,
            event.event_id,
            event.user_id,
            event.occurred_at,
            event.source,
            event.tracker_session_id,
            *(part.strip() or None for part in (event.campaign or "//").split("/")),
            event.campaign is not None,
            event.is_ping,
            event.is_bot,
            False,
            True,
            "other",
            None,
        )
        for event in inbox
    ]
    if rows:
        places = ", ".join("?" * len(rows[0]))
        connection.executemany(
            f"insert into intermediate.int_events_identified values ({places})", rows
        )


def run_models(home: Home, inbox: list[Event]) -> dict[str, str]:
    """Have dbt build the models of these events; say what it ran of each."""
    with open_work(home) as connection:
        put(connection, inbox)
        variables = transform.dbt_variables(home, datetime(2027, 1, 1), "run_1")
        results = transform.call_dbt(home, ["run", "--select", *MODELS], variables)
    assert [result.message for result in results if result.status != "success"] == []
    return {result.node.name: result.node.compiled_code for result in results}


def sessions_of(connection) -> dict[int, tuple]:
    rows = connection.execute(
        "select event_key, user_id, session_id, session_number, event_number, "
        "session_event_number, idle_seconds, is_continuation "
        f"from intermediate.{MODEL}"
    ).fetchall()
    assert len({key for key, *_ in rows}) == len(rows)
    return {key: tuple(said) for key, *said in rows}


@pytest.fixture(scope="module")
def increment(home: Home) -> dict[str, str]:
    """What dbt runs to add to the model, after it has built it of nothing."""
    run_models(home, [])
    return run_models(home, [])


def test_what_dbt_builds_step_by_step_are_the_sessions_of_now(home: Home, increment):
    random = Random(7)
    known = [
        Event(
            event_key=key,
            user_id="",
            minute=random.randrange(4000),
            source=random.choice(sorted(SOURCES)),
            tracker_session_id=random.choice([None, "tab_1", "tab_2"]),
            campaign=random.choice([None, None, None, "a / b / c", "ads / cpc / "]),
        )
        for key in range(400)
    ]
    for people, n_events in (("abcdefgh", 200), ("abcdefg", 150), ("abcdefghi", 260)):
        inbox = [
            replace(event, user_id=people[event.event_key % len(people)])
            for event in random.sample(known, n_events)
        ]
        run_models(home, inbox)
        with open_work(home) as connection:
            assert sessions_of(connection) == sessions_by_hand(inbox)


@settings(max_examples=60, deadline=None)
@given(history=histories)
def test_whatever_comes_and_goes_sessions_are_those_of_now(home, increment, history):
    known, steps = history
    with open_work(home) as connection:
        for owners in steps:
            inbox = [
                replace(event, user_id=owner, is_bot=owner == "bot")
                for event, owner in zip(known, owners, strict=True)
                if owner
            ]
            put(connection, inbox)
            # as dbt does, which takes a second each time
            connection.execute(
                f"""
                create or replace table intermediate.{PERSONS} as {increment[PERSONS]};
                delete from intermediate.{MODEL}
                where (user_id, session_events_hash) not in (
                    select (user_id, session_events_hash) from intermediate.{PERSONS}
                    where session_events_hash is not null
                );
                insert into intermediate.{MODEL} by name {increment[MODEL]};
                """
            )
            assert sessions_of(connection) == sessions_by_hand(inbox)
        connection.execute(f"delete from intermediate.{MODEL}")  # the next starts anew
