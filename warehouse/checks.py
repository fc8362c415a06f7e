"""The gates between a finished build and its readers."""

from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from warehouse.connection import transaction
from warehouse.errors import TesseraError
from warehouse.identity import LinkSummary
from warehouse.raw_tables import FIELDS

LARGE_SHARE = 0.5  # of max_identifiers_per_person
MAX_MERGED_SHARE = 0.2  # of the persons of a snapshot, from it to the next
MAX_MOVED_SHARE = 0.5  # of the persons who are segmented in both


@dataclass(frozen=True)
class Check:
    """One gate: what was measured, what may be, and what it means."""

    check_name: str
    severity: str
    value: float
    limit_value: float
    explanation: str

    @property
    def verdict(self) -> str:
        """`passed` if the value does not exceed its limit."""
        return "passed" if self.value <= self.limit_value else "failed"


def check_build(connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """Measure whether a build has lost anything of what it was made of.

    To be called when it ends, before more is loaded: staging looks at what is there.

    Raises
    ------
    TesseraError
        If it has; the current snapshot then stays.
    """
    _pass(
        connection,
        run_id,
        [
            _events_reconciled,
            _orders_reconciled,
            _persons_kept,
            amounts_converted,
            currencies_agree,
        ],
    )


def check_publication(connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """Measure the gates of what is about to be published, and record them.

    Raises
    ------
    TesseraError
        If a gate of severity `error` fails; the current snapshot then stays.
    """
    _pass(connection, run_id, [_rows_reconciled, _persons_segmented, segments_kept])


def _pass(
    connection: duckdb.DuckDBPyConnection,
    run_id: str,
    gates: list[Callable[[duckdb.DuckDBPyConnection], Check]],
) -> None:
    """Measure and record gates; fail if one of severity `error` does."""
    measured = [gate(connection) for gate in gates]
    _record(connection, run_id, measured)
    failed = [
        check
        for check in measured
        if check.verdict == "failed" and check.severity == "error"
    ]
    if failed:
        told = "; ".join(f"{check.check_name}: {check.explanation}" for check in failed)
        raise TesseraError(f"not published, the last good snapshot stands: {told}")


def record_warnings(
    connection: duckdb.DuckDBPyConnection, run_id: str, stage: str, told: list[str]
) -> None:
    """Keep what data tests of severity `warn` found in a stage."""
    explanation = "; ".join(told[:5]) or "no data test of severity `warn` found any"
    name = f"data_tests_of_{stage}"
    check = Check(name, "warn", float(len(told)), 0, explanation)
    _record(connection, run_id, [check])


def record_links(
    connection: duckdb.DuckDBPyConnection, run_id: str, linked: LinkSummary
) -> None:
    """Keep how large the largest person is, and what was cut lest one be too large."""
    told = (
        f"{linked.n_too_large} links were cut, with each of which a person would have "
        "more identifiers than max_identifiers_per_person: an address or a number that "
        "many devices share, as at a till or of a test account"
        if linked.n_too_large
        else "no person has more identifiers than max_identifiers_per_person"
    )
    cut = Check("links_cut_for_size", "warn", float(linked.n_too_large), 0, told)
    largest = Check(
        "largest_person",
        "warn",
        float(linked.n_largest),
        linked.max_identifiers * LARGE_SHARE,
        "the most identifiers that one person has; beyond half of "
        "max_identifiers_per_person it may be nobody, but an address that many use",
    )
    _record(connection, run_id, [cut, largest])


def record_refused_models(
    connection: duckdb.DuckDBPyConnection, run_id: str, refusals: list[str]
) -> None:
    """Keep which fitted models could not be opened, a sentence each, and why."""
    told = "; ".join(refusals) or "no fitted model was refused"
    check = Check("model_accepted", "warn", float(len(refusals)), 0, told)
    _record(connection, run_id, [check])


def failed_warnings(connection: duckdb.DuckDBPyConnection, run_id: str) -> list[str]:
    """List the failed checks of a run that do not stop it, each in a line of words."""
    failed = connection.execute(
        "select check_name, explanation from ledger.checks "
        "where run_id = ? and severity = 'warn' and verdict = 'failed' "
        "order by check_name",
        [run_id],
    ).fetchall()
    return [f"warning: {name}: {' '.join(told.split())}" for name, told in failed]


def _record(
    connection: duckdb.DuckDBPyConnection, run_id: str, checks: list[Check]
) -> None:
    """Replace the rows of these checks in one transaction."""
    with transaction(connection):
        for check in checks:
            connection.execute(
                "delete from ledger.checks where run_id = ? and check_name = ?",
                [run_id, check.check_name],
            )
            connection.execute(
                "insert into ledger.checks values (?, ?, ?, ?, ?, ?, ?)",
                [
                    run_id,
                    check.check_name,
                    check.severity,
                    check.value,
                    check.limit_value,
                    check.verdict,
                    check.explanation,
                ],
            )


def _rows_reconciled(connection: duckdb.DuckDBPyConnection) -> Check:
    """Lines with a row in `raw` and lines accepted by the ledger must be the same.

    A line may have rows of several kinds, as one that tells of a person, too.
    """
    counts = " union all ".join(
        f"select file_id, count(*) as n_rows from raw.{kind} group by file_id"
        for kind in FIELDS
    )
    rows = " union all ".join(
        f"select file_id, row_key from raw.{kind} "
        "semi join files_of_several_kinds using (file_id)"
        for kind in FIELDS
    )
    ((difference, files),) = connection.execute(
        f"""
        with counted as ({counts}),
        files_of_several_kinds as (
            select file_id from counted group by file_id having count(*) > 1
        ),
        found as (
            from counted anti join files_of_several_kinds using (file_id)
            union all
            select file_id, count(distinct row_key) from ({rows}) group by file_id
        ),
        compared as (
            select
                coalesce(source || '/' || file, 'file ' || file_id) as file,
                abs(coalesce(n_rows, 0) - coalesce(n_accepted, 0)) as difference
            from found full join (
                from ledger.files where status = 'loaded'
            ) as files using (file_id)
        )
        select
            coalesce(sum(difference), 0),
            coalesce(string_agg(file, ', ' order by file), '')
        from compared where difference > 0
        """
    ).fetchall()
    return Check(
        "rows_reconciled",
        "error",
        float(difference),
        0,
        f"rows in the raw tables that no file of the ledger accounts for, or lines "
        f"that the ledger accepted and no raw table holds: {files}"
        if difference
        else "every accepted line has its row in the raw tables",
    )


def _events_reconciled(connection: duckdb.DuckDBPyConnection) -> Check:
    """Every event before `as_of` was either kept or counted as a duplicate."""
    difference = connection.execute(
        "select abs((select count(*) from staging.stg_events) "
        "- (select count(*) from intermediate.int_events_identified) "
        "- (select coalesce(sum(n_duplicates), 0) "
        "from intermediate.int_event_duplicates_counted))"
    ).fetchall()[0][0]
    return Check(
        "events_reconciled",
        "error",
        float(difference),
        0,
        "events that are neither kept nor counted as duplicates",
    )


def _orders_reconciled(connection: duckdb.DuckDBPyConnection) -> Check:
    """Every order that a line of the raw tables names is in the mart."""
    n_missing = connection.execute(
        "select count(*) from (select distinct order_id from staging.stg_order_lines) "
        "anti join marts.orders using (order_id)"
    ).fetchall()[0][0]
    return Check(
        "orders_reconciled",
        "error",
        float(n_missing),
        0,
        "orders of the raw order lines that marts.orders does not hold",
    )


def _persons_kept(connection: duckdb.DuckDBPyConnection) -> Check:
    """Few of the persons who were published last time have become one with another."""
    ((n_before, n_merged),) = connection.execute(
        """
        select count(*), count(*) filter (now.user_id <> before.user_id)
        from previous.user_identifiers as before
        left join marts.user_identifiers as now
            on before.identifier = now.identifier
            and before.identifier_type = now.identifier_type
        where before.match_rule = 'itself'
        """
    ).fetchall()
    return Check(
        "persons_merged",
        "warn",
        n_merged / max(n_before, 1),
        MAX_MERGED_SHARE,
        f"of {n_before:,} persons of the last snapshot {n_merged:,} have become one "
        "with another; where no new source explains that, see marts.identity_changes",
    )


def amounts_converted(connection: duckdb.DuckDBPyConnection) -> Check:
    """Amounts in other currencies than the reporting one have a rate on their day.

    Codes are named; anything else that stands for a currency might be anything.
    """
    ((n_unknown, told),) = connection.execute(
        """
        with without_rate as (
            select
                case
                    when regexp_full_match(currency, '[A-Z]{3}') then currency
                    else 'what is no code of three letters'
                end as currency,
                sum(n_amounts) as n_amounts,
                max(amount_date) as last_date
            from intermediate.int_exchange_rates_dated
            where rate is null
            group by all
        )
        select
            coalesce(sum(n_amounts), 0),
            string_agg(
                format('{} ({:,}, last on {})', currency, n_amounts, last_date),
                ', ' order by n_amounts desc, currency
            )
        from without_rate
        """
    ).fetchall()
    return Check(
        "amounts_converted",
        "warn",
        float(n_unknown),
        0,
        f"{n_unknown:,} events and order lines state amounts in currencies without a "
        f"rate by their day: {told}. What they are worth is unknown, and counts "
        "nowhere; add rates, also of the reporting currency itself, to the seed "
        "exchange_rates (docs/orders.md)"
        if n_unknown
        else "no amount lacks a rate into the reporting currency",
    )


def currencies_agree(connection: duckdb.DuckDBPyConnection) -> Check:
    """Amounts that are added up as they are, are of one currency."""
    ((n_currencies, told),) = connection.execute(
        """
        with amounts as (
            select currency from raw.events
            where price is not null or revenue is not null or len(items) > 0
            union all
            select currency from raw.order_lines where unit_price is not null
        ),
        codes as (
            select upper(trim(currency)) as code, count(*) as n_amounts
            from amounts
            where regexp_full_match(trim(currency), '[A-Za-z]{3}')
            group by all
        )
        select
            count(*),
            string_agg(
                format('{} ({:,})', code, n_amounts), ', '
                order by n_amounts desc, code
            )
        from codes
        where not exists (from intermediate.int_exchange_rates_dated)
        """
    ).fetchall()
    return Check(
        "currencies_agree",
        "warn",
        float(n_currencies),
        1,
        f"amounts in {n_currencies} currencies are added up as if they were one: {told}"
        "; set reporting_currency in settings.yml (docs/orders.md)"
        if n_currencies > 1
        else "no two currencies are added up",
    )


def _persons_segmented(connection: duckdb.DuckDBPyConnection) -> Check:
    """Every person has one segment, unless nobody was segmented at all."""
    n_missing = connection.execute(
        "select count(*) from marts.users anti join segments.user_segments "
        "using (user_id) where exists (from segments.user_segments)"
    ).fetchall()[0][0]
    return Check(
        "persons_segmented",
        "error",
        float(n_missing),
        0,
        "persons of marts.users without a segment",
    )


def segments_kept(connection: duckdb.DuckDBPyConnection) -> Check:
    """Most persons are in the segment that they were in at the last snapshot.

    Who was in one provisionally is not asked: that is to give way to what is known.
    """
    ((n_before, n_moved, is_refitted),) = connection.execute(
        """
        select
            count(*),
            count(*) filter (now.segment_id <> before.segment_id),
            coalesce(bool_or(now.model_version <> before.model_version), false)
        from previous.user_segments as before
        inner join segments.user_segments as now using (user_id)
        where not coalesce(before.is_provisional, false)
        """
    ).fetchall()
    why = (
        "the model is another one, whose segments go on from the old ones as "
        "segments.segment_successors tells"
        if is_refitted
        else "the model is the same, so it is what they did that has changed"
    )
    return Check(
        "segments_kept",
        "warn",
        n_moved / max(n_before, 1),
        MAX_MOVED_SHARE,
        f"of {n_before:,} persons who were in a segment before {n_moved:,} are in "
        f"another one; {why}"
        if n_moved
        else "no person changed the segment",
    )
