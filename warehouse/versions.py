"""What becomes of published versions: kept, verified, and gone back to.

Where the version that readers see is damaged or gone, they get the last good one back.
"""

import os
import re
import shutil
from datetime import datetime
from pathlib import Path

import duckdb

from warehouse import ledger, snapshots
from warehouse.connection import open_snapshot
from warehouse.errors import ConfigurationError, TesseraError
from warehouse.faults import fault_point
from warehouse.home import Home
from warehouse.snapshots import snapshot_path
from warehouse.verifying import (
    Notes,
    examine,
    find_fault,
    read_checksum,
    read_notes,
    see,
    write_notes,
)

DAMAGED = ".damaged"

_ANY_NUMBER = re.compile(r"^tessera_(\d{6,})\.duckdb(\..+)?$")


def mend_current(home: Home, *, thorough: bool = False) -> list[str]:
    """See to it that readers see something good; tell what had to be done for it.

    Where the current version is damaged or gone, the links move to the newest good one
    before it (else to the newest after it), and only then is the damaged file given
    another name; nothing is deleted. The caller holds the writer's lock.

    Parameters
    ----------
    home : Home
    thorough : bool, default=False
        Read the current version as a whole, also if it looks untouched.

    Returns
    -------
    list of str
        A sentence for everything that was wrong; empty where nothing was.
    """
    told = _set_logs_aside(home)
    notes = read_notes(home)
    pointed = snapshots.version_pointed_at(home)
    if pointed == notes.left:
        notes.left = None  # who began to go back from it was stopped
    there = snapshots.versions(home)
    if pointed is None and notes.current is None and not there:
        return told  # nothing was ever published
    if pointed == notes.current and not thorough and pointed is not None:
        seen = notes.seen.get(pointed)
        if seen and seen.looks_like(snapshot_path(home, pointed)):
            return told

    chosen, faults = _choose(home, notes, pointed, there)
    if chosen is not None and chosen != pointed:
        aside = _keep_what_is_no_link(home)
        told.extend(aside)
        snapshots.point_current_at(home, chosen)
        if pointed is None and chosen not in faults and not aside:
            told.append(f"current.duckdb was no link; it points at {chosen} now")
    elif chosen is None and home.current.is_symlink():
        home.current.unlink()
    fault_point("publish")
    for version, fault in faults.items():
        told.append(_set_aside(home, version, fault))
        fault_point("publish")
    if faults:
        told.append(
            f"readers see snapshot {chosen}; {_what_comes(notes)}"
            if chosen is not None
            else "no snapshot is good: `tessera run` builds and publishes again, but "
            "without what only snapshots remember (history, entered_at); to keep that, "
            f"first put a good copy of one into {home.published}, from a backup"
        )
    notes.current = chosen
    if chosen is not None:
        _complete(home, chosen, notes.seen[chosen].sha256)
    write_notes(home, notes)
    return told


def _what_comes(notes: Notes) -> str:
    """Tell what the next run does after damage."""
    if notes.left is None:
        return "the next run publishes again"
    return (
        f"the next run that finds anything new publishes again; until then nothing is, "
        f"as somebody went back from snapshot {notes.left}"
    )


def note_current(home: Home) -> None:
    """Note the version just published, whose checksum was made while it was written."""
    notes = read_notes(home)
    version = snapshots.current_version(home)
    if version is None or (notes.current == version and version in notes.seen):
        return
    path = snapshot_path(home, version)
    sha256 = read_checksum(path) or snapshots.hash_file(path)
    notes.current = version
    notes.seen[version] = see(path, sha256)
    if notes.left is not None and version > notes.left:
        notes.left = None
    write_notes(home, notes)


def is_behind(connection: duckdb.DuckDBPyConnection, home: Home) -> bool:
    """Tell whether a run would publish anything new, or what was lost.

    What somebody has gone back from is not published again for as long as nothing new
    has come.
    """
    newest = ledger.last_run(connection, "published")
    left = read_notes(home).left
    if newest is not None and left is not None and newest.snapshot_version == left:
        return newest.fingerprint != ledger.fingerprint(connection, home)
    if ledger.is_ahead(connection, home):
        return True
    if newest is None or newest.snapshot_version is None:
        return False
    return not snapshot_path(home, newest.snapshot_version).exists()


def highest_number(home: Home, *, but: int | None = None) -> int:
    """Tell the highest version that files and links in the home know of.

    A snapshot `but` counts only if readers have seen it: a run that was killed while it
    wrote one takes its number up again.
    """
    notes = read_notes(home)
    numbers = {0, notes.highest, snapshots.version_pointed_at(home) or 0}
    own = set() if but is None else {snapshot_path(home, but).name}
    own |= {f"{name}.sha256" for name in own if snapshot_path(home, but or 0).exists()}
    if home.published.exists():
        for path in home.published.iterdir():
            match = _ANY_NUMBER.match(path.name)
            if match and path.name not in own:
                numbers.add(int(match[1]))
    return max(numbers)


