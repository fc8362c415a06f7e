"""From staged lines to raw rows, quarantine and ledger, in one transaction."""

from dataclasses import asdict, dataclass
from datetime import datetime

import duckdb
import pandas as pd

from warehouse.adapters.quoting import sql_text
from warehouse.adapters.reading import BLANK
from warehouse.connection import transaction
from warehouse.faults import fault_point
from warehouse.quarantine import FileReason, FileRefusedError
from warehouse.raw_tables import FIELDS, LEDGER, RAW
from warehouse.sources import RAW_COLUMNS, Source
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


@dataclass(frozen=True)
class LineCounts:
    """How the lines of a file fared; the first is the sum of the others."""

    n_lines: int = 0
    n_accepted: int = 0
    n_duplicate: int = 0
    n_quarantined: int = 0
    n_blank: int = 0


def store_lines(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file: LedgerFile,
    refused: list[RefusedLine],
    hashed_fields: list[str],
    replaced: list[int],
) -> LineCounts:
    """Write the lines of `staged`, and those refused before it, in one transaction.

    The rows of the files `replaced` go in the same transaction.

    Raises
    ------
    FileRefusedError
        If some line is not accounted for; nothing is written.
    """
    with transaction(connection):
        _remove_files(connection, replaced)
        n_accepted = _insert_rows(connection, source, file, hashed_fields)
        fault_point("load")
        n_quarantined = _insert_quarantine(connection, file, refused)
        ((n_lines, n_empty),) = connection.execute(
            "select count(*), count(*) filter (reason = ?) from staged", [BLANK]
        ).fetchall()
        n_blank = n_empty - len(refused)  # a refused line was staged as an empty one
        counts = LineCounts(n_lines, n_accepted, 0, n_quarantined, n_blank)
        if n_lines != n_accepted + n_quarantined + n_blank or n_blank < 0:
            raise FileRefusedError(FileReason.COUNTS_DISAGREE, str(asdict(counts)))
        insert_ledger(connection, file, counts, "loaded")
        fault_point("load")
    fault_point("load")
    return counts


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
    row = {**asdict(file), **asdict(counts), "status": status, "reason": reason}
    columns = list(LEDGER["ledger.files"])
    marks = ", ".join("?" for _ in columns)
    connection.execute(
        f"insert into ledger.files values ({marks})",
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


def _insert_rows(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file: LedgerFile,
    hashed_fields: list[str],
) -> int:
    """Insert the good lines; tell how many."""
    columns = list(FIELDS[source.kind])
    selected, joins = _pseudonymized(columns, hashed_fields)
    hashed = ", ".join(
        _hashed_text(column)
        for column in (*columns, "attributes")
        if column == "attributes" or _FIELDS.get(column, column) in source.columns
        if column != "received_at"  # when a copy came, not what it says
    )
    written = ", ".join(_namespaced(name, source.namespace) for name in columns)
    ((n_rows,),) = connection.execute(
        f"""
        insert into raw.{source.kind}
        with lines as not materialized (
            select staged.line_number, attributes, published_attributes, {selected}
            from staged
            {joins}
            where staged.reason is null
        )
        select
            {file.file_id * ROWS_PER_FILE} + line_number, {file.file_id}, line_number,
            {file.load_id}, {sql_text(source.name)}, {sql_text(source.namespace)},
            md5(concat({hashed})),
            {written}, attributes, published_attributes
        from lines
        """
    ).fetchall()
    return n_rows


def _pseudonymized(columns: list[str], hashed_fields: list[str]) -> tuple[str, str]:
    """Select the raw columns of `staged`, and the joins that bring their hashes."""
    selected, joins = [], []
    for column in columns:
        field = _FIELDS.get(column, column)
        clear, hashed = f"staged.{field}", f"hashed_{field}.hashed"
        if field in hashed_fields:
            joins.append(f"left join hashed_{field} on hashed_{field}.clear = {clear}")
        is_secret = column.endswith("_hash")
        if field not in hashed_fields:
            value = "null::varchar" if is_secret else clear
        else:
            value = hashed if is_secret else f"coalesce({hashed}, {clear})"
        selected.append(f"{value} as {column}")
    return ", ".join(selected), " ".join(joins)


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


def _insert_quarantine(
    connection: duckdb.DuckDBPyConnection, file: LedgerFile, refused: list[RefusedLine]
) -> int:
    """Insert the bad lines with their bytes; tell how many."""
    ((n_rows,),) = connection.execute(
        """
        insert into ledger.quarantine
        select ?, ?, ?, line_number, reason, encode(raw_line)
        from staged where reason <> ?
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
