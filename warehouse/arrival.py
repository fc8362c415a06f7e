"""Which dumps have arrived: closed by their writer, and whole by their manifest.

A file that is taken too early is worse than one that is taken late: half of it would
be loaded, and the whole of it then refused as other content under the same name.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import psutil
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from warehouse.inbox import Dump
from warehouse.integrity import Scan
from warehouse.packing import open_regular
from warehouse.quarantine import FileReason, FileRefusedError
from warehouse.sources import Source

MANIFEST = "_manifest.json"
MAX_MANIFEST_BYTES = 1 << 24
QUIET_SECONDS = 2  # a file that was written to so lately is looked at twice
OPEN_SECONDS = 86_400  # nobody writes to a file for so long without writing anything


class FileState(NamedTuple):
    """What the file system tells of a file."""

    device: int
    inode: int
    n_bytes: int
    modified_ns: int
    changed_ns: int  # also when its times are set, or who may read it

    @property
    def written(self) -> tuple[int, int, int]:
        """What changes when somebody writes to it, or replaces it."""
        return self.inode, self.n_bytes, self.modified_ns


class ManifestEntry(BaseModel):
    """What a manifest says of one file; what it does not say is not checked."""

    model_config = ConfigDict(strict=True, frozen=True)

    name: str = Field(validation_alias=AliasChoices("name", "file", "path"))
    size: int | None = Field(
        None, validation_alias=AliasChoices("size", "bytes", "n_bytes")
    )
    sha256: str | None = Field(None, pattern=r"^[0-9A-Fa-f]{64}$")
    lines: int | None = Field(
        None, validation_alias=AliasChoices("lines", "n_lines", "line_count")
    )

    def check_size(self, n_bytes: int) -> None:
        """Refuse a file of another size, before a byte of it is read."""
        _refuse_unless_equal("bytes", n_bytes, self.size)

    def check_bytes(self, scan: Scan) -> None:
        """Refuse a file of other bytes."""
        listed = self.sha256.lower() if self.sha256 else None
        _refuse_unless_equal("sha256", scan.sha256, listed)

    def check_lines(self, n_lines: int) -> None:
        """Refuse a file of another number of lines.

        They are those of the unpacked file, a header among them; of Parquet, rows.
        """
        _refuse_unless_equal("lines", n_lines, self.lines)


class _Manifest(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    files: list[ManifestEntry]


@dataclass(frozen=True)
class Arrival:
    """A dump that is there, and what its manifest says of it, if there is one."""

    source: Source
    dump: Dump
    state: FileState | None = None
    expected: ManifestEntry | None = None
    refusal: FileRefusedError | None = None


def file_state(path: Path) -> FileState | None:
    """Tell how a file is, or None if it is gone."""
    try:
        state = os.lstat(path)
    except FileNotFoundError:
        return None
    return FileState(
        state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
    )


def find_arrived(
    listed: list[tuple[Source, Path, Dump]], looked_at: datetime, warnings: list[str]
) -> list[Arrival]:
    """Keep the dumps that are ready; add to `warnings` which are left for later.

    Ready is what no process has open for writing, what does not change while one
    looks, what the source's `wait_for` and a manifest in its folder do not hold back.

    Parameters
    ----------
    listed : list of (Source, Path, Dump)
        The dumps of the inbox, with the folder of their source.
    looked_at : datetime
        When they were listed, naive UTC.
    warnings : list of str
        Added to.
    """
    states = {
        dump.path: state
        for _, _, dump in listed
        if dump.refusal is None and (state := file_state(dump.path))
    }
    unsettled = _still_written(states, looked_at)
    manifests: dict[Path, dict[str, ManifestEntry] | FileRefusedError] = {}
    arrived = []
    for source, folder, dump in listed:
        where = f"{source.name}/{dump.file}"
        if dump.refusal:
            arrived.append(Arrival(source, dump, refusal=dump.refusal))
            continue
        state, in_folder = states.get(dump.path), dump.path.parent
        if state is None or dump.path in unsettled:
            warnings.append(f"{where}: still being written, left for later")
        elif source.wait_for and not (in_folder / source.wait_for).is_file():
            warnings.append(f"{where}: left until {source.wait_for} is beside it")
        elif not os.path.lexists(in_folder / MANIFEST):
            arrived.append(Arrival(source, dump, state))
        else:
            if in_folder not in manifests:
                manifests[in_folder] = _read_manifest(in_folder / MANIFEST)
                parts = (source.name, *in_folder.relative_to(folder).parts)
                warnings.extend(
                    _missing(manifests[in_folder], in_folder, "/".join(parts))
                )
            manifest = manifests[in_folder]
            if isinstance(manifest, FileRefusedError):
                arrived.append(Arrival(source, dump, state, refusal=manifest))
            elif dump.path.name in manifest:
                entry = manifest[dump.path.name]
                arrived.append(Arrival(source, dump, state, entry))
            else:
                warnings.append(f"{where}: left until {MANIFEST} lists it")
    return arrived


def _still_written(states: dict[Path, FileState], looked_at: datetime) -> set[Path]:
    """Find files that somebody has open for writing, or that change meanwhile."""
    now = looked_at.replace(tzinfo=UTC).timestamp()
    ages = {path: now - state.modified_ns / 1e9 for path, state in states.items()}
    youngest = min(ages.values(), default=QUIET_SECONDS)
    if youngest < QUIET_SECONDS:
        time.sleep(QUIET_SECONDS - max(youngest, 0))
    opened = set()
    if any(age < OPEN_SECONDS for age in ages.values()):
        opened = {path.resolve() for path in _open_for_writing()}
    return {
        path
        for path, state in states.items()
        if path.resolve() in opened or not is_as_it_was(path, state)
    }


def is_as_it_was(path: Path, state: FileState | None) -> bool:
    """Tell whether nobody has written to a file, or taken it away."""
    found = file_state(path)
    return (found and found.written) == (state and state.written)


def _open_for_writing() -> Iterator[Path]:
    """List what the processes that we may look into have open for writing."""
    for process in psutil.process_iter():
        try:
            opened = process.open_files()
        except psutil.Error:
            continue
        for file in opened:
            if getattr(file, "mode", "r") != "r":  # other systems do not tell
                yield Path(file.path)


def _read_manifest(path: Path) -> dict[str, ManifestEntry] | FileRefusedError:
    """Read a manifest, or tell why nothing that it may list can be trusted."""
    try:
        with open_regular(path) as file:
            text = file.read(MAX_MANIFEST_BYTES + 1)
        if len(text) > MAX_MANIFEST_BYTES:
            raise ValueError("too large")
        content = json.loads(text)
        files = {"files": content} if isinstance(content, list) else content
        entries = _Manifest.model_validate(files).files
    except (FileRefusedError, ValidationError, ValueError, RecursionError, OSError):
        words = f'{MANIFEST} does not read {{"files": [{{"name": ...}}, ...]}}'
        return FileRefusedError(FileReason.BAD_MANIFEST, words)
    names = [entry.name for entry in entries]
    if any(PurePosixPath(name).name != name for name in names):
        words = f"{MANIFEST} names a file outside its folder"
        return FileRefusedError(FileReason.BAD_MANIFEST, words)
    if len(set(names)) < len(names):
        return FileRefusedError(FileReason.BAD_MANIFEST, f"{MANIFEST}: a name twice")
    return {entry.name: entry for entry in entries}


def _missing(
    manifest: dict[str, ManifestEntry] | FileRefusedError, folder: Path, where: str
) -> list[str]:
    """Say which files of a manifest are not there."""
    if isinstance(manifest, FileRefusedError):
        return []
    return [
        f"{where}/{ascii(name)[1:-1]}: listed by {MANIFEST}, but not there"
        for name in manifest
        if not os.path.lexists(folder / name)
    ]


def _refuse_unless_equal(what: str, found: object, listed: object) -> None:
    if listed is not None and found != listed:
        words = f"{found} {what}, {listed} in {MANIFEST}"
        raise FileRefusedError(FileReason.MANIFEST_MISMATCH, words)
