"""From the inbox to raw tables, ledger and quarantine: one transaction a file.

A file's rows, its refused lines and its line in the ledger are committed together, so
that a load may be killed anywhere and run again. Every line is accounted for.
"""

import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb

from warehouse.adapters.generic import stage_dump
from warehouse.home import Home
from warehouse.inbox import Dump, find_dumps, find_sources
from warehouse.integrity import Report, Scan, hash_file, scan_file
from warehouse.pseudonyms import Pseudonymizer
from warehouse.quarantine import FileReason, FileRefusedError
from warehouse.raw_rows import (
    LedgerFile,
    LineCounts,
    insert_ledger,
    store_duplicate,
    store_lines,
)
from warehouse.sources import Source

Progress = Callable[[str, str, int, int], None]


@dataclass
class LoadSummary:
    """What one load did, in files and lines; and what somebody should look at."""

    n_files: int = 0
    n_loaded: int = 0
    n_duplicate: int = 0
    n_refused: int = 0
    n_unchanged: int = 0
    n_lines: int = 0
    n_accepted: int = 0
    n_quarantined: int = 0
    n_blank: int = 0
    warnings: list[str] = field(default_factory=list)

    def in_words(self) -> str:
        """Say it in a line, and each warning in one of its own."""
        counts = {
            "loaded": self.n_loaded,
            "loaded before": self.n_unchanged + self.n_duplicate,
            "refused": self.n_refused,
        }
        files = ", ".join(f"{n:,} {word}" for word, n in counts.items() if n)
        words = f"{self.n_files:,} files: {files}" if self.n_files else "no files"
        if self.n_loaded:
            words += (
                f"; {self.n_lines:,} lines: {self.n_accepted:,} accepted, "
                f"{self.n_quarantined:,} in quarantine, {self.n_blank:,} blank"
            )
        return "\n".join([words, *self.warnings])


@dataclass(frozen=True)
class _KnownFile:
    """A line of the ledger."""

    file_id: int
    file: str
    sha256: str
    status: str
    reason: str | None


@dataclass(frozen=True)
class _Load:
    """What every file of one load shares."""

    connection: duckdb.DuckDBPyConnection
    staged_files: Path
    pseudonymizer: Pseudonymizer
    load_id: int
    loaded_at: datetime
    summary: LoadSummary


def load_inbox(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    *,
    load_id: int,
    loaded_at: datetime,
    progress: Progress | None = None,
) -> LoadSummary:
    """Load what is new in the inbox.

    The caller holds the writer's lock, and the private tables are there. Files are
    taken by source and name. A file that cannot be loaded is refused, with its reason
    in the ledger, and stops no other; it is tried again at the next load.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Open on the private warehouse, in no transaction.
    home : Home
        Whose inbox is loaded.
    load_id : int
        Number of this load, kept with its rows.
    loaded_at : datetime
        When it began, naive UTC.
    progress : callable, optional
        Called with the source, the file, and the bytes done and to do of the inbox.

    Raises
    ------
    ConfigurationError
        If a source.yml or the key is wrong; what was loaded before stays.
    """
    summary = LoadSummary()
    dumps = [
        (source, dump)
        for source, folder in find_sources(home.inbox)
        for dump in find_dumps(folder, summary.warnings)
    ]
    n_total = sum(dump.n_bytes for _, dump in dumps)
    n_done = 0
    home.make_private_folders()
    with _staging_folder(home) as staged_files:
        pseudonymizer = Pseudonymizer(home, connection)
        load = _Load(
            connection, staged_files, pseudonymizer, load_id, loaded_at, summary
        )
        for source, dump in dumps:
            report = _reporter(progress, source, dump, n_done, n_total)
            _load_dump(load, source, dump, report)
            n_done += dump.n_bytes
            report(dump.n_bytes)
    return summary


@contextmanager
def _staging_folder(home: Home) -> Generator[Path]:
    """Give an empty private folder for copies; nothing of it outlives the load."""
    folder = home.staged_files
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _reporter(
    progress: Progress | None, source: Source, dump: Dump, n_done: int, n_total: int
) -> Report:
    """Turn bytes of one file into bytes of the inbox."""

    def report(n_bytes: int) -> None:
        if progress:
            n_read = n_done + min(n_bytes, dump.n_bytes)
            progress(source.name, dump.file, n_read, n_total)

    return report


