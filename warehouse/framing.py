"""What every stage has around it: the lock, a stopwatch, an end that is recorded."""

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb

from warehouse import alerting, damage, ledger
from warehouse.connection import open_work
from warehouse.errors import TesseraError
from warehouse.home import Home, writer_lock
from warehouse.mishaps import explained
from warehouse.publication import look_after_current, record_damage, settle_published
from warehouse.telling import why_it_failed


@dataclass(frozen=True)
class StageResult:
    """What a stage did, in numbers and in one sentence; then warnings, a line each.

    `changed` of `load` tells whether there is anything for the next stages to do.
    """

    stage: str
    seconds: float
    n_rows: int
    changed: bool
    message: str
    as_of: datetime | None = None
    details: dict = field(default_factory=dict)


def utc_now() -> datetime:
    """Read the clock, here at the edge of the system alone; naive, in UTC."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


@contextmanager
def framed(home: Home, *, reloads: bool = False) -> Generator[Callable[[], float]]:
    """Hold the lock and a stopwatch; a failure closes the open run as failed.

    First of all it is seen to that readers see something good, and a damaged working
    file is set aside. A stage that `reloads` the inbox then goes on, and looks at both
    more thoroughly; any other says which stage does.

    Yields
    ------
    callable
        Tells how many seconds the stage has taken.

    Raises
    ------
    ConfigurationError
        If `settings.yml` is wrong.
    TesseraError
        If the working file was damaged, or the machine or the disk let us down.
    WarehouseBusyError
        If another process is writing.
    """
    began = time.perf_counter()
    home.settings  # noqa: B018 - a wrong settings.yml is an error before anything
    with writer_lock(home), private_files():
        with failures_told(home):
            found = damage.set_aside_damaged(home, thoroughly=reloads)
            told = look_after_current(home, thorough=reloads)
            _send_damage(home, [found, *told] if found else told)
        if found and not reloads:
            raise TesseraError(
                f"{found}: run `tessera run`, which reads the inbox again; the last "
                "good snapshot stands"
            )
        try:
            with failures_told(home):
                settle_published(home)
                yield lambda: time.perf_counter() - began
        finally:
            record_damage(home, told)  # for the run that the stage has opened
        damage.remember_as_left(home)


def _send_damage(home: Home, told: list[str]) -> None:
    """Have somebody look at what was damaged, though it is mended."""
    if told:
        alerting.send(
            home,
            alerting.Alert(
                "warned",
                where="tessera",
                reason="; ".join(told),
                what_to_do="`tessera status` lists what was set aside: find out what "
                "damaged it; the next `tessera run` makes good what is missing",
            ),
        )


@contextmanager
def failures_told(home: Home) -> Generator[None]:
    """Say in words what fails in a block, and keep it for the open run."""
    try:
        yield
    except Exception as error:
        told = explained(error, home)
        _close_failed_run(home, told)
        if told is error:
            raise
        raise told from error


@contextmanager
def private_files() -> Generator[None]:
    """Keep what a block writes from others; what they may read is said of each file."""
    usual = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(usual)


def _close_failed_run(home: Home, error: Exception) -> None:
    """Mark the open run as failed, and why."""
    if not home.work_database.exists():
        return
    try:
        with open_work(home) as connection:
            failed = ledger.last_run(connection)
            if failed and failed.status == "running":
                ledger.update_run(
                    connection,
                    failed.run_id,
                    status="failed",
                    finished_at=utc_now(),
                    failure=why_it_failed(error),
                )
    except (duckdb.Error, OSError):  # what brought us here says more than these do
        return
