"""Whether a published version is still what was published.

Beside each snapshot lies its checksum. What was verified here is noted in the private
folder, with size, time and inode: between two full checks a look at these is enough.
"""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from warehouse import snapshots
from warehouse.connection import open_snapshot
from warehouse.home import Home
from warehouse.snapshots import checksum_path, snapshot_path

_CHECKSUM = re.compile(r"^([0-9a-f]{64}) [ *](\S+)$")


@dataclass(frozen=True)
class Seen:
    """A file as it was when it was verified."""

    n_bytes: int
    modified_ns: int
    inode: int
    sha256: str

    def looks_like(self, path: Path) -> bool:
        """Tell whether the file has not been touched since, nor has a log beside it."""
        if log_beside(path).exists():
            return False
        try:
            found = path.stat()
        except OSError:
            return False
        told = (found.st_size, found.st_mtime_ns, found.st_ino)
        return told == (self.n_bytes, self.modified_ns, self.inode)


def log_beside(snapshot: Path) -> Path:
    """Name the write-ahead log that DuckDB would add to what a snapshot says."""
    return snapshot.with_name(f"{snapshot.name}.wal")


@dataclass
class Notes:
    """What is known of versions: which readers see, the highest they ever saw.

    `left` is the newest version, if somebody has gone back from it.
    """

    current: int | None = None
    highest: int = 0
    left: int | None = None
    seen: dict[int, Seen] = field(default_factory=dict)


def find_fault(home: Home, version: int, *, thorough: bool = True) -> str | None:
    """Tell what is wrong with a version, in words, or None if it is good.

    Parameters
    ----------
    home : Home
    version : int
    thorough : bool, default=True
        Read the whole file; else one that looks as it did when it was verified is good.
    """
    fault, _ = examine(home, version, read_notes(home), thorough=thorough)
    return fault


def examine(
    home: Home, version: int, notes: Notes, *, thorough: bool = True
) -> tuple[str | None, Seen | None]:
    """Check a version; give what is wrong with it, or how it looks when it is good."""
    path = snapshot_path(home, version)
    seen = notes.seen.get(version)
    if not path.is_file():
        return "its file is missing", None
    if log_beside(path).exists():
        return "a write-ahead log lies beside it, which it was published without", None
    if seen and not thorough and seen.looks_like(path):
        return None, seen
    try:
        found = see(path, snapshots.hash_file(path))
    except OSError as error:
        return f"its file cannot be read: {error.strerror}", None
    # What was noted here outlives a checksum that an operator lost or overwrote.
    known = seen.sha256 if seen else read_checksum(path)
    if known is not None and known != found.sha256:
        return "its bytes are not those that were published", None
    try:
        _read(path, everything=known is None)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        return f"it does not open: {reason}", None
    return None, found


def _read(path: Path, *, everything: bool) -> None:
    """Open a snapshot; without a checksum to trust, read all of its blocks."""
    with open_snapshot(path) as snapshot:
        snapshot.execute("select max(run_id) from ops.runs").fetchall()
        if everything:
            for schema, table in snapshots.published_tables(snapshot, path.stem):
                question = snapshots.FINGERPRINT.format(f"{schema}.{table}")
                snapshot.execute(question).fetchall()


def see(path: Path, sha256: str) -> Seen:
    """Note how a file looks."""
    found = path.stat()
    return Seen(found.st_size, found.st_mtime_ns, found.st_ino, sha256)


def read_checksum(snapshot: Path) -> str | None:
    """Read the hash beside a snapshot; None where there is none that can be read."""
    try:
        text = checksum_path(snapshot).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    match = _CHECKSUM.match(text.strip())
    return match[1] if match and match[2] == snapshot.name else None


def read_notes(home: Home) -> Notes:
    """Read what was noted; nothing where that is lost."""
    try:
        content = json.loads((home.warehouse / "versions.json").read_text())
        return Notes(
            content["current"],
            content["highest"],
            content.get("left"),
            {int(version): Seen(**told) for version, told in content["seen"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Notes()


def write_notes(home: Home, notes: Notes) -> None:
    """Note what is known, of the versions that are there, in one step."""
    there = snapshots.versions(home)
    content = {
        "current": notes.current,
        "highest": max(notes.highest, notes.current or 0),
        "left": notes.left,
        "seen": {
            version: vars(seen)
            for version, seen in sorted(notes.seen.items())
            if version in there
        },
    }
    path = home.warehouse / "versions.json"
    text = json.dumps(content, indent=1)
    if path.exists() and path.read_text() == text:
        return
    home.make_private_folders()
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(
        os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
    ) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
