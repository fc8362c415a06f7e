"""What is done to a home by hand, beside the walk: replay, roll back, write docs."""

from pathlib import Path

from warehouse import ledger, snapshots, transform, versions
from warehouse.errors import TesseraError
from warehouse.framing import failures_told, framed, private_files, utc_now
from warehouse.home import Home, writer_lock
from warehouse.publication import (
    look_after_current,
    prepared,
    record_damage,
    settle_published,
)
from warehouse.replay import ReplaySummary, replay_quarantine


def replay(home: Home, *, only: str | None = None) -> ReplaySummary:
    """Load again what is in quarantine, of one source or of all.

    What is accepted is published by the next run, which finds it by itself.

    Raises
    ------
    ConfigurationError
        If a `source.yml` is wrong, or there is no such source.
    """
    with framed(home), prepared(home) as connection:
        return replay_quarantine(
            connection,
            home,
            load_id=ledger.next_load_id(connection),
            loaded_at=utc_now(),
            only=only,
        )


def roll_back(home: Home, version: int | None = None) -> int:
    """Point `current` at an earlier good snapshot, and the report with it.

    Where the current one turns out to be damaged, and no version is named, the last
    good one takes its place, and that is all.

    Returns
    -------
    int
        The version that readers see now.

    Raises
    ------
    ConfigurationError
        If there is no such version; those that are there are listed.
    TesseraError
        If it is damaged, or none is good.
    """
    with writer_lock(home):
        with private_files(), failures_told(home):
            told = look_after_current(home, thorough=True)
            record_damage(home, told)
        with framed(home):
            chosen = snapshots.current_version(home)
            if told and chosen is None:
                raise TesseraError(" ".join(told))
            if chosen is None or not told or (version and version != chosen):
                chosen = versions.roll_back(home, version)
            settle_published(home)
    return chosen


def write_docs(home: Home) -> Path:
    """Write the dbt docs of the last build where readers look for them.

    Raises
    ------
    TesseraError
        If nothing is built yet.
    """
    with framed(home):
        with prepared(home) as connection:
            last = ledger.last_run(connection)
        if last is None or last.as_of is None:
            raise TesseraError("nothing is built yet: run `tessera run` first")
        written = transform.generate_docs(home, as_of=last.as_of, run_id=last.run_id)
        return snapshots.place_page(written, home.published / "docs")
