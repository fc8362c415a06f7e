"""What a reader of one format hands to the mapping."""

from dataclasses import dataclass, field

import duckdb

from warehouse.adapters.quoting import sql_text
from warehouse.integrity import Scan

BLANK = "blank"  # stands where a reason would; such lines are only counted
OTHER_KIND = "other_kind"  # likewise; what the line tells is no row of a part's kind


@dataclass(frozen=True)
class Reading:
    """How to read the lines of a dump, all SQL.

    The reader has left every line in the temporary view `lines_staged`, with its
    `line_number`. `rows` selects from the view `lines_judged`, which holds some or all
    of them: one row a line, with `line` (its text), `line_reason` (null where it can be
    read) and what the other expressions name.
    """

    rows: str
    n_rows: int  # as counted elsewhere; the load fails if there are not so many
    texts: dict[str, str]  # column of theirs -> its text
    sent: str = "line"  # the column with the line as it was sent
    attributes: str = "null"  # what is not mapped, as JSON text
    nested: dict[str, str] = field(default_factory=dict)  # column -> is it no text?
    native: dict[str, tuple[str, str]] = field(default_factory=dict)
    # column -> one of our types, and the column, which needs no reading to be that
    is_ordered: bool = True  # in groups of rows as large as DuckDB's own
    header: str | None = None  # of a CSV: its first line
    names: list[str] = field(default_factory=list)  # seen in the file; maybe not all
    absent: list[str] = field(default_factory=list)  # mapped, but not in the file


def stage_lines(
    connection: duckdb.DuckDBPyConnection, scan: Scan, *, first_line_number: int = 1
) -> None:
    """Read a file as lines of text into `lines_read`, with `lines_staged` over it.

    One column, no quotes, and a delimiter that is never seen.
    """
    connection.execute(
        f"""
        create or replace temp table lines_read as
        select line from read_csv(
            {sql_text(str(scan.path))}, columns = {{'line': 'VARCHAR'}},
            compression = {sql_text(scan.compression)},
            skip = {first_line_number - 1}, delim = chr(1), quote = '', escape = '',
            comment = '', header = false, auto_detect = false,
            hive_partitioning = false, max_line_size = 2097152
        );
        create or replace temp view lines_staged as
        select rowid + {first_line_number} as line_number, line from lines_read
        """
    )
