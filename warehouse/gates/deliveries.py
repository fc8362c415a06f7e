"""What sources delivered: how fresh it is, how much is whole, and how much is good."""

from datetime import datetime
from itertools import groupby
from operator import itemgetter

import duckdb

from warehouse.gates.check import Check, judged, limit_of
from warehouse.gates.pauses import Pauses, find_pauses
from warehouse.home import Home
from warehouse.ledger import refused_files
from warehouse.snapshots import attached_current


def check_deliveries(
    connection: duckdb.DuckDBPyConnection, as_of: datetime
) -> list[Check]:
    """Measure, at the end of a build, how fresh each source is and what it repeats."""
    return [
        *_sources_fresh(connection, as_of),
        *_lists_fresh(connection, as_of),
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


def rows_kept(connection: duckdb.DuckDBPyConnection, home: Home) -> list[Check]:
    """Measure which share of its published rows the file that lost most has lost.

    A file that is delivered again replaces what it said, if its source says so: one
    that was cut short takes history with it. Files of fewer than `least_rows` count as
    one, with all others of their source. Files that are gone are another check's.
    """
    with attached_current(connection, home) as is_there:
        if not is_there:
            return []
        rows = connection.execute(
            """
            with published as (
                select source, file, sum(n_accepted + n_duplicate) as n_rows
                from current_snapshot.ops.loaded_files
                where status = 'loaded'
                group by source, file
            ),
            loaded as (
                select source, file, sum(n_accepted + n_duplicate) as n_rows
                from ledger.files
                where status = 'loaded'
                group by source, file
            ),
            kept as (
                select
                    source, file, published.n_rows,
                    greatest(published.n_rows - loaded.n_rows, 0) as n_lost
                from published inner join loaded using (source, file)
            )
            select
                source, sum(n_rows), sum(n_lost),
                count(*) filter (n_lost > 0),
                arg_max(
                    {'file': file, 'n_rows': n_rows, 'n_lost': n_lost},
                    (n_rows >= $1, n_lost / greatest(n_rows, 1))
                ) filter (n_lost > 0)
            from kept
            group by source
            order by source
            """,
            [limit_of("rows_kept").least_rows],
        ).fetchall()
    return [
        _rows_kept(source, n_rows, n_lost, n_files, worst)
        for source, n_rows, n_lost, n_files, worst in rows
    ]


def _rows_kept(
    source: str, n_rows: int, n_lost: int, n_files: int, worst: dict | None
) -> Check:
    """Judge what a source has lost by the worst of its files, or by all of them."""
    told = f"the files of {n_rows:,} rows of the last snapshot have them still"
    shares = [n_lost / max(n_rows, 1)]
    if worst:
        told = (
            f"of {n_rows:,} rows of the last snapshot {n_lost:,} are gone: {n_files:,} "
            f"files came again with fewer; {worst['file']} lost {worst['n_lost']:,} of "
            f"its {worst['n_rows']:,}; deliver them whole"
        )
        if worst["n_rows"] >= limit_of("rows_kept").least_rows:
            shares.append(worst["n_lost"] / worst["n_rows"])
    return judged("rows_kept", max(shares), told, subject=source, n_rows=n_rows)


def files_refused(connection: duckdb.DuckDBPyConnection, home: Home) -> list[Check]:
    """Count, by source, the files of the inbox that are refused whole."""
    found = []
    for source, files in groupby(
        refused_files(connection, home.inbox), key=itemgetter("source")
    ):
        *others, last = files
        found.append(
            judged(
                "files_refused",
                len(others) + 1,
                f"{len(others) + 1:,} files are refused, the last {last['file']}: "
                f"{last['reason']}; `tessera status` lists them, and every load tries "
                "them again",
                subject=source,
            )
        )
    return found


def _sources_fresh(
    connection: duckdb.DuckDBPyConnection, as_of: datetime
) -> list[Check]:
    """Compare how long each source has been silent with how long it usually is.

    A source that has been silent for more than ten weeks has ended.
    """
    deliveries = {
        source: (loaded_at, n_lines)
        for source, loaded_at, n_lines in connection.execute(
            """
            select
                source,
                max(loaded_at),
                sum(n_lines) filter (
                    where load_id = (select max(load_id) from ledger.files)
                )
            from ledger.files
            group by source
            """
        ).fetchall()
    }
    found = []
    for pauses in find_pauses(
        connection,
        "select source, kind, day_date from intermediate.int_source_days_counted "
        "where kind <> 'revenue'",
    ):
        loaded_at, n_lines = deliveries.get(pauses.source, (None, None))
        came = (
            f"its last file came at {loaded_at} UTC"
            if n_lines is None
            else f"the last load had {n_lines:,.0f} lines of it"
        )
        silent = pauses.silent_days(as_of)
        told = (
            f"nothing of the {silent} days after {pauses.last}, where {pauses.longest} "
            f"days without any were the most before; {came}"
            if silent
            else f"there is something of its last day, {pauses.last}"
        )
        found.append(_fresh(pauses, as_of, told))
    return found


def _lists_fresh(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> list[Check]:
    """Compare how long ago customers, consents or answers came with how often they do.

    They have no days of their own, so the days on which files came are counted. One
    that does not come any more is stale until it has a limit of its own.
    """
    return [
        _fresh(
            pauses,
            as_of,
            f"its last file came on {pauses.last}, {pauses.silent_days(as_of)} days "
            f"before this is as of; {pauses.longest} days without any were the most "
            "before",
        )
        for pauses in find_pauses(
            connection,
            "select source, kind, loaded_at::date as day_date from ledger.files "
            "where kind not in ('events', 'order_lines') and status <> 'refused'",
        )
    ]


def _fresh(pauses: Pauses, as_of: datetime, told: str) -> Check:
    """Judge how long a source has been silent."""
    return judged(
        "source_fresh",
        pauses.times_usual(as_of),
        told,
        subject=f"{pauses.source}/{pauses.kind}",
        n_rows=pauses.n_days,
    )


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
            f"of {n_events + n_copies:,} events {n_copies:,} are copies, and left out; "
            "where a folder of the inbox was renamed, give it its old name back",
            subject=source,
            n_rows=n_events + n_copies,
        )
        for source, n_events, n_copies in rows
    ]
