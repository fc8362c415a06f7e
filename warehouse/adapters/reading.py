"""What a reader of one format hands to the mapping."""

from dataclasses import dataclass, field

from warehouse.adapters.quoting import sql_text
from warehouse.integrity import Scan

BLANK = "blank"  # stands where a reason would; such lines are only counted


@dataclass(frozen=True)
class Reading:
    """How to select the lines of a dump, all SQL.

    `rows` selects one row a line, in the file's order: `line` (what `raw_line` writes
    as text), `line_reason` (null where the line can be read) and what the other
    expressions name.
    """

    rows: str
    n_rows: int  # as counted elsewhere; the load fails if `rows` gives another number
    texts: dict[str, str]  # column of theirs -> its text
    attributes: str = "null"  # what is not mapped, as JSON text
    raw_line: str = "line"
    line_number: str | None = None  # else the row's position from `first_line_number`
    first_line_number: int = 1
    nested: dict[str, str] = field(default_factory=dict)  # column -> is it no text?
    absent: list[str] = field(default_factory=list)  # mapped, but not in the file


def scan_lines(scan: Scan, *, skip: int = 0) -> str:
    """Read a file as lines of text: one column, no quotes, a delimiter never seen."""
    return (
        f"read_csv({sql_text(str(scan.path))}, columns = {{'line': 'VARCHAR'}}, "
        f"compression = {sql_text(scan.compression)}, skip = {skip}, "
        "delim = chr(1), quote = '', escape = '', comment = '', header = false, "
        "auto_detect = false, hive_partitioning = false, max_line_size = 2097152)"
    )
