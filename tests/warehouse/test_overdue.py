"""A source of which nothing comes any more is told, though nothing is built."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from warehouse import stages
from warehouse.connection import open_work
from warehouse.gates import check
from warehouse.overdue import newly_overdue

NOW = datetime(2026, 3, 2, 6)


@pytest.fixture
def inbox(events):
    """Give an inbox that had a file a day for six days, and another one, once."""
    for number in range(6):
        events.put_events(f"{number}.jsonl", {"user": f"u{number}"})
    events.load()
    with open_work(events.home) as connection:
        connection.execute(
            "update ledger.files set loaded_at = ? - to_days(5 - file_id % 6)", [NOW]
        )
    return events


def overdue(inbox, n_days: int) -> list[str]:
    with open_work(inbox.home) as connection:
        return newly_overdue(connection, NOW + timedelta(days=n_days))


def test_a_source_that_came_daily_is_missed_after_two_days_and_told_once(inbox):
    assert overdue(inbox, 3) == []  # two days without any file are over
    assert overdue(inbox, 4) == [
        "no file of shop has come since 2026-03-02: 3 full days, where 0 were the most "
        "before"
    ]
    assert overdue(inbox, 5) == []

    with open_work(inbox.home) as connection:
        connection.execute(
            "update ledger.files set loaded_at = ? where file = '5.jsonl'",
            [NOW + timedelta(days=5)],
        )
    assert overdue(inbox, 5) == []
    assert len(overdue(inbox, 30)) == 1


def test_a_source_may_have_a_limit_of_its_own(inbox, monkeypatch: pytest.MonkeyPatch):
    limits = check.limits()
    own = replace(limits["source_fresh"], limit_value=7)
    monkeypatch.setattr(
        check, "limits", lambda: limits | {"source_fresh:shop/events": own}
    )

    assert overdue(inbox, 8) == []
    assert len(overdue(inbox, 9)) == 1


def test_what_came_a_few_times_is_not_missed(inbox):
    with open_work(inbox.home) as connection:
        connection.execute("delete from ledger.files where file < '2'")

    assert overdue(inbox, 300) == []


def test_a_load_that_finds_nothing_tells_of_it(inbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stages, "utc_now", lambda: NOW + timedelta(days=9))

    told = stages.load(inbox.home)

    assert "no file of shop has come since" in told.message
    assert told.details["news"] == told.message.splitlines()[1:]


def test_where_there_are_no_dumps_it_is_said_where_they_go(make_inbox):
    inbox = make_inbox()

    told = stages.load(inbox.home)

    assert f"there are no dumps in {inbox.home.inbox}" in told.message
    assert told.details["news"] == []
