"""The gates between a finished build and its readers: measured, kept, judged, accepted.

What is measured is in `gates`, what it is measured against in the seed `check_limits`.
Each check is measured when its time has come, and kept in the ledger; when all is done,
`pass_or_stop` lets a run be published or not.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from warehouse.connection import transaction
from warehouse.errors import ConfigurationError, GateFailedError
from warehouse.gates import (
    amounts,
    deliveries,
    persons,
    privacy,
    reconciliation,
    volumes,
)
from warehouse.gates.check import Check, judged, limit_of
from warehouse.home import Home
from warehouse.identity import LinkSummary
from warehouse.keeping import files_kept
from warehouse.redaction import redact

OF_PUBLICATION = (
    "rows_reconciled",
    "files_kept",
    "rows_kept",
    "files_refused",
    "quarantined_share",
    "persons_segmented",
    "segments_kept",
    "segments_refitted",
    "personal_data",
    "canaries",
    "group_size",
)
_SET_ASIDE = "set aside"  # a verdict that no reader ever sees
_LONGER_EACH_DAY = ("source_fresh",)
_OF_PARTS = ("data_tests", "days_missing")  # each part of what they tell may be new


@dataclass(frozen=True)
class Acceptance:
    """Which failed checks somebody lets pass, and why."""

    check_names: tuple[str, ...]
    reason: str

    def __post_init__(self) -> None:
        """Refuse what says nothing.

        Raises
        ------
        ConfigurationError
            If no reason is given, or there is no such check to be accepted.
        """
        if not self.reason.strip():
            raise ConfigurationError("--accept needs a --reason, which is published")
        for name in self.check_names:
            limit_of(name)
            if name.startswith("models_and_tests"):
                raise ConfigurationError(
                    f"{name} cannot be accepted: what depends on it is not built"
                )


def check_build(
    connection: duckdb.DuckDBPyConnection,
    run_id: str,
    as_of: datetime,
    *,
    is_earlier: bool,
) -> None:
    """Measure what a build has made of what was delivered.

    To be called when it ends, before more is loaded: staging looks at what is there.
    Whether somebody asked for a moment before that of the last snapshot, `is_earlier`
    says.
    """
    record(
        connection,
        run_id,
        [
            *reconciliation.check_reconciliation(connection),
            *deliveries.check_deliveries(connection, as_of),
            *volumes.check_volumes(connection),
            amounts.amounts_converted(connection),
            amounts.currencies_agree(connection),
            persons.persons_merged(connection),
            persons.persons_kept(connection, is_earlier=is_earlier),
            persons.orders_unmatched(connection),
            persons.events_unmatched(connection),
        ],
    )


def check_publication(
    connection: duckdb.DuckDBPyConnection, home: Home, run_id: str
) -> None:
    """Measure what is about to be published; an earlier attempt tells nothing more."""
    forget_checks(connection, run_id, OF_PUBLICATION)
    record(
        connection,
        run_id,
        [
            reconciliation.rows_reconciled(connection),
            files_kept(connection, home),
            *deliveries.rows_kept(connection, home),
            *deliveries.files_refused(connection, home),
            *deliveries.quarantined_shares(connection, home),
            persons.persons_segmented(connection),
            persons.segments_kept(connection),
        ],
    )
    # What was found is published, too, and so is looked at.
    record(connection, run_id, privacy.check_privacy(connection, home))


def pass_or_stop(
    connection: duckdb.DuckDBPyConnection,
    run_id: str,
    acceptance: Acceptance | None = None,
) -> None:
    """Let a run be published if its checks allow it; keep what is accepted on record.

    Raises
    ------
    ConfigurationError
        If something is to be accepted that was not measured.
    GateFailedError
        If a check of severity `error` has failed and is not accepted; the message says
        what was found and how to accept it.
    """
    connection.execute(
        "delete from ledger.checks where run_id = ? and verdict = ?",
        [run_id, _SET_ASIDE],
    )
    if acceptance:
        _refuse_unknown(connection, run_id, acceptance)
        connection.execute(
            "update ledger.checks set verdict = 'accepted', accepted_because = ? "
            "where run_id = ? and verdict = 'failed' and severity = 'error' "
            "and list_contains(?, check_name)",
            [redact(acceptance.reason.strip()), run_id, list(acceptance.check_names)],
        )
    failed = stopping(connection, run_id)
    if failed:
        told = "; ".join(f"{name}: {explanation}" for name, explanation in failed)
        accepting = " ".join(f"--accept {name}" for name, _ in failed)
        raise GateFailedError(
            f"not published, the last good snapshot stands: {told}. If that is as it "
            f"should be: tessera publish {accepting} --reason '...'"
        )


def _refuse_unknown(
    connection: duckdb.DuckDBPyConnection, run_id: str, acceptance: Acceptance
) -> None:
    """Refuse to accept what was not measured: a name that is spelt otherwise."""
    measured = [
        name
        for (name,) in connection.execute(
            "select check_name from ledger.checks where run_id = ? order by all",
            [run_id],
        ).fetchall()
    ]
    for name in acceptance.check_names:
        if name not in measured:
            alike = [one for one in measured if one.split(":")[0] == name.split(":")[0]]
            raise ConfigurationError(
                f"--accept {name}: this run has no such check; it has "
                f"{', '.join(alike) or 'none of that kind'}"
            )


def stopping(
    connection: duckdb.DuckDBPyConnection, run_id: str
) -> list[tuple[str, str]]:
    """List name and explanation of the failed checks that stop a run."""
    return connection.execute(
        "select check_name, explanation from ledger.checks "
        "where run_id = ? and severity = 'error' and verdict = 'failed' "
        "order by check_name",
        [run_id],
    ).fetchall()


def record_models(
    connection: duckdb.DuckDBPyConnection,
    run_id: str,
    stage: str,
    failed: list[str],
    warned: list[str],
) -> None:
    """Keep which models and data tests of a stage have failed or warned."""
    told = "; ".join(failed[:5]) or "every model was built, and no data test failed"
    heard = "; ".join(warned[:5]) or "no data test of severity `warn` found any"
    record(
        connection,
        run_id,
        [
            judged("models_and_tests", len(failed), told, subject=stage),
            judged("data_tests", len(warned), heard, subject=stage),
        ],
    )


def record_links(
    connection: duckdb.DuckDBPyConnection, run_id: str, linked: LinkSummary
) -> None:
    """Keep how large the largest person is, and what was cut lest one be too large."""
    record(connection, run_id, persons.links_cut(linked))


def record_refused_models(
    connection: duckdb.DuckDBPyConnection, run_id: str, refusals: list[str]
) -> None:
    """Keep which fitted models could not be opened, a sentence each, and why."""
    told = "; ".join(refusals) or "no fitted model was refused"
    record(connection, run_id, [judged("model_accepted", len(refusals), told)])


def record_damage(
    connection: duckdb.DuckDBPyConnection, run_id: str, told: list[str]
) -> None:
    """Keep what was wrong with the published snapshots, a sentence each."""
    record(connection, run_id, [judged("snapshots_intact", 1, "; ".join(told))])


def forget_checks(
    connection: duckdb.DuckDBPyConnection,
    run_id: str,
    kinds: tuple[str, ...] | None = None,
) -> None:
    """Take back what was measured of a run, or checks of some kinds, to begin again.

    What was accepted is set aside: it is accepted still if the same is found again.
    """
    of_kinds = (
        "run_id = ? and check_name <> 'snapshots_intact' and "
        "(? is null or list_contains(?, split_part(check_name, ':', 1)))"
    )
    named = [run_id, kinds and list(kinds), kinds and list(kinds)]
    with transaction(connection):
        connection.execute(
            f"delete from ledger.checks where {of_kinds} and verdict <> 'accepted'",
            named,
        )
        connection.execute(
            "update ledger.checks set verdict = ? "
            f"where {of_kinds} and verdict = 'accepted'",
            [_SET_ASIDE, *named],
        )


def findings(
    connection: duckdb.DuckDBPyConnection, run_id: str, *, only_new: bool = False
) -> list[str]:
    """List what did not pass and does not stop a run, each in a line of words.

    What is new did pass, or was not measured, in the run that was published last, or
    was nearer to its limit there, or is of other tests or days. A source that is late
    is so by more every day, which is no news. Refused files were told when they were
    loaded.
    """
    rows = connection.execute(
        """
        select check_name, verdict, value, explanation from ledger.checks
        where run_id = ? and (
            verdict = 'accepted' or (severity = 'warn' and verdict = 'failed')
        )
        order by check_name
        """,
        [run_id],
    ).fetchall()
    known = _told_before(connection, run_id) if only_new else {}
    words = {"failed": "warning", "accepted": "accepted"}
    return [
        f"{words[verdict]}: {name}: {' '.join(told.split())}"
        for name, verdict, value, told in rows
        if not (only_new and _is_known(name, value, told, known.get(name)))
    ]


def _told_before(
    connection: duckdb.DuckDBPyConnection, run_id: str
) -> dict[str, tuple[float, str]]:
    """Tell value and explanation of what did not pass in the last published run."""
    rows = connection.execute(
        """
        select check_name, value, explanation from ledger.checks
        where verdict <> 'passed' and run_id = (
            select max(run_id) from ledger.runs
            where status = 'published' and run_id < ?
        )
        """,
        [run_id],
    ).fetchall()
    return {name: (value, told) for name, value, told in rows}


def _is_known(
    name: str, value: float, told: str, before: tuple[float, str] | None
) -> bool:
    """Tell whether what did not pass is no news."""
    kind = name.split(":")[0]
    if kind == "files_refused":
        return True
    if before is None:
        return False
    is_no_further = kind in _LONGER_EACH_DAY or before[0] >= value
    return is_no_further and (
        kind not in _OF_PARTS or _parts(told) <= _parts(before[1])
    )


def _parts(told: str) -> set[str]:
    """Name what an explanation lists, without what it says of each."""
    return {part.split(":")[0] for part in told.split("; ")}


def record(
    connection: duckdb.DuckDBPyConnection, run_id: str, checks: list[Check]
) -> None:
    """Replace the rows of these checks in one transaction.

    What was accepted stays accepted while the same is found.
    """
    with transaction(connection):
        accepted = dict(
            connection.execute(
                "select (check_name, value, explanation), accepted_because "
                "from ledger.checks where run_id = ? and verdict in ('accepted', ?)",
                [run_id, _SET_ASIDE],
            ).fetchall()
        )
        connection.execute(
            "delete from ledger.checks "
            "where run_id = ? and list_contains(?, check_name)",
            [run_id, [check.check_name for check in checks]],
        )
        for check in checks:
            told = redact(check.explanation)
            because = accepted.get((check.check_name, check.value, told))
            stays = because is not None and check.stops
            connection.execute(
                "insert into ledger.checks by name select ? as run_id, "
                "? as check_name, ? as severity, ? as value, ? as limit_value, "
                "? as verdict, ? as explanation, ? as accepted_because",
                [
                    run_id,
                    check.check_name,
                    check.severity,
                    check.value,
                    check.limit_value,
                    "accepted" if stays else check.verdict,
                    told,
                    because if stays else None,
                ],
            )
