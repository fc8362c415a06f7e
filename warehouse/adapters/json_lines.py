"""JSON: one object a line, an array of objects, or objects over several lines."""

import json
from collections.abc import Collection

import duckdb

from warehouse.adapters.json_rest import (
    find_usual_keys,
    has_duplicates,
    keys_of,
    mapped_objects,
    select_rest,
    usual_number,
)
from warehouse.adapters.quoting import (
    json_pointer,
    json_sorted,
    split_path,
    sql_text,
)
from warehouse.adapters.reading import BLANK, Reading, stage_lines
from warehouse.adapters.unpacking import unpacked
from warehouse.adapters.values import bare_json, is_not_finite
from warehouse.integrity import Scan
from warehouse.quarantine import FileReason, FileRefusedError, LineReason
from warehouse.sources import Source
from warehouse.suspects import LONG_LINE_BYTES, MAX_DEPTH, nesting_depth

MAX_OBJECT_BYTES = 1 << 24

# DuckDB reads more than JSON is: NaN, Infinity, and a comma before a closing bracket.
_TRAILING_COMMA = r",\s*[}\]]"
# Either of them, in patterns that begin with one character: four times faster.
_NOT_STRICT = [
    r",\s*(?:[}\]]|-?(?i:nan|inf))",
    r":\s*-?(?i:nan|inf)",
    r"\[\s*-?(?i:nan|inf)",
]


def read_json(
    connection: duckdb.DuckDBPyConnection, source: Source, scan: Scan
) -> Reading:
    """Say how to read a JSON dump.

    Raises
    ------
    FileRefusedError
        If it is one document and that cannot be read.
    """
    if scan.document:
        n_lines = _stage_document(connection, scan)
    else:
        stage_lines(connection, scan)
        n_lines = scan.n_lines
    return staged_json(connection, source, n_lines, may_hold_nul=scan.has_escaped_nul)


def staged_json(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    n_lines: int,
    *,
    may_hold_nul: bool,
    whole_names: Collection[str] = (),
) -> Reading:
    """Say how to read JSON lines that are staged.

    Of `whole_names` a dot is a part, and leads nowhere.

    The first lines tell which keys are usual; a line that has just those is read
    without looking at it any closer.
    """
    parts = {
        path: [path] if path in whole_names else split_path(path)
        for path in source.paths
    }
    paths = list(parts.values())
    taken = [parts[path] for path in source.taken]
    objects = mapped_objects(paths)
    staged, judged, sent = "lines_staged", "lines_judged", "line"
    if source.unpack:
        sent = "sent"
        staged = unpacked(staged, source.unpack)
        judged = unpacked(judged, source.unpack)
    usual = find_usual_keys(connection, staged, taken, objects)
    shape, positions = _shape_of(_held_by_struct(paths))
    rows = f"""
        select *,
            case
                when usual is not null and {_is_strict(sent, may_hold_nul)} then null
                else {_line_reason(sent, may_hold_nul)}
            end as line_reason
        from (
            select *, {usual_number(usual)} as usual
            from (select *, try({keys_of(objects)}) as keys from {judged})
        )
    """
    rows = select_rest(rows, usual, taken, objects)
    fields = f"json_transform(line, {sql_text(json.dumps(shape))})"
    return Reading(
        rows=f"""
            select *, case when line_reason is null then {fields} end as fields
            from ({rows})
        """,
        n_rows=n_lines,
        sent=sent,
        texts={
            path: _extract(positions, path_parts) for path, path_parts in parts.items()
        },
        attributes=json_sorted("rest"),
        nested={
            path: f"json_type(line, {json_pointer(path_parts)}) in ('OBJECT', 'ARRAY')"
            for path, path_parts in parts.items()
        },
        names=list(dict.fromkeys(name for one in usual for name in one.keys[0] or [])),
    )


