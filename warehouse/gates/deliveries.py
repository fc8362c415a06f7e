"""What sources delivered: how fresh it is, how much, and how much of it was good."""

from collections.abc import Callable
from datetime import datetime
from itertools import groupby

import duckdb

from warehouse.connection import rows_by_name
from warehouse.gates.check import Check, judged, limit_of
from warehouse.home import Home
from warehouse.snapshots import attached_current

LEAST_WEEKS = 4  # of the eight before a day: fewer do not tell what is usual
BELOW_ALL = 0.5  # of the least that these weeks had: less was not seen before
BEYOND_ALL = 2.0  # times the most that any day of them had
CHANGED = 0.1  # a day that was judged is judged again if so much of it is new


def check_deliveries(
    connection: duckdb.DuckDBPyConnection, as_of: datetime, *, is_earlier: bool = False
) -> list[Check]:
    """Measure, at the end of a build, how fresh and how much each source is.

    A day is judged when it is over, and again when what is known of it has changed.
    None is before the first snapshot, or if this `is_earlier` than the last one, at
    which they were judged.
    """
    days = [] if is_earlier else _days_to_judge(connection)
    return [
        *_sources_fresh(connection, as_of),
        *_days_missing(days),
        *_volumes(days, "volume_drop", _share_missing),
        *_volumes(days, "volume_spike", _times_usual),
        *_events_silent(connection, days),
        *_duplicate_shares(connection),
    ]


def quarantined_shares(
    connection: duckdb.DuckDBPyConnection, home: Home
) -> list[Check]:
    """Measure, by source, which share of the lines that are new was refused."""
    with attached_current(connection, home) as is_there:
        known = "current_snapshot.ops.loaded_files" if is_there else "(select * from f)"
        rows = connection.execute(
            f"""
            with f as (select source, file, sha256 from ledger.files where false)
            select source, sum(n_lines), sum(n_quarantined)
            from ledger.files as files
            anti join {known} as known using (source, file, sha256)
            where status <> 'duplicate'
            group by source
            order by source
            """
        ).fetchall()
    return [
        judged(
            "quarantined_share",
            n_bad / max(n_lines, 1),
            f"of {n_lines:,} lines that came since the last snapshot {n_bad:,} were "
            "refused; `tessera quarantine list` says why",
            subject=source,
            n_rows=n_lines,
        )
        for source, n_lines, n_bad in rows
    ]


def _days_to_judge(connection: duckdb.DuckDBPyConnection) -> list[dict]:
    """List the days of sources that are new, or not what they were.

    Where there is no snapshot yet, none is: what is imported may end with half a day.
    """
    return rows_by_name(
        connection,
        f"""
        select days.*
        from intermediate.int_source_days_compared as days
        left join previous.source_days as before
            on days.source = before.source
            and days.kind = before.kind
            and days.day_date = before.day_date
        where
            exists (from previous.source_days)
            and (
                before.n_rows is null
                or abs(days.n_rows - before.n_rows) > {CHANGED} * before.n_rows
            )
        order by days.source, days.kind, days.day_date
        """,
    )


def _sources_fresh(
    connection: duckdb.DuckDBPyConnection, as_of: datetime
) -> list[Check]:
    """Compare how long each source has been silent with how long it usually is.

    A source that has been silent for more than ten weeks has ended.
    """
    rows = connection.execute(
        """
        with days as (
            select distinct source, kind, day_date
            from intermediate.int_source_days_counted
        ),
        gaps as (
            select
                *,
                day_date - 1 - lag(day_date) over (
                    partition by source, kind order by day_date
                ) as silent_days
            from days
        ),
        deliveries as (
            select
                source,
                max(loaded_at) as loaded_at,
                sum(n_lines) filter (
                    where load_id = (select max(load_id) from ledger.files)
                ) as n_lines
            from ledger.files
            group by source
        )
        select
            gaps.source, kind, count(*), max(day_date),
            coalesce(max(silent_days), 0),
            any_value(deliveries.loaded_at), any_value(deliveries.n_lines)
        from gaps left join deliveries using (source)
        group by gaps.source, kind
        order by gaps.source, kind
        """
    ).fetchall()
    found = []
    for source, kind, n_days, last, usual, loaded_at, n_lines in rows:
        silent = max((as_of.date() - last).days - 1, 0)
        came = (
            f"its last file came at {loaded_at} UTC"
            if n_lines is None
            else f"the last load had {n_lines:,.0f} lines of it"
        )
        told = (
            f"nothing of the {silent} days after {last}, where {usual} days without "
            f"any were the most before; {came}"
            if silent
            else f"there is something of its last day, {last}"
        )
        found.append(
            judged(
                "source_fresh",
                silent / (usual + 1),
                told,
                subject=f"{source}/{kind}",
                n_rows=n_days,
            )
        )
    return found


