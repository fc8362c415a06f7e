"""How much came of each source each day, beside what is usual of that weekday."""

from collections.abc import Callable, Iterator
from itertools import groupby

import duckdb

from warehouse.connection import rows_by_name
from warehouse.gates.check import Check, judged, limit_of

LEAST_WEEKS = 4  # of the eight before a day: fewer do not tell what is usual
BELOW_ALL = 0.5  # of the least that these weeks had: less was not seen before
BEYOND_ALL = 2.0  # times the most that any day of them had
CHANGED = 0.1  # a day that was judged is judged again if so much of it is new


def check_volumes(connection: duckdb.DuckDBPyConnection) -> list[Check]:
    """Judge the days of each source.

    A day is judged when it is over, and again when what is known of it has changed.
    None of a source is before it was published once.
    """
    days = _days_known(connection)
    of_rows = [day for day in days if day["kind"] != "revenue"]
    # A day without any row may be a holiday, of which `_days_missing` tells.
    with_rows = [day for day in of_rows if day["n_rows"] > 0]
    were_open = {(day["source"], day["day_date"]) for day in with_rows}
    of_money = [
        day
        for day in days
        if day["kind"] == "revenue" and (day["source"], day["day_date"]) in were_open
    ]
    return [
        *_days_missing(of_rows),
        *_volumes(with_rows, "volume_drop", _share_missing),
        *_volumes(with_rows, "volume_spike", _times_usual),
        *_volumes(of_money, "revenue_drop", _share_missing),
        *_volumes(of_money, "revenue_spike", _times_usual),
        *_events_silent(connection, with_rows),
    ]


def _days_known(connection: duckdb.DuckDBPyConnection) -> list[dict]:
    """List the days of sources; `is_judged` are those new, or not what they were.

    Where the last snapshot had nothing of a source (it is not `is_published`), no day
    is: what is imported may end with half a day. Days before the first that it knew
    were judged before it.
    """
    return rows_by_name(
        connection,
        f"""
        with published_from as (
            select source, kind, min(day_date) as first_date
            from previous.source_days
            group by source, kind
        )
        select
            days.*,
            case
                when before.n_rows is null
                    then coalesce(days.day_date >= first_date, false)
                else abs(days.n_rows - before.n_rows) > {CHANGED} * before.n_rows
            end as is_judged,
            first_date is not null as is_published
        from intermediate.int_source_days_compared as days
        left join previous.source_days as before
            on days.source = before.source
            and days.kind = before.kind
            and days.day_date = before.day_date
        left join published_from
            on days.source = published_from.source
            and days.kind = published_from.kind
        order by days.source, days.kind, days.day_date
        """,
    )


def _days_missing(days: list[dict]) -> list[Check]:
    """Count the days of which a source has nothing, where it has of later ones.

    They are told for as long as they are among the days that are judged.
    """
    least_rows = limit_of("days_missing").least_rows
    found = []
    for subject, of_source in groupby(days, key=_subject):
        known = [
            day
            for day in of_source
            if day["is_published"] and day["n_weeks"] >= LEAST_WEEKS
        ]
        missing = [
            f"nothing on {day['day_date']} (usually {day['usual_rows']:,.0f})"
            for day in known
            if day["n_rows"] == 0 and day["usual_rows"] >= least_rows
        ]
        if known:
            told = "; ".join(["a holiday, or a dump that is lost", *missing])
            found.append(
                judged(
                    "days_missing",
                    len(missing),
                    told if missing else "no day is without any row",
                    subject=subject,
                )
            )
    return found


def _share_missing(day: dict) -> float:
    """Tell which share of a day's usual volume is missing, if it is out of range."""
    if day["n_rows"] >= BELOW_ALL * day["least_rows"]:
        return 0.0
    return 1 - day["n_rows"] / day["usual_rows"]


def _times_usual(day: dict) -> float:
    """Tell how many times its usual volume a day has, if it is out of range."""
    if day["n_rows"] <= BEYOND_ALL * day["most_rows"] or day["most_rows"] == 0:
        return 1.0
    return day["n_rows"] / (day["usual_rows"] or day["most_rows"])