def _stage_document(connection: duckdb.DuckDBPyConnection, scan: Scan) -> int:
    """Put the objects of a document into `lines_staged`; tell how many."""
    try:
        connection.execute(
            f"""
            create or replace temp table lines_read as
            select json::varchar as line from read_json_objects(
                {sql_text(str(scan.path))}, compression = {sql_text(scan.compression)},
                format = '{scan.document}',
                maximum_object_size = {MAX_OBJECT_BYTES}, hive_partitioning = false
            );
            create or replace temp view lines_staged as
            select rowid + 1 as line_number, line from lines_read
            """
        )
    except (duckdb.InvalidInputException, duckdb.IOException):
        raise FileRefusedError(
            FileReason.INVALID_JSON,
            f"not whole, or an object is over {MAX_OBJECT_BYTES:,} bytes",
        ) from None
    long_ones = connection.execute(
        f"select line from lines_read where strlen(line) >= {LONG_LINE_BYTES}"
    )
    while row := long_ones.fetchone():
        if nesting_depth(row[0].encode()) > MAX_DEPTH:
            raise FileRefusedError(
                FileReason.INVALID_JSON, f"nested more than {MAX_DEPTH} deep"
            )
    return connection.execute("select count(*) from lines_read").fetchall()[0][0]


def _is_strict(line: str, may_hold_nul: bool) -> str:
    """Tell whether a line is JSON by the letter, if it is JSON for DuckDB."""
    lax = [_matches(line, pattern) for pattern in _NOT_STRICT]
    if may_hold_nul:
        lax.append(_has_nul(line))
    return f"not ({' or '.join(lax)})"


def _line_reason(line: str, may_hold_nul: bool) -> str:
    """Judge a line, as it was sent, by itself."""
    nul = _has_nul(line) if may_hold_nul else "false"
    has_trailing_comma = _matches(bare_json(line), _TRAILING_COMMA)
    return f"""
        case
            when coalesce(trim({line}, e' \\t\\r'), '') = '' then '{BLANK}'
            when not json_valid({line}) then '{LineReason.INVALID_JSON}'
            when {has_trailing_comma} then '{LineReason.INVALID_JSON}'
            when ltrim({line}, e' \\t\\r\\n')[1] <> '{{'
                then '{LineReason.NOT_AN_OBJECT}'
            when {nul} then '{LineReason.CONTROL_CHARACTER}'
            when {is_not_finite(line)} then '{LineReason.NOT_FINITE}'
            when {has_duplicates("keys")} then '{LineReason.DUPLICATE_KEY}'
        end
    """


def _has_nul(line: str) -> str:
    return rf"contains({line}, '\u0000')"


def _matches(text: str, pattern: str) -> str:
    return f"regexp_matches({text}, {sql_text(pattern)})"


def _held_by_struct(paths: list[list[str]]) -> list[list[str]]:
    """Leave out paths that no struct can hold beside the others.

    One that an earlier one spells in other letters, and one that others lead into.

    >>> _held_by_struct([["a", "firstName"], ["a", "firstname"], ["a"], ["a", "b"]])
    [['a', 'firstName'], ['a', 'b']]
    """
    around = [parts[:n] for parts in paths for n in range(1, len(parts))]
    spelled: dict[str, list[str]] = {}
    kept = []
    for parts in paths:
        inner = [parts[: n + 1] for n in range(len(parts))]
        is_first = all(
            spelled.setdefault(str(one).lower(), one) == one for one in inner
        )
        if is_first and parts not in around:
            kept.append(parts)
    return kept


def _shape_of(paths: list[list[str]]) -> tuple[dict, dict]:
    """Nest the paths as `json_transform` wants them; number each level's keys from 1.

    Keys are taken by number, since DuckDB's struct fields ignore case.
    """
    shape: dict = {}
    for parts in paths:
        level = shape
        for part in parts[:-1]:
            level = level.setdefault(part, {})
        level[parts[-1]] = "VARCHAR"
    return shape, _numbered(shape)


def _numbered(shape: dict) -> dict:
    return {
        key: (i, _numbered(inner) if isinstance(inner, dict) else {})
        for i, (key, inner) in enumerate(shape.items(), start=1)
    }


def _extract(positions: dict, parts: list[str]) -> str:
    """Select what a path leads to; what the shape does not hold, from the line."""
    value = f"json_extract_string(line, {json_pointer(parts)})"
    from_line = f"case when line_reason is null then {value} end"
    expression = "fields"
    for part in parts:
        if part not in positions:
            return from_line
        position, positions = positions[part]
        expression = f"struct_extract_at({expression}, {position})"
    return from_line if positions else expression
