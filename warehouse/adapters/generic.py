"""The generic adapter: any dump, by the column map of its source.yml."""

import duckdb

from warehouse.adapters.csv_lines import read_csv, staged_csv
from warehouse.adapters.json_lines import read_json, staged_json
from warehouse.adapters.mapping import TimeLimits, judge_lines
from warehouse.adapters.parquet_rows import read_parquet
from warehouse.adapters.quoting import sql_text
from warehouse.adapters.reading import Reading
from warehouse.drift import missing_columns
from warehouse.inbox import Dump
from warehouse.integrity import Scan
from warehouse.quarantine import UNREADABLE, FileReason, FileRefusedError
from warehouse.sources import Source

READERS = {
    "csv": read_csv,
    "json": read_json,
    "jsonl": read_json,
    "parquet": read_parquet,
}


def stage_dump(
    connection: duckdb.DuckDBPyConnection, source: Source, dump: Dump, scan: Scan
) -> Reading:
    """Put every line of a dump into the temporary view `lines_staged`.

    Raises
    ------
    FileRefusedError
        If the file cannot be read as a whole, or lacks what its kind needs.
    """
    reading = READERS[dump.format](connection, source, scan)
    _refuse_missing_columns(connection, source, reading)
    return reading


def stage_again(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file_id: int,
    format_: str | None,
    header: str | None,
) -> Reading:
    """Put the lines of a file that are in quarantine into `lines_staged`.

    The vault, where their bytes are, is attached.

    Rows of Parquet are JSON there. Left out are lines that no map can make readable.

    Raises
    ------
    FileRefusedError
        If the columns that the map wants now are not those of the file.
    """
    unreadable = ", ".join(sql_text(reason) for reason in UNREADABLE)
    connection.execute(
        f"""
        create or replace temp table lines_read as
        select line_number, decode(raw_line) as line
        from ledger.quarantine inner join vault.quarantine using (file_id, line_number)
        where file_id = {file_id} and reason not in ({unreadable});
        create or replace temp view lines_staged as from lines_read
        """
    )
    ((n_lines,),) = connection.execute("select count(*) from lines_read").fetchall()
    if format_ == "csv":
        reading = staged_csv(source, (header or "").encode(), n_lines)
    else:
        reading = staged_json(
            connection,
            source,
            n_lines,
            may_hold_nul=True,
            whole_names=_first_names(connection) if format_ == "parquet" else (),
        )
    _refuse_missing_columns(connection, source, reading)
    return reading


def _first_names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """List the columns of a Parquet file by the first of its rows."""
    found = connection.execute("select json_keys(line) from lines_read limit 1")
    return [name for (names,) in found.fetchall() for name in names]


def judge_staged(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    reading: Reading,
    limits: TimeLimits,
) -> None:
    """Read and judge the lines that are staged, in the temporary view `judged`.

    It looks at the lines of the view `lines_judged`, at first all of them; nothing is
    read before somebody asks. What the lines tell of the other kinds of rows of the
    source is in `judged_1` and so on, of the lines in `lines_of_1` at most.
    """
    connection.execute(
        f"""
        create or replace temp view lines_judged as from lines_staged;
        create or replace temp view judged as {judge_lines(source, reading, limits)}
        """
    )
    for number, part in enumerate(source.parts, start=1):
        maybe = _may_be_of(part) if reading.nested else "true"
        connection.execute(
            f"""
            create or replace temp view lines_of_{number} as
            from lines_staged where {maybe};
            create or replace temp view judged_{number} as
            {judge_lines(part, reading, limits)}
            """
        )


def _may_be_of(part: Source) -> str:
    """Tell by its text whether a JSON line may be what a part asks for."""
    return (
        " and ".join(
            f"({' or '.join(f'contains(line, {sql_text(one)})' for one in wanted)} "
            r"or contains(line, '\u'))"
            for wanted in part.where.values()
        )
        or "true"
    )


def _refuse_missing_columns(
    connection: duckdb.DuckDBPyConnection, source: Source, reading: Reading
) -> None:
    for group in source.needs:
        rules = [source.columns[field] for field in group if field in source.columns]
        columns = {path for rule in rules for path in rule.origins}
        is_constant = any(rule.value is not None for rule in rules)
        if not is_constant and columns <= set(reading.absent):
            told = missing_columns(connection, source, reading) or sorted(columns)
            raise FileRefusedError(FileReason.MISSING_COLUMN, ", ".join(told))
