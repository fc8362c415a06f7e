"""From the inbox to raw tables, ledger and quarantine: one transaction a file.

A file's rows, its refused lines and its line in the ledger are committed together, so
that a load may be killed anywhere and run again. Every line is accounted for.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import duckdb

from warehouse.adapters.generic import judge_staged, stage_dump
from warehouse.adapters.reading import Reading
from warehouse.arrival import Arrival, find_arrived, is_as_it_was
from warehouse.connection import bounded_memory, drop_temporary, watched
from warehouse.drift import missing_columns, record_new_fields, shown
from warehouse.home import Home
from warehouse.inbox import PLAIN, Dump, find_dumps, find_sources, find_strays
from warehouse.integrity import (
    Report,
    Scan,
    hash_file,
    scan_file,
    staging_folder,
    unpack_copy,
)
from warehouse.keys import Keyring
from warehouse.load_summary import LoadSummary
from warehouse.mishaps import is_ours
from warehouse.packing import packed_as_it_is
from warehouse.preflight import require_for_load
from warehouse.pseudonyms import Pseudonymizer
from warehouse.quarantine import FileReason, FileRefusedError
from warehouse.raw_rows import (
    LedgerFile,
    LineCounts,
    insert_ledger,
    record_sources,
    store_duplicate,
    store_lines,
    time_limits,
)
from warehouse.redaction import redact, redact_header
from warehouse.sources import Source
from warehouse.untouched import UntouchedFiles
from warehouse.vault import Vault, vault_of

Progress = Callable[[str, str, int, int], None]

_log = logging.getLogger(__name__)

SHARE_SCANNED, SHARE_STAGED = 0.1, 0.2  # of the time that a file takes, until then
SECONDS_AT_LEAST, BYTES_A_SECOND = 300, 500_000  # no file may take longer
UNVERIFIED = "integrity unverified: neither it nor a manifest has its checksum"
NEVER_SPILLS = 1 << 22  # bytes; 250 times that, and no more, is held in memory
MANY_LINES = 1000  # of fewer, a share of bad ones says little
DEFAULT_QUARANTINED_SHARE = 0.5


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
    pseudonymizer: Pseudonymizer
    vault: Vault
    staged_files: Path
    load_id: int
    loaded_at: datetime
    max_quarantined_share: float | None
    summary: LoadSummary
    untouched: UntouchedFiles
    stood_back: list[Arrival] = field(default_factory=list)  # for the same bytes


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
        If a source.yml or a key is wrong; what was loaded before stays.
    """
    summary = LoadSummary()
    keyring = Keyring(home, connection)
    keyring.check()
    pseudonymizer = Pseudonymizer(home, connection, keyring, home.settings.phone_region)
    sources = find_sources(home.inbox)
    record_sources(connection, [source for source, _ in sources])
    listed = [
        (source, folder, replace(dump, file=pseudonymizer.redact_name(dump.file)))
        for source, folder in sources
        for dump in find_dumps(folder, summary.warnings)
    ]
    summary.warnings += [
        f"{ascii(name)[1:-1]}: in no source's folder, left alone"
        for name in find_strays(home.inbox)
    ]
    arrived = find_arrived(listed, loaded_at, summary.warnings)
    summary.warnings[:] = map(redact, summary.warnings)
    n_total = sum(arrival.dump.n_bytes for arrival in arrived)
    n_done = 0
    home.make_private_folders()
    require_for_load(connection, home, arrived)
    with (
        staging_folder(home.staged_files) as staged_files,
        pseudonymizer.functions(),
        bounded_memory(connection, home),
        vault_of(home, connection, keyring) as vault,
    ):
        load = _Load(
            connection,
            pseudonymizer,
            vault,
            staged_files,
            load_id,
            loaded_at,
            home.settings.max_quarantined_share,
            summary,
            UntouchedFiles(connection, loaded_at),
        )
        for arrival in arrived:
            report = _reporter(progress, arrival, n_done, n_total)
            summary.n_files += 1
            _load_dump(load, arrival, report)
            n_done += arrival.dump.n_bytes
            report(arrival.dump.n_bytes)
        for arrival in _orphaned_duplicates(load):
            summary.n_unchanged -= 1  # or n_duplicate: they are told as one
            _load_dump(load, arrival, _reporter(progress, arrival, n_done, n_total))
        load.untouched.keep()
    return summary


def _reporter(
    progress: Progress | None, arrival: Arrival, n_done: int, n_total: int
) -> Report:
    """Turn bytes of one file into bytes of the inbox, never fewer than before."""
    n_told = n_done

    def report(n_bytes: int) -> None:
        nonlocal n_told
        n_told = max(n_told, n_done + min(n_bytes, arrival.dump.n_bytes))
        if progress:
            progress(arrival.source.name, arrival.dump.file, n_told, n_total)

    return report