def next_version(
    connection: duckdb.DuckDBPyConnection, home: Home, run: ledger.Run
) -> int:
    """Give a run's snapshot its number: above every number that was ever given.

    A run that is taken up again keeps the one that it had, unless readers saw it.
    """
    own = run.snapshot_version
    ((recorded,),) = connection.execute(
        """
        select greatest(
            (
                select coalesce(max(snapshot_version), 0) from ledger.runs
                where run_id <> ?
            ),
            (select coalesce(max(snapshot_version), 0) from ledger.snapshots)
        )
        """,
        [run.run_id],
    ).fetchall()
    highest = max(recorded, highest_number(home, but=own))
    if own is not None and own > highest:
        return own
    return max(highest, own or 0) + 1


def roll_back(home: Home, version: int | None = None) -> int:
    """Point `current` at an earlier snapshot that is good.

    Parameters
    ----------
    home : Home
    version : int, optional
        The version wanted; by default the newest good one before the current one.

    Raises
    ------
    ConfigurationError
        If there is no such version; those that are there are listed.
    TesseraError
        If it is damaged; those that are good are listed.
    """
    there = snapshots.versions(home)
    current = snapshots.current_version(home)
    earlier = [each for each in there if current is None or each < current]
    if version is None and not earlier:
        raise ConfigurationError(f"no earlier snapshot in {home.published}")
    if version is not None and version not in there:
        listed = ", ".join(map(str, there)) or "none"
        raise ConfigurationError(f"no snapshot {version}; there are: {listed}")
    notes = read_notes(home)
    faults = {}
    for wanted in reversed(earlier) if version is None else [version]:
        fault, seen = examine(home, wanted, notes)
        if seen is None:
            faults[wanted] = fault
            continue
        notes.seen[wanted] = seen
        newest = max(notes.left or 0, current or 0, notes.highest)
        notes.left = newest if wanted < newest else None
        write_notes(home, notes)  # first: a run never undoes what was begun
        fault_point("publish")
        notes.current = wanted
        snapshots.point_current_at(home, wanted)
        _complete(home, wanted, seen.sha256)
        write_notes(home, notes)
        return wanted
    good = [
        str(each)
        for each in there
        if each not in faults and find_fault(home, each, thorough=False) is None
    ]
    told = "; ".join(
        f"snapshot {each} is damaged: {fault}" for each, fault in faults.items()
    )
    raise TesseraError(f"{told}. Good are: {', '.join(good) or 'none'}")


def remove_old(home: Home) -> None:
    """Keep the newest versions, the newest of each month, and always the current one.

    The month is that of a version's `as_of`. How many is told by `keep_snapshots` and
    `keep_monthly_snapshots`.
    """
    there = snapshots.versions(home)
    keep = {
        *there[-home.settings.keep_snapshots :],
        snapshots.current_version(home),
    }
    n_months = home.settings.keep_monthly_snapshots
    if n_months and len(there) > home.settings.keep_snapshots:
        dates = _dates(home, there)
        of_month = {
            as_of.strftime("%Y-%m"): version
            for version in there  # of a month, the last one stays
            if (as_of := dates[version][0])
        }
        keep |= {of_month[month] for month in sorted(of_month)[-n_months:]}
    for version in there:
        if version not in keep:
            snapshot_path(home, version).unlink()
            fault_point("publish")
    for path in home.published.glob("tessera_*.duckdb.sha256"):
        snapshot = path.with_suffix("")
        if not snapshot.exists() and not _aside(snapshot).exists():
            path.unlink()
    for folder in (home.published / "parquet").glob("[0-9]*"):
        if int(folder.name) not in keep:
            shutil.rmtree(folder)


def describe_versions(home: Home) -> list[dict]:
    """Tell of each kept version, and of each that was set aside, newest first.

    The current one is read as a whole; others, too, if they were touched since they
    were verified. Nothing is changed, and no lock is needed.

    Returns
    -------
    list of dict
        `version`, `as_of`, `published_at` (UTC, None where damaged), `n_bytes`,
        `is_current`, `state` (good, damaged), `fault` (in words, or None), `file`.
    """
    there = snapshots.versions(home)
    pointed = snapshots.version_pointed_at(home)
    if pointed is not None and pointed not in there:
        there.append(pointed)
    faults = {
        version: find_fault(home, version, thorough=version == pointed)
        for version in there
    }
    dates = _dates(home, [version for version in there if faults[version] is None])
    there = [  # some may have been removed meanwhile, as too old
        version
        for version in there
        if version == pointed or snapshot_path(home, version).exists()
    ]
    found = [
        {
            "version": version,
            "as_of": dates.get(version, (None, None))[0],
            "published_at": dates.get(version, (None, None))[1],
            "n_bytes": path.stat().st_size if path.exists() else 0,
            "is_current": version == pointed,
            "state": "damaged" if faults[version] else "good",
            "fault": faults[version],
            "file": str(path),
        }
        for version in there
        for path in [snapshot_path(home, version)]
    ]
    for path in home.published.glob(f"tessera_*.duckdb{DAMAGED}"):
        match = _ANY_NUMBER.match(path.name)
        found.append(
            {
                "version": int(match[1]) if match else 0,
                "as_of": None,
                "published_at": None,
                "n_bytes": path.stat().st_size,
                "is_current": False,
                "state": "damaged",
                "fault": "it was set aside",
                "file": str(path),
            }
        )
    return sorted(found, key=lambda one: (one["version"], one["file"]), reverse=True)


