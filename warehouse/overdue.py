"""Sources that have gone quiet: told once, even where nothing follows a load.

A gate measures what is about to be published. Where nothing comes any more nothing is
built, and no gate would ever be asked.
"""

from datetime import datetime

import duckdb

from warehouse.connection import transaction
from warehouse.gates.check import limit_of


def newly_overdue(connection: duckdb.DuckDBPyConnection, now: datetime) -> list[str]:
    """Name the sources of which no file came for much longer than ever before.

    The limit is that of the check `source_fresh`, in times of the longest pause between
    two days with a file, and one day. Each silence is told once.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Open on the private warehouse.
    now : datetime
        Naive, in UTC.

    Returns
    -------
    list of str
        A sentence each, by source.
    """
    rows = connection.execute(
        """
        with days as (
            select distinct source, loaded_at::date as day_date
            from ledger.files
            where status in ('loaded', 'duplicate', 'replaced')
        ),
        pauses as (
            select
                *,
                day_date - 1 - lag(day_date) over (
                    partition by source order by day_date
                ) as n_days
            from days
        )
        select source, count(*), coalesce(max(n_days), 0), max(day_date)
        from pauses
        group by source
        having not exists (
            from ledger.silences_told as told
            where told.source = pauses.source
            and told.last_delivery = max(pauses.day_date)
        )
        order by source
        """
    ).fetchall()
    limit = limit_of("source_fresh")
    overdue = []
    for source, n_days, longest, last in rows:
        silent = max((now.date() - last).days - 1, 0)
        if n_days >= limit.least_rows and silent > limit.limit_value * (longest + 1):
            overdue.append((source, last, silent, longest))
    if overdue:
        with transaction(connection):
            connection.executemany(
                "insert into ledger.silences_told values (?, ?)",
                [[source, last] for source, last, *_ in overdue],
            )
    return [
        f"no file of {source} has come since {last}: {silent} full days, where "
        f"{longest} were the most before"
        for source, last, silent, longest in overdue
    ]
