"""Who was there last time, and is; and who is in which segment."""

import duckdb

from warehouse.gates.check import Check, judged
from warehouse.identity import LinkSummary


def links_cut(linked: LinkSummary) -> list[Check]:
    """Tell how large the largest person is, and what was cut lest one be too large."""
    told = (
        f"{linked.n_too_large} links were cut, with each of which a person would have "
        "more identifiers than max_identifiers_per_person: an address or a number that "
        "many devices share, as at a till or of a test account"
        if linked.n_too_large
        else "no person has more identifiers than max_identifiers_per_person"
    )
    return [
        judged("links_cut_for_size", linked.n_too_large, told),
        judged(
            "largest_person",
            linked.n_largest / linked.max_identifiers,
            f"one person has {linked.n_largest} identifiers; "
            "max_identifiers_per_person is "
            f"{linked.max_identifiers}. Much of that may be nobody, but an address "
            "that many use",
        ),
    ]


def persons_merged(connection: duckdb.DuckDBPyConnection) -> Check:
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
    return judged(
        "persons_merged",
        n_merged / max(n_before, 1),
        f"of {n_before:,} persons of the last snapshot {n_merged:,} have become one "
        "with another; where no new source explains that, see marts.identity_changes",
        n_rows=n_before,
    )


def persons_kept(connection: duckdb.DuckDBPyConnection, *, is_earlier: bool) -> Check:
    """Most persons who were published last time are there.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The private warehouse, built.
    is_earlier : bool
        Whether somebody asked for a moment before that of the last snapshot: people who
        came since are rightly missing then.
    """
    if is_earlier:
        told = "not asked: this is as of an earlier moment than the last snapshot"
        return judged("persons_kept", 0, told)
    ((n_before, n_gone),) = connection.execute(
        """
        select count(*), count(*) filter (now.identifier is null)
        from previous.user_identifiers as before
        left join marts.user_identifiers as now
            on before.identifier = now.identifier
            and before.identifier_type = now.identifier_type
        where before.match_rule = 'itself'
        """
    ).fetchall()
    return judged(
        "persons_kept",
        n_gone / max(n_before, 1),
        f"of {n_before:,} persons of the last snapshot {n_gone:,} are not known any "
        "more: look whether files or a source are gone, or are read otherwise"
        if n_gone
        else f"all {n_before:,} persons of the last snapshot are there",
        n_rows=n_before,
    )


def orders_unmatched(connection: duckdb.DuckDBPyConnection) -> Check:
    """Measure the share of orders that belong to nobody."""
    ((n_orders, n_unmatched),) = connection.execute(
        "select count(*), count(*) filter (user_id is null) from marts.orders"
    ).fetchall()
    return judged(
        "orders_unmatched",
        n_unmatched / max(n_orders, 1),
        f"of {n_orders:,} orders {n_unmatched:,} have no user_id, address or number "
        "that tells whose they are",
        n_rows=n_orders,
    )


def events_unmatched(connection: duckdb.DuckDBPyConnection) -> Check:
    """Measure the share of events whose names no word of ours stands for."""
    ((n_events, n_unmatched),) = connection.execute(
        "select coalesce(sum(n_events), 0), "
        "coalesce(sum(n_events) filter (not is_known), 0) "
        "from intermediate.int_event_names_counted"
    ).fetchall()
    return judged(
        "events_unmatched",
        n_unmatched / max(n_events, 1),
        f"of {n_events:,} events {n_unmatched:,} have names that the seed event_types "
        "does not know; ops.event_names lists them",
        n_rows=n_events,
    )


def persons_segmented(connection: duckdb.DuckDBPyConnection) -> Check:
    """Every person has one segment, unless nobody was segmented, then or now."""
    n_missing = connection.execute(
        "select count(*) from marts.users anti join segments.user_segments "
        "using (user_id) where exists (from segments.user_segments) "
        "or exists (from previous.user_segments)"
    ).fetchall()[0][0]
    return judged(
        "persons_segmented",
        n_missing,
        f"{n_missing:,} persons of marts.users have no segment"
        if n_missing
        else "everybody has a segment, or nobody has",
    )


def segments_kept(connection: duckdb.DuckDBPyConnection) -> Check:
    """Most persons are in the segment that they were in at the last snapshot.

    Who was in one provisionally is not asked: that is to give way to what is known.
    Another model may well put most of them elsewhere (from RFM segments to clusters, it
    puts all of them), so that is a check of its own.
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
    return judged(
        "segments_refitted" if is_refitted else "segments_kept",
        n_moved / max(n_before, 1),
        f"of {n_before:,} persons who were in a segment before {n_moved:,} are in "
        f"another one; {why}"
        if n_moved
        else "no person changed the segment",
        n_rows=n_before,
    )
