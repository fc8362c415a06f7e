"""CSV: a header by name, one record a line, or over more where quotes say so.

Records are cut by our own rules, not sniffed: the delimiter is the one under which the
header holds the mapped columns, and a quote opens a field only at its start, as in
RFC 4180; elsewhere it is a character like any other.
"""

import csv
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

import duckdb
import pandas as pd

from warehouse.adapters.csv_shapes import filled_down, names_columns, own_header
from warehouse.adapters.quoting import json_of_texts, sql_text
from warehouse.adapters.reading import BLANK, Reading, stage_lines
from warehouse.adapters.values import sound_json
from warehouse.integrity import Scan
from warehouse.quarantine import FileReason, FileRefusedError, LineReason
from warehouse.sources import Source
from warehouse.suspects import MAX_LINE_BYTES

DELIMITERS = ",;\t|"
MAX_RECORD_LINES = 1000
MAX_COLUMNS = 10_000

_QUOTED = re.compile(r'(?:[^"]|"")*')

Record = tuple[int, int, str]  # first line, last line, text


def read_csv(
    connection: duckdb.DuckDBPyConnection, source: Source, scan: Scan
) -> Reading:
    """Say how to read a CSV dump.

    Raises
    ------
    FileRefusedError
        If there is no header, or one that cannot be read by name.
    """
    if source.header and not names_columns(scan.first_line, source):
        stage_lines(connection, scan)
        return staged_csv(source, own_header(source), scan.n_lines)
    delimiter, names = read_header(scan.first_line, source.paths)
    stage_lines(connection, scan, first_line_number=2)
    n_lines = scan.n_lines - 1
    has_quotes = scan.n_quotes > scan.first_line.count(b'"')
    has_reason = has_quotes and _has_open_quotes(connection, delimiter)
    if has_reason:
        refused = {line.line_number for line in scan.refused}
        n_lines -= _stage_records(connection, delimiter, len(names), refused)
    reading = staged_csv(
        source, scan.first_line, n_lines, has_quotes=has_quotes, has_reason=has_reason
    )
    if source.fill_down and source.fill_down.by in names:
        return filled_down(connection, source.fill_down, reading, delimiter)
    return reading


def staged_csv(
    source: Source,
    header: bytes,
    n_lines: int,
    *,
    has_quotes: bool = True,
    has_reason: bool = False,
) -> Reading:
    """Say how to read CSV records that are staged, perhaps with a reason each."""
    if source.header and header.endswith(b"\n"):
        delimiter, names, has_quotes = "\t", source.header, False
    else:
        delimiter, names = read_header(header, source.paths)
    position = {name: i for i, name in enumerate(names, start=1)}
    reason = "reason" if has_reason else "null::varchar"
    cut = _cut_quoted(delimiter) if has_quotes else _cut(delimiter)
    return Reading(
        rows=f"""
            select *,
                case
                    when {reason} is not null then {reason}
                    when coalesce(trim(line), '') = '' then '{BLANK}'
                    when fields is null then '{LineReason.BAD_QUOTES}'
                    when len(fields) <> {len(names)}
                        then '{LineReason.WRONG_NUMBER_OF_COLUMNS}'
                end as line_reason
            from (select *, {cut} as fields from lines_judged)
        """,
        n_rows=n_lines,
        texts={
            path: f"fields[{position[path]}]"
            for path in source.paths
            if path in position
        },
        attributes=_unmapped(names, source),
        header=header.decode(),
        names=names,
        absent=[path for path in source.paths if path not in position],
    )


def _unmapped(names: list[str], source: Source) -> str:
    """Select what is not mapped, as JSON by name."""
    taken = set(source.taken)
    positions = {name: i for i, name in enumerate(names, start=1) if name not in taken}
    if not positions:
        return "null"
    rest = sorted(positions)
    chosen = ", ".join(str(positions[name]) for name in rest)
    texts = f"list_select(fields, [{chosen}])"
    nested = [
        name for name in rest if any(fnmatchcase(name, one) for one in source.unpack)
    ]
    if not nested:
        return json_of_texts(rest, texts)
    is_json = f"list_contains([{', '.join(map(sql_text, nested))}], e[1])"
    value = (
        f"case when {is_json} and {sound_json('e[2]')} then cast(e[2] as json) "
        "else to_json(e[2]) end"
    )
    return json_of_texts(rest, texts, value)


def read_header(first_line: bytes, wanted: list[str]) -> tuple[str, list[str]]:
    """Find the delimiter and the names of a header.

    >>> read_header(b"id;when;note, if any", ["id", "when"])
    (';', ['id', 'when', 'note, if any'])

    Raises
    ------
    FileRefusedError
        If there is none, a quote stays open or a name comes twice.
    """
    text = first_line.decode()
    if not text.strip() or text.count('"') % 2:
        raise FileRefusedError(FileReason.BAD_HEADER, "the first line names no columns")
    headers = {}
    for delimiter in DELIMITERS:
        try:
            (names,) = csv.reader([text], delimiter=delimiter, strict=True)
        except (csv.Error, ValueError):
            continue
        headers[delimiter] = [name.strip() for name in names]
    if not headers:
        raise FileRefusedError(FileReason.BAD_HEADER, "its quotes do not close")

    def fit(delimiter: str) -> tuple[int, int]:
        names = headers[delimiter]
        return len(set(wanted) & set(names)), len(names)

    best = max(headers, key=fit)
    names = headers[best]
    if len(names) > MAX_COLUMNS:
        words = f"more than {MAX_COLUMNS:,} columns"
        raise FileRefusedError(FileReason.BAD_HEADER, words)
    if len({name.lower() for name in names}) < len(names):
        raise FileRefusedError(FileReason.DUPLICATE_COLUMN, "a name comes twice")
    return best, names