def _days_missing(days: list[dict]) -> list[Check]:
    """Count the days of which a source has nothing, where it has of later ones."""
    least_rows = limit_of("days_missing").least_rows
    found = []
    for subject, of_source in groupby(days, key=_subject):
        known = [day for day in of_source if day["n_weeks"] >= LEAST_WEEKS]
        missing = [
            f"{day['day_date']} (usually {day['usual_rows']:,.0f})"
            for day in known
            if day["n_rows"] == 0 and day["usual_rows"] >= least_rows
        ]
        if known:
            told = f"nothing of {', '.join(missing)}; a holiday, or a dump that is lost"
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
    """Tell which share of a day's usual volume is missing, if it is out of range.

    A day without any row may be a holiday: `_days_missing` tells of it.
    """
    if not 0 < day["n_rows"] < BELOW_ALL * day["least_rows"]:
        return 0.0
    return 1 - day["n_rows"] / day["usual_rows"]


def _times_usual(day: dict) -> float:
    """Tell how many times its usual volume a day has, if it is out of range."""
    if day["n_rows"] <= BEYOND_ALL * day["most_rows"]:
        return 1.0
    return day["n_rows"] / day["usual_rows"]


def _volumes(
    days: list[dict], name: str, measure: Callable[[dict], float]
) -> list[Check]:
    """Judge each source by the day that is furthest from the same weekday before."""
    found = []
    for subject, of_source in groupby(days, key=_subject):
        known = [day for day in of_source if day["n_weeks"] >= LEAST_WEEKS]
        if not known:
            continue
        day = max(known, key=measure)
        found.append(
            judged(
                name,
                measure(day),
                f"{day['n_rows']:,} on {day['day_date']}, where that weekday has "
                f"{day['usual_rows']:,.0f} (median of {day['n_weeks']} weeks, least "
                f"{day['least_rows']:,}; most of any day {day['most_rows']:,}); the "
                f"furthest of {len(known)} days judged",
                subject=subject,
                n_rows=max(day["usual_rows"], day["n_rows"]),
            )
        )
    return found


def _events_silent(
    connection: duckdb.DuckDBPyConnection, days: list[dict]
) -> list[Check]:
    """Count the kinds of events that came every week and are missing on a day."""
    silences = rows_by_name(
        connection,
        "from intermediate.int_event_silences_measured "
        "order by usual_rows desc, event_name, day_date",
    )
    limit = limit_of("events_silent")
    found = []
    for subject, of_source in groupby(days, key=_subject):
        judged_days = {day["day_date"] for day in of_source}
        silent = [
            silence
            for silence in silences
            if f"{silence['source']}/events" == subject
            and silence["day_date"] in judged_days
            and silence["n_weeks"] >= LEAST_WEEKS
            and silence["usual_rows"] >= limit.least_rows
        ]
        told = ", ".join(
            f"{silence['event_name']} on {silence['day_date']} (usually "
            f"{silence['usual_rows']:,.0f})"
            for silence in silent[:5]
        )
        if subject.endswith("/events"):
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


def _duplicate_shares(connection: duckdb.DuckDBPyConnection) -> list[Check]:
    """Measure which share of each source's events are copies of others."""
    rows = connection.execute(
        """
        with kept as (
            select source, count(*) as n_events
            from intermediate.int_events_identified
            group by source
        )
        select source, coalesce(n_events, 0), coalesce(n_duplicates, 0)
        from kept
        full join intermediate.int_event_duplicates_counted using (source)
        order by source
        """
    ).fetchall()
    return [
        judged(
            "duplicate_share",
            n_copies / max(n_events + n_copies, 1),
            f"of {n_events + n_copies:,} events {n_copies:,} are copies, and left out",
            subject=source,
            n_rows=n_events + n_copies,
        )
        for source, n_events, n_copies in rows
    ]


def _subject(day: dict) -> str:
    """Name what a day is of."""
    return f"{day['source']}/{day['kind']}"
