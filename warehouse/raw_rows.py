"""From staged lines to raw rows, quarantine and ledger, in one transaction."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime

import duckdb

from warehouse.adapters.mapping import TimeLimits
from warehouse.adapters.quoting import sql_text
from warehouse.adapters.reading import BLANK
from warehouse.connection import any_order, transaction
from warehouse.faults import fault_point
from warehouse.private_rows import (
    accepted_lines,
    count_withheld,
    insert_contact_notes,
    keep_contacts,
    keep_people,
    keep_refused,
    private_fields,
)
from warehouse.pseudonyms import Disclosed
from warehouse.quarantine import FileReason, FileRefusedError
from warehouse.raw_columns import select_rows
from warehouse.raw_tables import LEDGER, OF_A_FILE, RAW, ROWS_PER_FILE
from warehouse.sources import MOMENTS, Source
from warehouse.suspects import RefusedLine
from warehouse.vault import Vault


@dataclass(frozen=True)
class LedgerFile:
    """One file's line in the ledger, but for its counts."""

    file_id: int
    load_id: int
    source: str
    file: str
    kind: str
    sha256: str
    n_bytes: int
    loaded_at: datetime
    format: str | None = None
    header: str | None = None
    note: str | None = None  # stands as the reason of a file that is loaded


@dataclass(frozen=True)
class LineCounts:
    """How the lines of a file fared; the first is the sum of the next four."""

    n_lines: int = 0
    n_accepted: int = 0
    n_duplicate: int = 0
    n_quarantined: int = 0
    n_blank: int = 0
    n_redacted: int = 0  # texts in the accepted that held addresses or numbers
    n_withheld: int = 0  # of the accepted: with fields that the vault alone keeps


def store_lines(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file: LedgerFile,
    refused: list[RefusedLine],
    replaced: list[int],
    vault: Vault,
    disclosed: Disclosed,
    *,
    n_lines: int,
    is_ordered: bool,
    confirm: Callable[[LineCounts], None],
) -> LineCounts:
    """Write the lines of `judged`, and those refused before it, in one transaction.

    The rows of the files `replaced` go in the same transaction. `confirm` is called
    before the end of it, and may raise. Rows are numbered, so that those which do not
    come `is_ordered` can be written as they come: twice as fast.

    What was `disclosed` meanwhile, and whatever else is personal, goes to the vault,
    which is committed just before the rest is.

    Raises
    ------
    FileRefusedError
        If some line is not accounted for; nothing is written.
    """
    if n_lines >= ROWS_PER_FILE:
        raise FileRefusedError(FileReason.TOO_LARGE, f"{n_lines:,} lines")
    in_order = nullcontext() if is_ordered else any_order(connection)
    with in_order, transaction(connection):
        _remove_files(connection, replaced)
        n_accepted = _insert_rows(connection, source, file)
        _insert_parts(connection, source, file)
        insert_contact_notes(connection, file.file_id, disclosed)
        fault_point("load")
        n_quarantined = n_blank = 0
        if n_accepted < n_lines:
            _set_aside(connection, source, file)
            n_quarantined = _insert_quarantine(connection, file, refused)
            n_blank = _count_blank(connection) - len(refused)  # staged as empty lines
        counts = LineCounts(
            n_lines,
            n_accepted,
            n_quarantined=n_quarantined,
            n_blank=n_blank,
            n_redacted=disclosed.n_redacted,
            n_withheld=count_withheld(connection, source, file.file_id, disclosed),
        )
        if n_lines != n_accepted + n_quarantined + n_blank or n_blank < 0:
            raise FileRefusedError(FileReason.COUNTS_DISAGREE, str(asdict(counts)))
        insert_ledger(connection, file, counts, "loaded")
        confirm(counts)
        is_private = any(map(private_fields, [source, *source.parts]))
        if n_quarantined or disclosed.is_personal or is_private:
            known = (file.file_id, file.source, file.sha256, file.loaded_at)
            with vault.new_file(*known) as writer:
                if n_quarantined:
                    keep_refused(connection, writer, file.file_id, refused)
                _keep_private(connection, writer, source, file.file_id, disclosed)
        fault_point("load")
    fault_point("load")
    return counts


