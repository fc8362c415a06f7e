"""From staged lines to raw rows, quarantine and ledger, in one transaction."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime

import duckdb
import pandas as pd

from warehouse.adapters.mapping import TimeLimits
from warehouse.adapters.quoting import sql_text
from warehouse.adapters.reading import BLANK
from warehouse.adapters.values import says_nothing
from warehouse.connection import any_order, transaction
from warehouse.faults import fault_point
from warehouse.quarantine import FileReason, FileRefusedError
from warehouse.raw_tables import FIELDS, LEDGER, RAW
from warehouse.redaction import looks_personal
from warehouse.sources import MOMENTS, RAW_COLUMNS, Source
from warehouse.suspects import RefusedLine

NAMESPACED = (
    "event_id",
    "user_id",
    "anonymous_id",
    "session_id",
    "product_id",
    "order_id",
)
ROWS_PER_FILE = 2**32
_ITEM_NUMBERS = "price := item.price, quantity := item.quantity"
_FIELDS = {column: field for field, column in RAW_COLUMNS.items()}


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
    """How the lines of a file fared; the first is the sum of the other lines."""

    n_lines: int = 0
    n_accepted: int = 0
    n_duplicate: int = 0
    n_quarantined: int = 0
    n_blank: int = 0
    n_redacted: int = 0  # texts in them that held addresses or numbers


def store_lines(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file: LedgerFile,
    refused: list[RefusedLine],
    replaced: list[int],
    *,
    n_lines: int,
    is_ordered: bool,
    take_n_redacted: Callable[[], int],
    confirm: Callable[[LineCounts], None],
) -> LineCounts:
    """Write the lines of `judged`, and those refused before it, in one transaction.

    The rows of the files `replaced` go in the same transaction. `confirm` is called
    before the end of it, and may raise. Rows are numbered, so that those which do not
    come `is_ordered` can be written as they come: twice as fast.

    Raises
    ------
    FileRefusedError
        If some line is not accounted for; nothing is written.
    """
    if n_lines >= ROWS_PER_FILE:
        raise FileRefusedError(FileReason.TOO_LARGE, f"{n_lines:,} lines")
    take_n_redacted()  # of a file that failed
    in_order = nullcontext() if is_ordered else any_order(connection)
    with in_order, transaction(connection):
        _remove_files(connection, replaced)
        n_accepted = _insert_rows(connection, source, file)
        _insert_parts(connection, source, file)
        fault_point("load")
        n_quarantined = n_blank = 0
        if n_accepted < n_lines:
            _set_aside(connection, source, file)
            n_quarantined = _insert_quarantine(connection, file, refused)
            n_blank = _count_blank(connection) - len(refused)  # staged as empty lines
        n_redacted = take_n_redacted()
        counts = LineCounts(n_lines, n_accepted, 0, n_quarantined, n_blank, n_redacted)
        if n_lines != n_accepted + n_quarantined + n_blank or n_blank < 0:
            raise FileRefusedError(FileReason.COUNTS_DISAGREE, str(asdict(counts)))
        insert_ledger(connection, file, counts, "loaded")
        confirm(counts)
        fault_point("load")
    fault_point("load")
    return counts


def store_replayed(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file: LedgerFile,
    take_n_redacted: Callable[[], int],
) -> int:
    """Move the lines of `judged` that are good now from quarantine to the raw table.

    They become what they would have been at first, of this load. Those still bad get
    the reason that they have now. Told is how many were good.
    """
    raw = f"raw.{source.kind}"
    take_n_redacted()  # of a file that failed
    with transaction(connection):
        n_accepted = _insert_rows(connection, source, file)
        _insert_parts(connection, source, file)
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
                n_redacted = coalesce(n_redacted, 0) + ?
            where file_id = ?
            """,
            [source.kind, n_accepted, n_accepted, take_n_redacted(), file.file_id],
        )
        fault_point("load")
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
    """Write down what models read of each source, where it has changed."""
    told = sorted((source.name, source.sessions) for source in sources)
    found = connection.execute("from ledger.sources order by all").fetchall()
    if found == told:
        return
    with transaction(connection):
        connection.execute("delete from ledger.sources")
        for row in told:
            connection.execute("insert into ledger.sources values (?, ?)", row)


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
        for table in (*RAW, "ledger.quarantine"):
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
    """Insert the good lines; tell how many."""
    columns = list(FIELDS[source.kind])
    selected = ", ".join(
        f"{_pseudonymized(name, source)} as {name}"
        for name in (*columns, "attributes", "published_attributes")
    )
    hashed = ", ".join(
        _hashed_text(column)
        for column in (*columns, "attributes")
        if column == "attributes" or _FIELDS.get(column, column) in source.columns
        if column != "received_at"  # when a copy came, not what it says
    )
    content_hash = f"md5(concat({hashed}))"
    if "event_id" in columns:  # hashing every event costs a quarter of the load
        no_id = f"event_id is null or {says_nothing('event_id')}"
        content_hash = f"case when {no_id} then {content_hash} end"
    written = ", ".join(_namespaced(name, source.namespace) for name in columns)
    ((n_rows,),) = connection.execute(
        f"""
        insert into raw.{source.kind}
        with lines as not materialized (
            select line_number, {selected}
            from {judged}
            where reason is null
        )
        select
            {file.file_id * ROWS_PER_FILE} + line_number, {file.file_id}, line_number,
            {file.load_id}, {sql_text(source.name)}, {sql_text(source.namespace)},
            {content_hash},
            {written}, attributes, published_attributes
        from lines
        """
    ).fetchall()
    return n_rows


