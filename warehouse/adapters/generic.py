"""The generic adapter: any dump, by the column map of its source.yml."""

import duckdb

from warehouse.adapters.csv_lines import read_csv
from warehouse.adapters.json_lines import read_json
from warehouse.adapters.mapping import stage_lines
from warehouse.adapters.parquet_rows import read_parquet
from warehouse.adapters.reading import Reading
from warehouse.inbox import Dump
from warehouse.integrity import Scan
from warehouse.quarantine import FileReason, FileRefusedError
from warehouse.sources import REQUIRED, Source

READERS = {
    "csv": read_csv,
    "json": read_json,
    "jsonl": read_json,
    "parquet": read_parquet,
}


def stage_dump(
    connection: duckdb.DuckDBPyConnection, source: Source, dump: Dump, scan: Scan
) -> list[str]:
    """Put every line of a dump, read and judged, into the temporary view `staged`.

    Returns the columns of theirs that the map names and the file does not have.

    Raises
    ------
    FileRefusedError
        If the file cannot be read as a whole, or lacks what its kind needs.
    """
    reading = READERS[dump.format](connection, source, scan)
    _refuse_missing_columns(source, reading)
    try:
        connection.execute(stage_lines(source, reading))
    except (
        duckdb.InvalidInputException,
        duckdb.ConversionException,
        duckdb.IOException,
    ):
        if dump.format != "parquet":
            raise
        raise FileRefusedError(FileReason.INVALID_PARQUET, "its rows") from None
    ((n_rows,),) = connection.execute("select count(*) from staged").fetchall()
    if n_rows != reading.n_rows:
        raise FileRefusedError(
            FileReason.COUNTS_DISAGREE, f"{reading.n_rows} lines, {n_rows} read"
        )
    return reading.absent


def _refuse_missing_columns(source: Source, reading: Reading) -> None:
    for group in REQUIRED[source.kind]:
        rules = [source.columns[field] for field in group if field in source.columns]
        columns = [rule.column for rule in rules if rule.column]
        if len(columns) == len(rules) and set(columns) <= set(reading.absent):
            raise FileRefusedError(FileReason.MISSING_COLUMN, " or ".join(columns))