def versions_in_words(found: list[dict]) -> list[str]:
    """Write what `describe_versions` tells, a line for each."""
    return [
        f"{one['version']} {one['state']}"
        + (", current" if one["is_current"] else "")
        + (f": {one['fault']} ({one['file']})" if one["fault"] else "")
        + (f", as of {one['as_of']}" if one["as_of"] else "")
        + (f", published {one['published_at']} UTC" if one["published_at"] else "")
        + f", {one['n_bytes'] / 1e6:,.1f} MB"
        for one in found
    ]


def _set_logs_aside(home: Home) -> list[str]:
    """Give what DuckDB would take for changes of a snapshot another name."""
    told = []
    for log in sorted(home.published.glob("*.duckdb.wal")):
        aside = _aside(log)
        os.replace(log, aside)
        told.append(
            f"{log} would have changed what readers see, which never changes; it is "
            f"set aside as {aside.name}"
        )
    return told


def _choose(
    home: Home, notes: Notes, pointed: int | None, there: list[int]
) -> tuple[int | None, dict[int, str]]:
    """Find the version that readers shall see, and what is wrong with others.

    What was current until a moment ago is looked at, too: a mend may have been cut
    short between the move of the link and what follows it.
    """
    wanted = notes.current if pointed is None else pointed
    before = [each for each in there if wanted is not None and each < wanted]
    after = [each for each in there if each not in before and each != wanted]
    order = [*reversed(before), *reversed(after)]
    faults: dict[int, str] = {}
    chosen = None
    for version in order if wanted is None else [wanted, *order]:
        fault, seen = examine(home, version, notes)
        if seen is not None:
            chosen, notes.seen[version] = version, seen
            break
        faults[version] = str(fault)
    last = notes.current
    if last in there and last != chosen and last not in faults:
        fault, _ = examine(home, last, notes)
        if fault:
            faults[last] = fault
    return chosen, faults


def _complete(home: Home, version: int, sha256: str) -> None:
    """Write what belongs beside a good snapshot, where it is missing or wrong."""
    snapshot = snapshot_path(home, version)
    if read_checksum(snapshot) != sha256:
        snapshots.write_checksum(snapshot, sha256)
    if not snapshots.is_parquet_good(home, version):
        snapshots.write_parquet(snapshot, home, version)
    snapshots.point_current_at(home, version)


def _aside(snapshot: Path) -> Path:
    """Name what a damaged snapshot is kept as."""
    return snapshot.with_name(snapshot.name + DAMAGED)


def _set_aside(home: Home, version: int, fault: str) -> str:
    """Give a damaged file another name; its checksum stays, to know a good copy by."""
    path = snapshot_path(home, version)
    if not path.exists():
        return f"snapshot {version} is damaged: {fault}"
    os.replace(path, _aside(path))
    return f"snapshot {version} is damaged: {fault}; it is kept as {_aside(path)}"


def _keep_what_is_no_link(home: Home) -> list[str]:
    """Keep a file that somebody put in the place of the link; readers miss nothing."""
    if home.current.is_symlink() or not home.current.exists():
        return []
    kept = home.current.with_name(home.current.name + DAMAGED)
    if home.current.is_dir():
        shutil.rmtree(kept, ignore_errors=True)
        os.replace(home.current, kept)
    else:
        kept.unlink(missing_ok=True)
        os.link(home.current, kept)  # the link then takes the name in one step
    return [f"current.duckdb was no link, but a file of its own; it is kept as {kept}"]


def _dates(
    home: Home, wanted: list[int]
) -> dict[int, tuple[datetime | None, datetime | None]]:
    """Tell `as_of` and the time of publication of versions, opening few of them."""
    found: dict[int, tuple[datetime | None, datetime | None]] = {}
    for version in reversed(wanted):
        if version in found:
            continue
        found[version] = (None, None)
        try:
            with open_snapshot(snapshot_path(home, version)) as snapshot:
                rows = snapshot.execute(
                    "select snapshot_version, as_of, finished_at from ops.runs "
                    "where status = 'published' and snapshot_version is not null"
                ).fetchall()
        except duckdb.Error:
            continue
        found |= {number: (as_of, ended) for number, as_of, ended in rows}
    return {version: found[version] for version in wanted}
