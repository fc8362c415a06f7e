"""JSON: one object a line, an array of objects, or objects over several lines."""

import json

import duckdb

from warehouse.adapters.quoting import (
    json_pointer,
    json_sorted,
    split_path,
    sql_text,
)
from warehouse.adapters.reading import BLANK, Reading, stage_lines
from warehouse.integrity import Scan
from warehouse.quarantine import FileReason, FileRefusedError, LineReason
from warehouse.sources import Source
from warehouse.suspects import LONG_LINE_BYTES, MAX_DEPTH, nesting_depth

MAX_OBJECT_BYTES = 1 << 24
LINES_SAMPLED = 1000
MAX_USUAL_KEYS = 8

# DuckDB reads more than JSON is: NaN, Infinity, and a comma before a closing bracket.
_TRAILING_COMMA = r",\s*[}\]]"
_NOT_FINITE = r"[:\[,]\s*-?(?i:nan|inf)"
# Either of them, in patterns that begin with one character: four times faster.
_NOT_STRICT = [
    r",\s*(?:[}\]]|-?(?i:nan|inf))",
    r":\s*-?(?i:nan|inf)",
    r"\[\s*-?(?i:nan|inf)",
]
_BARE = """regexp_replace(line, '"(?:[^"\\\\]|\\\\.)*"', '""', 'g')"""  # no texts


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
) -> Reading:
    """Say how to read JSON lines that are staged.

    The first lines tell which keys are usual; a line that has just those is read
    without looking at it any closer.
    """
    parts = {path: split_path(path) for path in source.paths}
    own = [path_parts[0] for path_parts in parts.values() if len(path_parts) == 1]
    outer = list(dict.fromkeys(tuple(p[:-1]) for p in parts.values() if len(p) > 1))
    keys = _key_lists(outer)
    usual = _usual_keys(connection, keys)
    plain = [lists for lists in usual if set(lists[0]) <= set(own)]

    shape, positions = _shape_of(list(parts.values()))
    fields = f"json_transform(line, {sql_text(json.dumps(shape))})"
    tried = ", ".join(f"try({text}) as keys_{i}" for i, text in enumerate(keys))
    rows = f"""
        select line, line_number, line_reason,
            case when line_reason is null then {fields} end as fields,
            case when line_reason is null and not {_has_keys(plain)}
                then {_rest(own)} end as rest
        from (
            select *, {_line_reason(usual, len(keys), may_hold_nul)} as line_reason
            from (select line, line_number, {tried} from lines_judged)
        )
    """
    for inner in sorted(outer):
        rows = f"select * replace ({_without(parts, inner)} as rest) from ({rows})"
    names = list(dict.fromkeys(name for lists in usual for name in lists[0]))
    return Reading(
        rows=rows,
        n_rows=n_lines,
        texts={
            path: _extract(positions, path_parts) for path, path_parts in parts.items()
        },
        attributes=json_sorted("rest", [keys[0] for keys in outer]),
        nested={
            path: f"json_type(line, {json_pointer(path_parts)}) in ('OBJECT', 'ARRAY')"
            for path, path_parts in parts.items()
        },
        names=names,
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


def _key_lists(outer: list[tuple[str, ...]]) -> list[str]:
    """Select the keys of the line, and of each object that the map reaches into."""
    inner = (f"json_keys(line, {json_pointer(list(keys))})" for keys in outer)
    return ["json_keys(line)", *inner]


def _usual_keys(
    connection: duckdb.DuckDBPyConnection, keys: list[str]
) -> list[tuple[list[str], ...]]:
    """List the most frequent keys of the first lines, where none comes twice."""
    tried = ", ".join(f"try({text}) as keys_{i}" for i, text in enumerate(keys))
    unique = " and ".join(_is_unique(f"keys_{i}") for i in range(len(keys)))
    rows = connection.execute(
        f"""
        select * exclude (n_lines) from (
            select *, count(*) as n_lines
            from (select {tried} from lines_staged limit {LINES_SAMPLED})
            group by all
        )
        where keys_0 is not null and keys_0 <> [] and {unique}
        order by n_lines desc, keys_0
        limit {MAX_USUAL_KEYS}
        """
    )
    return rows.fetchall()


def _has_keys(usual: list[tuple[list[str], ...]]) -> str:
    """Tell whether the keys of a line are one of these lists."""
    if not usual:
        return "false"
    each = (
        " and ".join(
            f"keys_{i} is not distinct from {_list_of(names)}"
            for i, names in enumerate(lists)
        )
        for lists in usual
    )
    return f"coalesce({' or '.join(f'({one})' for one in each)}, false)"


def _list_of(names: list[str] | None) -> str:
    if names is None:
        return "null"
    return f"[{', '.join(map(sql_text, names))}]::varchar[]"


def _is_unique(keys: str) -> str:
    """Tell whether no key comes twice, be it in other letters."""
    lower = f"list_transform({keys}, lambda key: lower(key))"
    return f"coalesce(len({keys}) = len(list_distinct({lower})), true)"


def _line_reason(
    usual: list[tuple[list[str], ...]], n_lists: int, may_hold_nul: bool
) -> str:
    """Judge a line by itself."""
    unique = " and ".join(_is_unique(f"keys_{i}") for i in range(n_lists))
    nul = "contains(line, '\\u0000')" if may_hold_nul else "false"
    lax = " or ".join(_matches("line", pattern) for pattern in _NOT_STRICT)
    return f"""
        case
            when {_has_keys(usual)} and not ({lax}) and not {nul} then null
            when coalesce(trim(line, e' \\t\\r'), '') = '' then '{BLANK}'
            when not json_valid(line) then '{LineReason.INVALID_JSON}'
            when {_matches(_BARE, _TRAILING_COMMA)} then '{LineReason.INVALID_JSON}'
            when ltrim(line, e' \\t\\r\\n')[1] <> '{{' then '{LineReason.NOT_AN_OBJECT}'
            when {nul} then '{LineReason.CONTROL_CHARACTER}'
            when {_matches(_BARE, _NOT_FINITE)} then '{LineReason.NOT_FINITE}'
            when not ({unique}) then '{LineReason.DUPLICATE_KEY}'
        end
    """


def _matches(text: str, pattern: str) -> str:
    return f"regexp_matches({text}, {sql_text(pattern)})"


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
    expression = "fields"
    for part in parts:
        position, positions = positions[part]
        expression = f"struct_extract_at({expression}, {position})"
    return expression


def _rest(own: list[str]) -> str:
    """Select the line without its own mapped keys."""
    return f"json_merge_patch(line, {sql_text(json.dumps(dict.fromkeys(own)))})"


def _without(parts: dict[str, list[str]], keys: tuple[str, ...]) -> str:
    """Take mapped keys out of an inner object, where it is one."""
    n = len(keys)
    patch: dict = {p[n]: None for p in parts.values() if (*p[:-1],) == keys}
    for key in reversed(keys):
        patch = {key: patch}
    return (
        "case when line_reason is not null then rest "
        f"when json_type(line, {json_pointer(list(keys))}) = 'OBJECT' "
        f"then json_merge_patch(rest, {sql_text(json.dumps(patch))}) else rest end"
    )