def _load_dump(load: _Load, arrival: Arrival, report: Report) -> None:
    """Load one file, or record why not."""
    source, dump, summary = arrival.source, arrival.dump, load.summary
    if load.untouched.has(arrival):
        summary.n_unchanged += 1
        return
    known = _known_files(load.connection, source)
    if arrival.refusal:
        _record_refusal(load, arrival, str(arrival.refusal), known)
        return
    loaded = [file for file in known if file.status == "loaded"]
    same_name = [file for file in loaded if file.file == dump.file]
    try:
        sha256 = hash_file(dump.path, report) if same_name else ""
        if any(file.sha256 == sha256 for file in same_name):
            summary.n_unchanged += 1
            load.untouched.note(arrival, sha256)
            return
        if arrival.expected:
            arrival.expected.check_size(dump.n_bytes)
        if same_name and source.on_redelivery == "keep":
            raise FileRefusedError(
                FileReason.CONFLICT,
                "a file of this name was loaded, with other content; rename it, or say "
                "on_redelivery: replace",
            )
        dump = packed_as_it_is(dump)
        arrival = replace(arrival, dump=dump)
        scan = scan_file(
            dump, load.staged_files, lambda n: report(int(n * SHARE_SCANNED))
        )
        if arrival.expected:
            arrival.expected.check_bytes(scan)
        originals = [file for file in loaded if file.sha256 == scan.sha256]
        replaced = [file.file_id for file in same_name]
        if originals:
            _record_duplicate(load, arrival, originals[0], known, replaced)
        else:
            _load_lines(load, arrival, scan, replaced, report)
            load.untouched.note(arrival, scan.sha256)
    except (FileRefusedError, OSError) as refusal:
        if not is_as_it_was(dump.path, arrival.state):
            summary.warnings.append(
                f"{source.name}/{dump.file}: still being written, left for later"
            )
        elif isinstance(refusal, FileRefusedError):
            _record_refusal(load, arrival, str(refusal), known)
        elif refusal.filename == str(dump.path):
            words = f"{FileReason.NOT_READABLE}: {refusal.strerror}"
            _record_refusal(load, arrival, words, known)
        else:
            raise
    finally:
        drop_temporary(load.connection)


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


def _orphaned_duplicates(load: _Load) -> list[Arrival]:
    """Find dumps that stood back in this load for a file that was replaced later."""
    found = load.connection.execute(
        """
        select source, arg_min(file, file_id) from ledger.files as copies
        where status = 'duplicate' and not exists (
            from ledger.files as originals
            where originals.status = 'loaded'
            and originals.source = copies.source and originals.sha256 = copies.sha256
        )
        group by source, sha256
        """
    ).fetchall()
    return [one for one in load.stood_back if (one.source.name, one.dump.file) in found]


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
        format=dump.format or None,
    )


