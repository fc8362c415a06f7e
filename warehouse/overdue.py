"""Sources that have gone quiet: told once, even where nothing follows a load.

A gate measures what is about to be published. Where nothing comes any more nothing is
built, and no gate would ever be asked.
"""

from datetime import datetime

import duckdb

from warehouse.connection import transaction
from warehouse.gates.check import limit_of
from warehouse.gates.pauses import find_pauses


def newly_overdue(connection: duckdb.DuckDBPyConnection, now: datetime) -> list[str]:
    """Name the sources of which no file came for much longer than ever before.

    The limit is that of the check `source_fresh`, of all or of this one, in times of
    the longest pause between two days with a file, and one day. Each silence is told
    once.

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
    told_before = set(connection.execute("from ledger.silences_told").fetchall())
    overdue = [
        pauses
        for pauses in find_pauses(
            connection,
            "select source, arg_max(kind, loaded_at) over (partition by source) as "
            "kind, loaded_at::date as day_date from ledger.files "
            "where status <> 'refused'",
        )
        if (limit := limit_of(f"source_fresh:{pauses.source}/{pauses.kind}"))
        and pauses.n_days >= limit.least_rows
        and pauses.times_usual(now) > limit.limit_value
        and (pauses.source, pauses.last) not in told_before
    ]
    if overdue:
        with transaction(connection):
            connection.executemany(
                "insert into ledger.silences_told values (?, ?)",
                [[pauses.source, pauses.last] for pauses in overdue],
            )
    return [
        f"no file of {pauses.source} has come since {pauses.last}: "
        f"{pauses.silent_days(now)} full days, where {pauses.longest} were the most "
        "before"
        for pauses in overdue
    ]