def _volumes(
    days: list[dict], name: str, measure: Callable[[dict], float]
) -> list[Check]:
    """Judge each source by the day that is furthest from the same weekday before.

    Days of few rows tell nothing, and are asked only where there are no others.
    """
    found = []
    for subject, of_source in groupby(days, key=_subject):
        limit = limit_of(f"{name}:{subject}")
        known = [day for day in of_source if day["n_weeks"] >= LEAST_WEEKS]
        of_size = [day for day in known if _size(day) >= limit.least_rows]
        values = [
            (value, day)
            for value, day in _without_accepted(of_size, measure, limit.limit_value)
            if day["is_judged"]
        ] or [(0.0, day) for day in known if day["is_judged"]]
        if not values:
            continue
        value, day = max(values, key=lambda one: (one[0], _size(one[1])))
        found.append(
            judged(
                name,
                value,
                f"{day['n_rows']:,} on {day['day_date']}, where that weekday has "
                f"{day['usual_rows']:,.0f} (median of {day['n_weeks']} weeks, least "
                f"{day['least_rows']:,}; most of any day {day['most_rows']:,}); the "
                f"furthest of {len(values)} days judged",
                subject=subject,
                n_rows=_size(day),
            )
        )
    return found


def _size(day: dict) -> float:
    """Tell how many rows a day tells something by."""
    return max(day["usual_rows"] or 0, day["n_rows"])


def _without_accepted(
    days: list[dict], measure: Callable[[dict], float], limit_value: float
) -> Iterator[tuple[float, dict]]:
    """Measure each day; what was published so on the days before it measures nothing.

    A day that fails and was published was accepted. Those after it that are not much
    worse go on with it, however long; only what is worse than all that was accepted can
    be accepted anew, so that nothing creeps.
    """
    accepted = 0.0
    for day in days:
        value = measure(day)
        goes_on = limit_value < value <= accepted * (1 + CHANGED)
        if value <= limit_value:
            accepted = 0.0
        elif not day["is_judged"] and not goes_on:
            accepted = value
        yield 0.0 if goes_on else value, day


def _events_silent(
    connection: duckdb.DuckDBPyConnection, days: list[dict]
) -> list[Check]:
    """Count the kinds of events that came every week and are missing on a day.

    One that was missing on a day that was published so, and was not heard of since, has
    ended.
    """
    silences = rows_by_name(
        connection,
        """
        select
            silences.*, counted.day_date as last_date
        from intermediate.int_event_silences_measured as silences
        asof left join intermediate.int_source_days_counted as counted
            on silences.source = counted.source
            and silences.event_name = counted.event_name
            and silences.day_date > counted.day_date
        order by usual_rows desc, event_name, day_date
        """,
    )
    found = []
    for subject, of_source in groupby(days, key=_subject):
        if not subject.endswith("/events"):
            continue
        limit = limit_of(f"events_silent:{subject}")
        is_judged = {day["day_date"]: day["is_judged"] for day in of_source}
        missed = [
            one
            for one in silences
            if f"{one['source']}/events" == subject
            and one["n_weeks"] >= LEAST_WEEKS
            and one["usual_rows"] >= limit.least_rows
        ]
        accepted = [one for one in missed if not is_judged[one["day_date"]]]
        silent = [
            one
            for one in missed
            if is_judged[one["day_date"]]
            and not any(
                before["event_name"] == one["event_name"]
                and one["last_date"] < before["day_date"] < one["day_date"]
                for before in accepted
            )
        ]
        told = ", ".join(
            f"{one['event_name']} on {one['day_date']} (usually "
            f"{one['usual_rows']:,.0f})"
            for one in silent[:5]
        )
        if any(is_judged.values()):
            found.append(
                judged(
                    "events_silent",
                    len(silent),
                    f"none of what came on that weekday of every week: {told}"
                    if silent
                    else "whatever comes every week has come",
                    subject=subject,
                )
            )
    return found


def _subject(day: dict) -> str:
    """Name what a day is of."""
    return f"{day['source']}/{day['kind']}"