def store_replayed(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file: LedgerFile,
    vault: Vault,
    disclosed: Disclosed,
) -> int:
    """Move the lines of `judged` that are good now from quarantine to the raw table.

    They become what they would have been at first, of this load. Those still bad get
    the reason that they have now. Told is how many were good.
    """
    raw = f"raw.{source.kind}"
    with transaction(connection):
        n_accepted = _insert_rows(connection, source, file)
        _insert_parts(connection, source, file)
        insert_contact_notes(connection, file.file_id, disclosed)
        _set_aside(connection, source, file)
        connection.execute(
            f"""
            delete from ledger.quarantine where file_id = {file.file_id}
            and line_number in (
                select line_number from {raw} where file_id = {file.file_id}
            )
            """
        )
        connection.execute(
            """
            update ledger.quarantine as held set reason = found.reason
            from lines_set_aside as found
            where held.file_id = ? and held.line_number = found.line_number
            and found.reason <> ?
            """,
            [file.file_id, BLANK],
        )
        connection.execute(
            """
            update ledger.files set
                kind = ?,
                n_accepted = n_accepted + ?,
                n_quarantined = n_quarantined - ?,
                n_redacted = coalesce(n_redacted, 0) + ?,
                n_withheld = n_withheld + ?
            where file_id = ?
            """,
            [
                source.kind,
                n_accepted,
                n_accepted,
                disclosed.n_redacted,
                count_withheld(
                    connection, source, file.file_id, disclosed, load_id=file.load_id
                ),
                file.file_id,
            ],
        )
        writer = vault.open()
        with transaction(writer):
            vault.forget_refused(file.file_id)
            _keep_private(connection, writer, source, file.file_id, disclosed)
        fault_point("load")
    fault_point("load")
    vault.forget_replayed(file.file_id)
    return n_accepted


def time_limits(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file_id: int,
    loaded_at: datetime,
) -> TimeLimits:
    """Tell between which moments the lines of a file may lie.

    Late is what lies further than the source's `late_after` before the newest that the
    files before this one brought.
    """
    if source.late_after is None:
        return TimeLimits(loaded_at)
    ((newest,),) = connection.execute(
        f"select max({MOMENTS[source.kind]}) from raw.{source.kind} "
        "where source = ? and file_id < ?",
        [source.name, file_id],
    ).fetchall()
    late_before = newest and newest - source.late_after
    return TimeLimits(loaded_at, late_before, source.late_after)


def record_sources(
    connection: duckdb.DuckDBPyConnection, sources: list[Source]
) -> None:
    """Write down what models read of each source, where it has changed.

    What was loaded of a source stays when its folder is gone, and so does what it was.
    """
    names = ", ".join(LEDGER["ledger.sources"])
    found = connection.execute(
        f"select {names} from ledger.sources order by source"
    ).fetchall()
    gone = connection.execute(
        f"select {names} from ledger.sources where not list_contains(?, source) "
        "and source in (select source from ledger.files)",
        [[source.name for source in sources]],
    ).fetchall()
    told = [
        (
            source.name,
            source.sessions.by,
            source.trust,
            source.sessions.new_on_campaign,
            source.sessions.longest_seconds,
            source.pings and source.pings.first_after,
            source.pings and source.pings.every,
        )
        for source in sources
    ]
    told = sorted(told + gone)
    if found == told:
        return
    with transaction(connection):
        connection.execute("delete from ledger.sources")
        for row in told:
            places = ", ".join("?" * len(row))
            connection.execute(
                f"insert into ledger.sources ({names}) values ({places})", row
            )


def store_duplicate(
    connection: duckdb.DuckDBPyConnection,
    file: LedgerFile,
    original_id: int,
    replaced: list[int],
) -> None:
    """Record a file whose content was loaded under another name."""
    with transaction(connection):
        _remove_files(connection, replaced)
        ((name, n_lines, n_blank),) = connection.execute(
            "select file, n_lines, n_blank from ledger.files where file_id = ?",
            [original_id],
        ).fetchall()
        counts = LineCounts(n_lines, 0, n_lines - n_blank, 0, n_blank)
        insert_ledger(connection, file, counts, "duplicate", f"same as {name}")


def insert_ledger(
    connection: duckdb.DuckDBPyConnection,
    file: LedgerFile,
    counts: LineCounts,
    status: str,
    reason: str | None = None,
) -> None:
    """Write a file's line of the ledger."""
    row = {**asdict(file), **asdict(counts), "status": status}
    row["reason"] = reason or file.note
    columns = list(LEDGER["ledger.files"])
    marks = ", ".join("?" for _ in columns)
    connection.execute(
        f"insert into ledger.files ({', '.join(columns)}) values ({marks})",
        [row[column] for column in columns],
    )


