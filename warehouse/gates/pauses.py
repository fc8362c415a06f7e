"""How long something that comes again and again has been silent, and usually is."""

from dataclasses import dataclass
from datetime import date, datetime

import duckdb


@dataclass(frozen=True)
class Pauses:
    """Of one kind of one source: how many days it came on, and when it did not."""

    source: str
    kind: str
    n_days: int
    longest: int  # full days without any, between two with some
    last: date

    def silent_days(self, now: datetime) -> int:
        """Count the full days that have passed since the last one."""
        return max((now.date() - self.last).days - 1, 0)

    def times_usual(self, now: datetime) -> float:
        """Tell how long it has been silent, in times of the longest pause, and a day.

        >>> daily = Pauses("web", "events", 9, 0, date(2026, 3, 1))
        >>> daily.silent_days(datetime(2026, 3, 4))
        2
        >>> daily.times_usual(datetime(2026, 3, 4))
        2.0
        """
        return self.silent_days(now) / (self.longest + 1)


def find_pauses(connection: duckdb.DuckDBPyConnection, days: str) -> list[Pauses]:
    """Find the pauses between days, by source and kind.

    Parameters
    ----------
    connection : DuckDBPyConnection
    days : str
        A query of `source`, `kind` and `day_date`; a day may come several times.
    """
    rows = connection.execute(
        f"""
        with days as (select distinct source, kind, day_date from ({days}) as days),
        gaps as (
            select
                *,
                day_date - 1 - lag(day_date) over (
                    partition by source, kind order by day_date
                ) as n_silent
            from days
        )
        select source, kind, count(*), coalesce(max(n_silent), 0), max(day_date)
        from gaps
        group by source, kind
        order by source, kind
        """
    ).fetchall()
    return [Pauses(*row) for row in rows]
