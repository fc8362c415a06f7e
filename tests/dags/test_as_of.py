"""`as_of` travels with the asset event, and nobody can make it say nonsense."""

from datetime import UTC, datetime

import pytest
from as_of import hand_on, latest_handed_on, when_load_began

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_scheduled_it_is_when_the_load_began_to_the_second():
    started_at = datetime(2026, 5, 1, 11, 15, 3, 999_999, tzinfo=UTC)

    assert when_load_began("scheduled", started_at) == datetime(2026, 5, 1, 11, 15, 3)


@pytest.mark.parametrize("run_type", ["manual", "backfill", "asset_triggered"])
def test_by_hand_it_is_not_said(run_type: str):
    assert when_load_began(run_type, NOW) is None
    assert hand_on(None) == {}


def test_what_is_handed_on_arrives():
    as_of = datetime(2026, 5, 1, 11, 15, 3)

    assert latest_handed_on([hand_on(as_of)], NOW) == as_of


def test_of_several_events_the_greatest_counts():
    extras = [
        {"as_of": "2026-05-01T09:00:00"},
        {"as_of": "2026-05-01T10:00:00"},
        {"as_of": "2026-04-30T23:59:59"},
    ]

    assert latest_handed_on(extras, NOW) == datetime(2026, 5, 1, 10)


@pytest.mark.parametrize("extras", [[], [{}], [{"as_of": None}], [{"from": "a hand"}]])
def test_with_no_as_of_at_all_the_build_chooses(extras: list[dict]):
    assert latest_handed_on(extras, NOW) is None


def test_an_event_made_by_hand_does_not_hide_what_another_carries():
    assert latest_handed_on([{}, {"as_of": "2026-05-01T09:00:00"}], NOW) == datetime(
        2026, 5, 1, 9
    )


def test_an_offset_is_taken_to_utc():
    extras = [{"as_of": "2026-05-01T11:00:00+02:00"}]

    assert latest_handed_on(extras, NOW) == datetime(2026, 5, 1, 9)


@pytest.mark.parametrize("said", ["yesterday", 20260501, "", ["2026-05-01"]])
def test_what_is_no_timestamp_is_refused(said: object):
    with pytest.raises(ValueError, match="not an ISO timestamp"):
        latest_handed_on([{"as_of": said}], NOW)


def test_the_future_is_refused():
    with pytest.raises(ValueError, match="lies in the future"):
        latest_handed_on([{"as_of": "2026-05-01T12:06:00"}], NOW)