def _remove_files(connection: duckdb.DuckDBPyConnection, file_ids: list[int]) -> None:
    """Take out the rows of files, and mark them as replaced."""
    for file_id in file_ids:
        for table in OF_A_FILE:
            connection.execute(
                f"delete from {table} where file_id = ?",
                [file_id],
            )
        connection.execute(
            "update ledger.files set status = 'replaced' where file_id = ?", [file_id]
        )


def _insert_parts(
    connection: duckdb.DuckDBPyConnection, source: Source, file: LedgerFile
) -> None:
    """Insert what the lines just accepted tell of other kinds of rows.

    An event that is there twice tells of its order line once: of order lines, each
    counts.
    """
    for number, part in enumerate(source.parts, start=1):
        line, each = "line_number", ""
        if (source.kind, part.kind) == ("events", "order_lines"):
            line = "min(line_number) as line_number"
            each = "group by coalesce(event_id, line_number::varchar)"
        connection.execute(
            f"""
            create or replace temp view lines_judged as
            from lines_of_{number} semi join (
                select {line} from raw.{source.kind}
                where file_id = {file.file_id} and load_id = {file.load_id} {each}
            ) using (line_number)
            """
        )
        _insert_rows(connection, part, file, judged=f"judged_{number}")


def _insert_rows(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file: LedgerFile,
    *,
    judged: str = "judged",
) -> int:
    """Insert the good lines; tell how many.

    Where some of what they say is for the vault alone, they are kept until it has that.
    """
    good = judged
    if private_fields(source):
        good = accepted_lines(judged)
        connection.execute(
            f"create or replace temp table {good} as from {judged} where reason is null"
        )
    ((n_rows,),) = connection.execute(
        f"""
        insert into raw.{source.kind} ({", ".join(RAW[f"raw.{source.kind}"])})
        select
            {file.file_id * ROWS_PER_FILE} + line_number, {file.file_id}, line_number,
            {file.load_id}, {sql_text(source.name)}, {sql_text(source.namespace)}, *
            exclude (line_number)
        from ({select_rows(source, good)})
        """
    ).fetchall()
    return n_rows


def _keep_private(
    connection: duckdb.DuckDBPyConnection,
    writer: duckdb.DuckDBPyConnection,
    source: Source,
    file_id: int,
    disclosed: Disclosed,
) -> None:
    """Put what the accepted lines say in clear into the vault."""
    keep_contacts(writer, file_id, disclosed)
    keep_people(connection, writer, source, file_id, disclosed)
    for number, part in enumerate(source.parts, start=1):
        if private_fields(part):
            keep_people(
                connection, writer, part, file_id, disclosed, judged=f"judged_{number}"
            )


def _set_aside(
    connection: duckdb.DuckDBPyConnection, source: Source, file: LedgerFile
) -> None:
    """Judge the lines that were not inserted once more, into `lines_set_aside`."""
    connection.execute(
        f"""
        create or replace temp view lines_judged as
        from lines_staged anti join (
            select line_number from raw.{source.kind} where file_id = {file.file_id}
        ) using (line_number);
        create or replace temp table lines_set_aside as
        select line_number, reason, raw_line from judged where reason is not null
        """
    )


def _count_blank(connection: duckdb.DuckDBPyConnection) -> int:
    query = "select count(*) from lines_set_aside where reason = ?"
    return connection.execute(query, [BLANK]).fetchall()[0][0]


def _insert_quarantine(
    connection: duckdb.DuckDBPyConnection, file: LedgerFile, refused: list[RefusedLine]
) -> int:
    """Insert the bad lines, without their bytes; tell how many."""
    ((n_rows,),) = connection.execute(
        """
        insert into ledger.quarantine
        select ?, ?, ?, line_number, reason from lines_set_aside where reason <> ?
        union all
        select ?, ?, ?, unnest(?), unnest(?)
        """,
        [
            *(file.file_id, file.source, file.file, BLANK),
            *(file.file_id, file.source, file.file),
            [line.line_number for line in refused],
            [str(line.reason) for line in refused],
        ],
    ).fetchall()
    return n_rows