def _load_dump(load: _Load, source: Source, dump: Dump, report: Report) -> None:
    """Load one file, or record why not."""
    load.summary.n_files += 1
    before = _fingerprint(dump.path)
    known = _known_files(load.connection, source)
    loaded = [file for file in known if file.status == "loaded"]
    same_name = [file for file in loaded if file.file == dump.file]
    sha256 = hash_file(dump.path, report) if same_name else ""
    if any(file.sha256 == sha256 for file in same_name):
        load.summary.n_unchanged += 1
        return
    try:
        if same_name and source.on_redelivery == "keep":
            raise FileRefusedError(
                FileReason.CONFLICT,
                "a file of this name was loaded, with other content",
            )
        scan = scan_file(dump, load.staged_files, report)
        originals = [file for file in loaded if file.sha256 == scan.sha256]
        replaced = [file.file_id for file in same_name]
        if originals:
            _record_duplicate(load, source, dump, originals[0], known, replaced)
        else:
            _load_lines(load, source, dump, scan, replaced, before)
    except FileRefusedError as refusal:
        if _fingerprint(dump.path) != before:
            load.summary.warnings.append(
                f"{source.name}/{dump.file}: still being written, left for later"
            )
            return
        _record_refusal(load, source, dump, str(refusal), known)
    finally:
        _drop_temporary(load.connection)


def _fingerprint(path: Path) -> tuple[int, int, int]:
    """Tell what changes when somebody writes to a file."""
    state = os.lstat(path)
    return state.st_ino, state.st_size, state.st_mtime_ns


def _known_files(
    connection: duckdb.DuckDBPyConnection, source: Source
) -> list[_KnownFile]:
    rows = connection.execute(
        """
        select file_id, file, sha256, status, reason from ledger.files
        where source = ? order by file_id
        """,
        [source.name],
    ).fetchall()
    return [_KnownFile(*row) for row in rows]


def _ledger_file(load: _Load, source: Source, dump: Dump, sha256: str) -> LedgerFile:
    ((file_id,),) = load.connection.execute(
        "select coalesce(max(file_id), 0) + 1 from ledger.files"
    ).fetchall()
    return LedgerFile(
        file_id=file_id,
        load_id=load.load_id,
        source=source.name,
        file=dump.file,
        kind=source.kind,
        sha256=sha256,
        n_bytes=dump.n_bytes,
        loaded_at=load.loaded_at,
    )


def _load_lines(
    load: _Load,
    source: Source,
    dump: Dump,
    scan: Scan,
    replaced: list[int],
    before: tuple[int, int, int],
) -> None:
    """Stage, hash and store the lines of a new file."""
    where = f"{source.name}/{dump.file}"
    absent = stage_dump(load.connection, source, dump, scan)
    hashed_fields = load.pseudonymizer.hash_staged(list(source.columns))
    if _fingerprint(dump.path) != before:
        raise FileRefusedError(FileReason.COUNTS_DISAGREE, "it changed meanwhile")
    file = _ledger_file(load, source, dump, scan.sha256)
    counts = store_lines(
        load.connection, source, file, scan.refused, hashed_fields, replaced
    )
    if absent:
        load.summary.warnings.append(f"{where}: has no column {', '.join(absent)}")
    summary = load.summary
    summary.n_loaded += 1
    summary.n_lines += counts.n_lines
    summary.n_accepted += counts.n_accepted
    summary.n_quarantined += counts.n_quarantined
    summary.n_blank += counts.n_blank


def _record_duplicate(
    load: _Load,
    source: Source,
    dump: Dump,
    original: _KnownFile,
    known: list[_KnownFile],
    replaced: list[int],
) -> None:
    """Record once that a file's content was loaded under another name."""
    is_recorded = any(
        (file.status, file.file, file.sha256)
        == ("duplicate", dump.file, original.sha256)
        for file in known
    )
    if is_recorded and not replaced:
        load.summary.n_unchanged += 1
        return
    load.summary.n_duplicate += 1
    file = _ledger_file(load, source, dump, original.sha256)
    store_duplicate(load.connection, file, original.file_id, replaced)


def _record_refusal(
    load: _Load, source: Source, dump: Dump, reason: str, known: list[_KnownFile]
) -> None:
    """Record a refused file, once for the same content and reason."""
    load.summary.n_refused += 1
    load.summary.warnings.append(f"{source.name}/{dump.file}: refused: {reason}")
    sha256 = hash_file(dump.path)
    row = ("refused", dump.file, sha256, reason)
    if row not in [
        (file.status, file.file, file.sha256, file.reason) for file in known
    ]:
        file = _ledger_file(load, source, dump, sha256)
        insert_ledger(load.connection, file, LineCounts(), "refused", reason)


def _drop_temporary(connection: duckdb.DuckDBPyConnection) -> None:
    """Free what one file's load kept in memory; some of it is in clear."""
    tables = connection.execute(
        "select table_name, table_type from information_schema.tables "
        "where table_catalog = 'temp' order by table_type desc"
    ).fetchall()
    for name, kind in tables:
        connection.execute(f"drop {'view' if kind == 'VIEW' else 'table'} temp.{name}")