def _pseudonymized(column: str, source: Source) -> str:
    """Select a raw column of `judged`, with the functions of `pseudonyms`.

    Addresses, numbers, and ids that are one, are hashed; in other texts they are
    redacted.
    """
    if column == "attributes":
        return _redacted("attributes::varchar")
    if column == "published_attributes":
        return _redacted("published_attributes::varchar", "redact_copy")
    field = _FIELDS.get(column, column)
    if field not in source.columns:
        return "null" if column.endswith("_hash") else field
    if field == "email":
        return "case when email is not null then hash_email(email) end"
    if field == "phone":
        region = sql_text(source.phone_region or "")
        return f"case when phone is not null then hash_phone(phone, {region}) end"
    if field == "items":
        product = f"product_id := {_hashed_id('item.product_id')}"
        texts = ", ".join(
            f"{name} := {_redacted(f'item.{name}')}"
            for name in ("product_name", "category")
        )
        packed = f"struct_pack({product}, {texts}, {_ITEM_NUMBERS})"
        return f"list_transform(items, lambda item: {packed})"
    if field.endswith("_id"):
        return _hashed_id(field)
    return _redacted(field) if FIELDS[source.kind][column] == "VARCHAR" else field


def _hashed_id(text: str) -> str:
    """Hash an id if it is an address or a number."""
    signs = " or ".join(f"contains({text}, '{sign}')" for sign in ("@", "+", "%40"))
    return f"case when {signs} then hash_user_id({text}) else {text} end"


def _redacted(text: str, function: str = "redact") -> str:
    """Put marks in place of addresses and numbers; few texts are looked at closely."""
    return f"case when {looks_personal(text)} then {function}({text}) else {text} end"


def _hashed_text(column: str) -> str:
    """Write a column for the hash of its row; what is null or not there adds nothing.

    Not the namespace, source or file: the same event hashes the same everywhere.
    """
    text = f"to_json({column})" if column == "items" else column
    return f"chr(31) || '{column}=' || {text}::varchar"


def _namespaced(column: str, namespace: str) -> str:
    """Select a column, an id with the namespace before it."""
    prefix = sql_text(f"{namespace}:")
    if namespace and column in NAMESPACED:
        return f"{prefix} || {column}"
    if namespace and column == "items":
        kept = "product_name, category, price, quantity"
        rest = ", ".join(f"{name} := item.{name}" for name in kept.split(", "))
        product = f"product_id := {prefix} || item.product_id"
        return f"list_transform(items, lambda item: struct_pack({product}, {rest}))"
    return column


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
    """Insert the bad lines with their bytes; tell how many."""
    ((n_rows,),) = connection.execute(
        """
        insert into ledger.quarantine
        select ?, ?, ?, line_number, reason, encode(raw_line)
        from lines_set_aside where reason <> ?
        """,
        [file.file_id, file.source, file.file, BLANK],
    ).fetchall()
    if refused:
        frame = pd.DataFrame(
            {
                "line_number": [r.line_number for r in refused],
                "reason": [str(r.reason) for r in refused],
                "raw_line": pd.Series(
                    [line.raw_line for line in refused], dtype=object
                ),
            }
        )
        connection.register("refused_frame", frame)
        connection.execute(
            """
            insert into ledger.quarantine
            select ?, ?, ?, line_number, reason, raw_line from refused_frame
            """,
            [file.file_id, file.source, file.file],
        )
        connection.unregister("refused_frame")
    return n_rows + len(refused)
