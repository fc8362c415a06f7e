"""What follows a move of `current`: the ledger closes the run, pages are written."""

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager

import duckdb

from warehouse import checks, ledger, recalling, report, snapshots, transform, versions
from warehouse.connection import open_work
from warehouse.errors import TesseraError
from warehouse.faults import fault_point
from warehouse.home import Home
from warehouse.raw_tables import create_tables

Progress = Callable[[str], None]

logger = logging.getLogger("tessera")


def silent(_message: str) -> None:
    """Report progress to nobody."""


def settle_published(home: Home, progress: Progress = silent) -> None:
    """Finish what follows a move of `current`, also if that was cut short.

    The ledger closes the run, then pages are written and old snapshots go. A page that
    cannot be written is told in the log, and tried again at the next stage.
    """
    with prepared(home) as connection:
        run = ledger.last_run(connection)
        published = ledger.published_run(home)
        if published is None:
            return
        is_last = run is not None and run.run_id == published.run_id
        if is_last and run.status != "published":
            with snapshots.attached_current(connection, home):
                ledger.close_run(connection, published)
    version = snapshots.current_version(home)
    if version is None:
        return
    fault_point("publish")
    snapshots.point_current_at(home, version)
    versions.note_current(home)
    try:
        _publish_report(home, version)
        fault_point("publish")
        _publish_docs(home, published, progress)
    except Exception:
        logger.exception("a page of snapshot %s could not be written", version)
    versions.remove_old(home)


def look_after_current(home: Home, *, thorough: bool = False) -> list[str]:
    """Give readers the last good snapshot back, if theirs is damaged or gone.

    What had to be done is told in the log.

    Returns
    -------
    list of str
        A sentence for everything that was wrong; empty where nothing was.
    """
    told = versions.mend_current(home, thorough=thorough)
    for sentence in told:
        logger.warning(sentence)
    return told


def record_damage(home: Home, told: list[str]) -> None:
    """Keep what was wrong for the last run, where there is a working file for that."""
    if not told or not home.work_database.exists():
        return
    try:
        with prepared(home) as connection:
            run = ledger.last_run(connection)
            if run:
                checks.record_damage(connection, run.run_id, told)
    except (duckdb.Error, TesseraError, OSError):  # which the stage tells itself
        logger.exception("what was wrong could not be kept in ops.checks")


def _publish_report(home: Home, version: int) -> None:
    """Write the report again when readers see another snapshot than it tells of."""
    mark = home.warehouse / "report.version"
    page = home.published / "report" / "index.html"
    if page.exists() and mark.exists() and mark.read_text() == str(version):
        return
    snapshots.place_page(report.render_report(home.current), page.parent)
    mark.write_text(str(version))


@contextmanager
def prepared(home: Home) -> Generator[duckdb.DuckDBPyConnection]:
    """Open the private warehouse, with its tables and what the snapshot remembers."""
    with open_work(home) as connection:
        create_tables(connection)
        recalling.restore_ledger(connection, home, versions.highest_number(home))
        yield connection


def forget_old_docs(home: Home) -> None:
    """Have the docs written again if the project has changed since they were."""
    mark = home.dbt / "docs.fingerprint"
    if mark.exists() and mark.read_text() != ledger.code_fingerprint():
        mark.unlink()


def _publish_docs(home: Home, run: ledger.Run, progress: Progress) -> None:
    """Write the docs of the published run, unless they are there."""
    mark = home.dbt / "docs.fingerprint"
    if mark.exists() and (home.published / "docs" / "index.html").exists():
        return
    progress("writing the docs")
    written = transform.generate_docs(
        home, as_of=run.as_of or ledger.EPOCH, run_id=run.run_id
    )
    snapshots.place_page(written, home.published / "docs")
    mark.write_text(ledger.code_fingerprint())
