"""The order of the walk: load, build, segment, publish.

Each stage takes the writer's lock, can be killed anywhere and run again, and records
itself in the ledger. `run` walks all four; the DAGs cut the same walk into tasks.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

import duckdb

from warehouse import (
    checks,
    compaction,
    identity,
    keeping,
    ledger,
    overdue,
    preflight,
    recalling,
    segmentation,
    snapshots,
    transform,
    user_agents,
    versions,
)
from warehouse.connection import count_rows, open_work, transaction
from warehouse.errors import TesseraError
from warehouse.faults import fault_point
from warehouse.framing import StageResult, framed, utc_now
from warehouse.gates import privacy
from warehouse.home import Home, writer_lock
from warehouse.load import load_inbox
from warehouse.publication import (
    Progress,
    forget_old_docs,
    prepared,
    settle_published,
    silent,
)


def load(
    home: Home, *, as_of: datetime | None = None, progress: Progress = silent
) -> StageResult:
    """Load what is new in the inbox.

    Parameters
    ----------
    home : Home
    as_of : datetime, optional
        Handed through to the result, for whoever hands it to the next stage.

    Raises
    ------
    ConfigurationError
        If a `source.yml` is wrong.
    WarehouseBusyError
        If another process is writing.
    """
    home.make_inbox()
    with framed(home, reloads=True) as watch:
        with prepared(home) as connection:
            load_id = ledger.next_load_id(connection)
            summary = load_inbox(
                connection,
                home,
                load_id=load_id,
                loaded_at=utc_now(),
                progress=lambda source, file, done, total: progress(
                    f"{source}/{file} {done / max(total, 1):.0%}"
                ),
            )
            late = overdue.newly_overdue(connection, utc_now())
            told = [*late]
            if not connection.execute("from ledger.files limit 1").fetchall():
                told.append(
                    f"there are no dumps in {home.inbox}: put them there, a folder "
                    "with its source.yml for each source (README.md); what is built of "
                    "nothing is empty"
                )
            changed = summary.n_loaded > 0 or versions.is_behind(connection, home)
            if changed:
                run = ledger.open_run(connection, utc_now())
                ledger.record_stage(
                    connection,
                    run.run_id,
                    "load",
                    watch(),
                    summary.n_accepted,
                    ledger.loaded_bytes(connection, load_id),
                )
        return StageResult(
            stage="load",
            seconds=watch(),
            n_rows=summary.n_accepted,
            changed=changed,
            message="\n".join([summary.in_words(), *told]),
            as_of=as_of,
            details={"news": [*summary.newly_refused, *late]},
        )


def build(
    home: Home,
    *,
    as_of: datetime | None = None,
    full_refresh: bool = False,
    progress: Progress = silent,
) -> StageResult:
    """Build and test every model up to the features, as of a moment.

    Parameters
    ----------
    home : Home
    as_of : datetime, optional
        Naive, in UTC; only what happened before it counts. By default the midnight
        after the last event or order of the warehouse.
    full_refresh : bool, default=False
        Build incremental models from nothing.

    Raises
    ------
    TesseraError
        If a model or a test fails.
    """
    with framed(home) as watch:
        with prepared(home) as connection:
            keeping.refuse_if_not_loaded(connection, home)
            preflight.require_for_build(connection, home)
            run = ledger.open_run(connection, utc_now())
            is_asked = as_of is not None
            as_of = as_of or ledger.midnight_after_last_event(connection)
            ledger.update_run(
                connection,
                run.run_id,
                as_of=as_of,
                fingerprint=ledger.fingerprint(connection, home),
            )
            ledger.forget_stages(
                connection, run.run_id, ["build", "segment", "publish"]
            )
            checks.forget_checks(connection, run.run_id)
            ledger.record_built_of(connection, home)
            recalling.remember_previous(connection, home)
            user_agents.read_new_user_agents(connection, progress)
            anew = ledger.begin_build(connection, home, full_refresh=full_refresh)
        fault_point("build")
        build_part = partial(
            _build_models,
            home,
            as_of=as_of,
            run_id=run.run_id,
            full_refresh=anew,
            progress=progress,
        )
        built = build_part(transform.BEFORE_IDENTITY)
        with open_work(home) as connection:
            linked = identity.find_persons(
                connection, home, progress, afresh=full_refresh
            )
            checks.record_links(connection, run.run_id, linked)
        fault_point("build")
        built += build_part(transform.BEFORE_SEGMENTATION)
        fault_point("build")
        with open_work(home) as connection:
            n_rows = count_rows(connection, "marts")
            n_bytes = home.work_database.stat().st_size
            ledger.record_stage(
                connection, run.run_id, "build", watch(), n_rows, n_bytes
            )
            is_earlier = is_asked and _is_before_published(home, as_of)
            checks.check_build(connection, run.run_id, as_of, is_earlier=is_earlier)
            ledger.end_build(connection, home)
            stops = checks.stopping(connection, run.run_id)
        return StageResult(
            stage="build",
            seconds=watch(),
            n_rows=n_rows,
            changed=True,
            message="\n".join(
                [
                    f"{built.n_models} models built, {built.n_tests} tests passed, "
                    f"as of {as_of:%Y-%m-%d %H:%M}",
                    *(f"will not be published: {name}: {told}" for name, told in stops),
                ]
            ),
            as_of=as_of,
        )


def segment(
    home: Home, *, train: bool = False, progress: Progress = silent
) -> StageResult:
    """Assign every person to a segment, describe segments and personas.

    Parameters
    ----------
    home : Home
    train : bool, default=False
        Fit the model anew, even if the current one serves.

    Raises
    ------
    TesseraError
        If nothing is built yet, or a model or test of the segments fails.
    """
    with framed(home) as watch:
        with prepared(home) as connection:
            run = _run_with_build(connection)
            ledger.forget_stages(connection, run.run_id, ["segment", "publish"])
            recalling.remember_previous(connection, home)
            fault_point("segment")
            found = segmentation.segment_persons(
                connection, home, train=train, progress=progress
            )
            checks.record_refused_models(connection, run.run_id, found.refusals)
        fault_point("segment")
        _build_models(
            home,
            transform.AFTER_SEGMENTATION,
            as_of=run.as_of or ledger.EPOCH,
            run_id=run.run_id,
            progress=progress,
        )
        fault_point("segment")
        with open_work(home) as connection:
            n_bytes = home.work_database.stat().st_size
            ledger.record_stage(
                connection, run.run_id, "segment", watch(), found.n_persons, n_bytes
            )
        return StageResult(
            stage="segment",
            seconds=watch(),
            n_rows=found.n_persons,
            changed=True,
            message=found.message,
            as_of=run.as_of,
            details={"model_version": found.model_version},
        )


def publish(
    home: Home,
    *,
    acceptance: checks.Acceptance | None = None,
    progress: Progress = silent,
) -> StageResult:
    """Check the finished build and let readers see it.

    Parameters
    ----------
    home : Home
    acceptance : Acceptance, optional
        Failed checks that are not to stop it; they stay on record.

    Raises
    ------
    ConfigurationError
        If the reason of an acceptance cannot be published, or its check is unknown.
    GateFailedError
        If a check of severity `error` fails; the current snapshot stays.
    TesseraError
        If there is no finished build.
    """
    if acceptance:
        privacy.refuse_personal(acceptance.reason, home)
    with framed(home) as watch:
        with prepared(home) as connection:
            run = ledger.last_run(connection)
            version = snapshots.current_version(home)
            if run and run.status == "published" and run.snapshot_version == version:
                return StageResult(
                    stage="publish",
                    seconds=watch(),
                    n_rows=0,
                    changed=False,
                    message=f"snapshot {version} is published already",
                    as_of=run.as_of,
                )
            if (
                run is None
                or run.status == "published"
                or "segment" not in ledger.stages_done(connection, run.run_id)
            ):
                raise TesseraError(
                    "nothing to publish: run `tessera build`, then `tessera segment`"
                )
            progress("checking")
            checks.check_publication(connection, home, run.run_id)
            fault_point("publish")
            checks.pass_or_stop(connection, run.run_id, acceptance)
            told = checks.findings(connection, run.run_id)
            news = checks.findings(connection, run.run_id, only_new=True)
            preflight.require_for_publication(connection, home)
            snapshots.drop_stale_tables(connection, transform.published_models())
            fault_point("publish")
            version = versions.next_version(connection, home, run)
            ledger.update_run(connection, run.run_id, snapshot_version=version)
            publication = snapshots.Publication(
                run=run,
                version=version,
                finished_at=utc_now(),
                seconds_so_far=watch(),
            )
            progress(f"writing snapshot {version}")
            snapshot = snapshots.write_snapshot(connection, home, publication)
            n_tables = len(snapshots.published_tables(connection))
        progress("writing Parquet files")
        snapshots.write_parquet(snapshot, home, version)
        forget_old_docs(home)
        fault_point("publish")
        snapshots.point_current_at(home, version)
        fault_point("publish")
        settle_published(home, progress)
        compaction.compact_if_sparse(home)
        return StageResult(
            stage="publish",
            seconds=watch(),
            n_rows=n_tables,
            changed=True,
            message="\n".join([f"snapshot {version} with {n_tables} tables", *told]),
            as_of=run.as_of,
            details={
                "snapshot_version": version,
                "snapshot": str(snapshot),
                "news": news,
            },
        )


def run(
    home: Home,
    *,
    as_of: datetime | None = None,
    full_refresh: bool = False,
    acceptance: checks.Acceptance | None = None,
    progress: Progress = silent,
    on_stage: Callable[[StageResult], None] | None = None,
) -> list[StageResult]:
    """Walk all stages; stop after `load` if the current snapshot already says it all.

    Returns
    -------
    list of StageResult
        One a stage that ran, in order.
    """
    results: list[StageResult] = []

    def done(result: StageResult) -> None:
        results.append(result)
        if on_stage:
            on_stage(result)

    if acceptance:
        privacy.refuse_personal(acceptance.reason, home)
    with writer_lock(home):
        done(load(home, as_of=as_of, progress=progress))
        if not full_refresh and _is_up_to_date(home, as_of):
            return results
        done(build(home, as_of=as_of, full_refresh=full_refresh, progress=progress))
        done(segment(home, progress=progress))
        done(publish(home, acceptance=acceptance, progress=progress))
    return results


def _build_models(
    home: Home, selector: str, *, run_id: str, **options
) -> transform.BuildResult:
    """Build a part of the models; keep what failed or warned, stop if any failed."""
    built = transform.build_models(home, selector, run_id=run_id, **options)
    with open_work(home) as connection:
        checks.record_models(
            connection, run_id, selector, built.failures, built.warnings
        )
    if built.failures:
        raise TesseraError(transform.failure_in_words(home, built.failures))
    return built


def _is_before_published(home: Home, as_of: datetime) -> bool:
    """Tell whether a moment is before that of the last snapshot."""
    before = ledger.published_run(home)
    return before is not None and before.as_of is not None and as_of < before.as_of


def _run_with_build(connection: duckdb.DuckDBPyConnection) -> ledger.Run:
    """Find the open run, if it is built; after a published one, open its successor."""
    latest = ledger.last_run(connection)
    if latest is None or "build" not in ledger.stages_done(connection, latest.run_id):
        raise TesseraError("nothing is built yet: run `tessera build` first")
    if latest.status != "published":
        return ledger.open_run(connection, utc_now())
    with transaction(connection):
        successor = ledger.open_run(connection, utc_now())
        ledger.update_run(
            connection,
            successor.run_id,
            as_of=latest.as_of,
            fingerprint=latest.fingerprint,
        )
        ledger.record_stage(connection, successor.run_id, "build", 0.0, 0, 0)
    return ledger.open_run(connection, utc_now())


def _is_up_to_date(home: Home, as_of: datetime | None) -> bool:
    """Tell whether the current snapshot is what a build would make again."""
    published = ledger.published_run(home)
    if published is None:
        return False
    with open_work(home) as connection:
        run = ledger.last_run(connection)
        if run is None or run.status != "published":
            return False
        wanted = as_of or ledger.midnight_after_last_event(connection)
        return run.as_of == wanted and not versions.is_behind(connection, home)