def _cut(delimiter: str) -> str:
    return f"string_split(line, {sql_text(delimiter)})"


def _field_pattern(delimiter: str) -> str:
    """Match a delimiter and the field after it."""
    mark = re.escape(delimiter)
    return f'{mark}("(?:[^"]|"")*"|[^"{mark}][^{mark}]*|)'


def _cut_quoted(delimiter: str) -> str:
    """Cut a record that may hold quotes; null where its quotes do not fit."""
    marked = f"{sql_text(delimiter)} || line"
    pieces = f"regexp_extract_all({marked}, {sql_text(_field_pattern(delimiter))}, 0)"
    unquoted = (
        "case when piece[2] = '\"' then replace(piece[3:-2], '\"\"', '\"') "
        "else piece[2:] end"
    )
    return f"""
        case
            when line is null or not contains(line, '"') then {_cut(delimiter)}
            when array_to_string({pieces}, '') = {marked}
                then list_transform({pieces}, lambda piece: {unquoted})
        end
    """


def _has_open_quotes(connection: duckdb.DuckDBPyConnection, delimiter: str) -> bool:
    """Tell whether the quotes of any line do not close in it."""
    whole = sql_text(f"(?:{_field_pattern(delimiter)})+")
    marked = f"{sql_text(delimiter)} || line"
    is_open = f"contains(line, '\"') and not regexp_full_match({marked}, {whole})"
    query = f"select 1 from lines_staged where {is_open} limit 1"
    return bool(connection.execute(query).fetchall())


def _stage_records(
    connection: duckdb.DuckDBPyConnection,
    delimiter: str,
    n_columns: int,
    refused: set[int],
) -> int:
    """Put records that go over several lines together; give each line a reason, too.

    Told is how many lines were taken up by others.
    """
    connection.execute(
        """
        create or replace temp table records as
        select line_number, line, null::varchar as reason from lines_staged;
        create or replace temp view lines_staged as from records;
        drop table lines_read
        """
    )
    connection.execute(
        "select line_number, coalesce(line, '') from records order by line_number"
    )
    joined, unclosed = _join_lines(_fetch(connection), delimiter, n_columns, refused)
    _apply_records(connection, joined, unclosed)
    return sum(last - first for first, last, _ in joined)


def _fetch(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[int, str]]:
    while rows := cursor.fetchmany(10_000):
        yield from rows


def _join_lines(
    lines: Iterator[tuple[int, str]],
    delimiter: str,
    n_columns: int,
    refused: set[int],
) -> tuple[list[Record], list[int]]:
    """Join the lines of each record; tell the records of several, and the unclosed.

    A line whose quote never closes, or closes into a record of another number of
    columns, is given up alone: what follows it is read as if it were not there. A
    record cannot reach over a refused line.
    """
    joined: list[Record] = []
    unclosed: list[int] = []
    pending: list[tuple[int, str]] = []  # read ahead and given back, the next one last
    while True:
        number, line = pending.pop() if pending else next(lines, (0, ""))
        if not number:
            return joined, unclosed
        n_fields, is_open = _advance(line, delimiter, 0, is_open=False)
        if not is_open:
            continue
        taken = [(number, line)]
        n_bytes = len(line)
        while is_open and len(taken) < MAX_RECORD_LINES and n_bytes < MAX_LINE_BYTES:
            following = pending.pop() if pending else next(lines, None)
            if following is None:
                break
            taken.append(following)
            if following[0] in refused:
                break
            n_bytes += len(following[1]) + 1
            n_fields, is_open = _advance(
                following[1], delimiter, n_fields, is_open=True
            )
        if is_open or n_fields != n_columns:
            unclosed.append(number)
            pending.extend(reversed(taken[1:]))
        else:
            text = "\n".join(part for _, part in taken)
            joined.append((number, taken[-1][0], text))


def _advance(
    line: str, delimiter: str, n_fields: int, *, is_open: bool
) -> tuple[int, bool]:
    """Read one more line of a record; tell its fields so far, and if a quote is open.

    -1 fields where something follows a closing quote; such a record never fits.
    """
    position = 0
    while True:
        if not is_open and line.startswith('"', position):
            is_open = True
            position += 1
        if is_open:
            if quoted := _QUOTED.match(line, position):  # which may be empty
                position = quoted.end()
            if position == len(line):
                return n_fields, True
            position += 1
            if line[position : position + 1] not in ("", delimiter):
                return -1, False
            is_open = False
        else:
            found = line.find(delimiter, position)
            position = len(line) if found < 0 else found
        n_fields += 1
        if position == len(line):
            return n_fields, False
        position += 1


def _apply_records(
    connection: duckdb.DuckDBPyConnection, joined: list[Record], unclosed: list[int]
) -> None:
    """Write the joined texts over their first lines, and take the others out."""
    frame = pd.DataFrame(joined, columns=["first_line", "last_line", "text"])
    reasons = pd.DataFrame({"line_number": pd.Series(unclosed, dtype="int64")})
    connection.register("joined_frame", frame.astype({"text": "str"}))
    connection.register("unclosed_frame", reasons)
    connection.execute(
        f"""
        delete from records using joined_frame
        where line_number > first_line and line_number <= last_line;
        update records set line = text from joined_frame
        where line_number = first_line;
        update records set reason = '{LineReason.UNTERMINATED_QUOTE}'
        where line_number in (select line_number from unclosed_frame)
        """
    )
    connection.unregister("joined_frame")
    connection.unregister("unclosed_frame")