def _load_lines(
    load: _Load, arrival: Arrival, scan: Scan, replaced: list[int], report: Report
) -> None:
    """Stage, judge and store the lines of a new file."""
    source, dump, summary = arrival.source, arrival.dump, load.summary
    where = f"{source.name}/{dump.file}"
    file = _ledger_file(load, source, dump, scan.sha256)
    if dump.format == "parquet" and dump.compression == PLAIN:
        known = arrival.expected and arrival.expected.sha256
        file = file if known else replace(file, note=UNVERIFIED)

    def part(begin: float, end: float) -> Callable[[float], None]:
        return lambda share: report(int(dump.n_bytes * (begin + share * (end - begin))))

    seconds = SECONDS_AT_LEAST + dump.n_bytes / BYTES_A_SECOND
    missing: list[str] = []
    told: list[str] = []
    disclosed = load.pseudonymizer.begin_file(source.phone_region)
    if dump.n_bytes > NEVER_SPILLS:
        load.vault.encrypt_spill()

    def confirm(counts: LineCounts) -> None:
        if not is_as_it_was(dump.path, arrival.state):
            raise FileRefusedError(FileReason.COUNTS_DISAGREE, "it changed meanwhile")
        if counts.n_quarantined:
            bad = _bad_lines_in_words(load, counts)
            _refuse_if_mostly_bad(load, counts, bad, missing)
            told.append(f"in quarantine: {bad}")
        if n := counts.n_redacted:
            told.append(f"texts with addresses or numbers, replaced by marks: {n:,}")
        if missing:
            told.append(f"has no column {', '.join(missing)}")
        if counts.n_withheld:
            names = ", ".join(sorted(map(shown, disclosed.withheld)))
            told.append(f"in {counts.n_withheld:,} lines kept in the vault: {names}")
        if new := record_new_fields(load.connection, source, file.file_id):
            told.append(f"new, kept in attributes: {', '.join(new)}")

    try:
        with watched(load.connection, part(SHARE_SCANNED, SHARE_STAGED), seconds):
            reading = _stage(load, source, dump, scan)
            if arrival.expected:
                is_text = dump.format != "parquet"
                n_lines = scan.n_lines if is_text else reading.n_rows
                arrival.expected.check_lines(n_lines)
            missing += missing_columns(load.connection, source, reading)
            limits = time_limits(load.connection, source, file.file_id, load.loaded_at)
            judge_staged(load.connection, source, reading, limits)
        with watched(load.connection, part(SHARE_STAGED, 1), seconds):
            counts = store_lines(
                load.connection,
                source,
                replace(file, header=reading.header and redact_header(reading.header)),
                scan.refused,
                replaced,
                load.vault,
                disclosed,
                n_lines=reading.n_rows,
                is_ordered=reading.is_ordered,
                confirm=confirm,
            )
    except duckdb.InterruptException:
        words = f"more than {seconds:.0f} s"
        raise FileRefusedError(FileReason.TAKES_TOO_LONG, words) from None
    except duckdb.Error as error:
        if is_ours(error):
            raise
        if dump.format == "parquet":
            raise FileRefusedError(FileReason.INVALID_PARQUET, "its rows") from None
        _log.debug("%s cannot be read", where, exc_info=True)
        words = type(error).__name__  # the message may hold what is in the file
        raise FileRefusedError(FileReason.READER_FAILED, words) from error
    _forget_replaced(load, replaced)
    summary.warnings += [f"{where}: {words}" for words in told]
    summary.add_loaded(counts)


def _stage(load: _Load, source: Source, dump: Dump, scan: Scan) -> Reading:
    """Stage a dump; if DuckDB cannot unpack what Python could, from a copy."""
    try:
        return stage_dump(load.connection, source, dump, scan)
    except duckdb.IOException:
        if scan.compression == PLAIN:
            raise
        copied = unpack_copy(dump, scan, load.staged_files)
        return stage_dump(load.connection, source, dump, copied)


def _bad_lines_in_words(load: _Load, counts: LineCounts) -> str:
    """Say how many lines of a file are bad, and mostly why."""
    ((reason,),) = load.connection.execute(
        "select coalesce(mode(reason), 'unreadable bytes') from lines_set_aside "
        "where reason <> 'blank'"
    ).fetchall()
    return f"{counts.n_quarantined:,} of {counts.n_lines:,} lines, mostly {reason}"


def _refuse_if_mostly_bad(
    load: _Load, counts: LineCounts, bad: str, missing: list[str]
) -> None:
    """Refuse a file of which so much is bad that the rest cannot be trusted either."""
    limit = load.max_quarantined_share
    if limit is None:
        limit = 1.0 if counts.n_lines < MANY_LINES else DEFAULT_QUARANTINED_SHARE
    if counts.n_quarantined > limit * counts.n_lines:
        words = f"{bad}; max_quarantined_share is {limit:g}"
        if missing:
            words += f"; it has no column {', '.join(missing)}"
        raise FileRefusedError(FileReason.TOO_MANY_BAD_LINES, words)


def _record_duplicate(
    load: _Load,
    arrival: Arrival,
    original: _KnownFile,
    known: list[_KnownFile],
    replaced: list[int],
) -> None:
    """Record once that a file's content was loaded under another name."""
    source, dump = arrival.source, arrival.dump
    load.stood_back.append(arrival)
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
    _forget_replaced(load, replaced)


def _forget_replaced(load: _Load, replaced: list[int]) -> None:
    """Take what replaced files said of persons out of the vault, too."""
    if replaced and load.vault.is_there:
        load.vault.clean()


def _record_refusal(
    load: _Load, arrival: Arrival, reason: str, known: list[_KnownFile]
) -> None:
    """Record a refused file, once for the same content and reason."""
    source, dump, reason = arrival.source, arrival.dump, redact(reason)
    load.summary.n_refused += 1
    told = f"{source.name}/{dump.file}: refused: {reason}"
    load.summary.warnings.append(told)
    try:
        sha256 = "" if dump.refusal else hash_file(dump.path)
    except OSError:
        sha256 = ""
    row = ("refused", dump.file, sha256, reason)
    if row not in [
        (file.status, file.file, file.sha256, file.reason) for file in known
    ]:
        file = _ledger_file(load, source, dump, sha256)
        insert_ledger(load.connection, file, LineCounts(), "refused", reason)
        load.summary.newly_refused.append(told)
