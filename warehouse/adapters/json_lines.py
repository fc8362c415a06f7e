"""JSON: one object a line, an array of objects, or objects over several lines."""

import json

import duckdb

from warehouse.adapters.quoting import (
    json_pointer,
    json_sorted,
    split_path,
    sql_text,
)
from warehouse.adapters.reading import BLANK, Reading, scan_lines
from warehouse.integrity import Scan
from warehouse.quarantine import FileReason, FileRefusedError, LineReason
from warehouse.sources import Source
from warehouse.suspects import LONG_LINE_BYTES, MAX_DEPTH, nesting_depth

MAX_OBJECT_BYTES = 1 << 24


def read_json(
    connection: duckdb.DuckDBPyConnection, source: Source, scan: Scan
) -> Reading:
    """Say how to read a JSON dump.

    One query first looks at what keys there are: a file in which all is sound, the
    usual one, is then read without asking each line again.

    Raises
    ------
    FileRefusedError
        If it is one document and that cannot be read.
    """
    lines, n_lines = scan_lines(scan), scan.n_lines
    if scan.document:
        n_lines = _stage_document(connection, scan)
        lines = "documents"
    parts = {path: split_path(path) for path in source.paths}
    own = [path_parts[0] for path_parts in parts.values() if len(path_parts) == 1]
    outer = list(dict.fromkeys(tuple(p[:-1]) for p in parts.values() if len(p) > 1))
    is_sound, has_rest = _look_at_keys(connection, lines, own, outer)
    is_sound = is_sound and not scan.has_escaped_nul

    shape, positions = _shape_of(list(parts.values()))
    fields = f"json_transform(line, {sql_text(json.dumps(shape))})"
    judged = f"case when line is null then '{BLANK}' end"
    if not is_sound:
        judged = _line_reason(outer)
    rows = f"""
        select line, line_reason,
            case when line_reason is null then {fields} end as fields,
            case when line_reason is null then {_rest(own)} end as rest
        from (select line, {judged} as line_reason from {lines})
    """
    attributes = "null"
    if has_rest:
        for keys in sorted(outer):
            rows = f"select * replace ({_without(parts, keys)} as rest) from ({rows})"
        attributes = json_sorted("rest", [keys[0] for keys in outer])
    else:
        rows = rows.replace(_rest(own), "null")
    return Reading(
        rows=rows,
        n_rows=n_lines,
        texts={
            path: _extract(positions, path_parts) for path, path_parts in parts.items()
        },
        attributes=attributes,
        nested={
            path: f"json_type(line, {json_pointer(path_parts)}) in ('OBJECT', 'ARRAY')"
            for path, path_parts in parts.items()
        },
    )


def _stage_document(connection: duckdb.DuckDBPyConnection, scan: Scan) -> int:
    """Put the objects of a document into `documents`, one a row; tell how many."""
    try:
        connection.execute(
            f"""
            create or replace temp table documents as
            select json::varchar as line from read_json_objects(
                {sql_text(str(scan.path))}, compression = {sql_text(scan.compression)},
                format = '{scan.document}',
                maximum_object_size = {MAX_OBJECT_BYTES}, hive_partitioning = false
            )
            """
        )
    except (duckdb.InvalidInputException, duckdb.IOException):
        raise FileRefusedError(
            FileReason.INVALID_JSON,
            f"not whole, or an object is over {MAX_OBJECT_BYTES:,} bytes",
        ) from None
    long_ones = connection.execute(
        f"select line from documents where strlen(line) >= {LONG_LINE_BYTES}"
    )
    while row := long_ones.fetchone():
        if nesting_depth(row[0].encode()) > MAX_DEPTH:
            raise FileRefusedError(
                FileReason.INVALID_JSON, f"nested more than {MAX_DEPTH} deep"
            )
    return connection.execute("select count(*) from documents").fetchall()[0][0]


def _key_lists(outer: list[tuple[str, ...]]) -> list[str]:
    """Select the keys of the line, and of each object that the map reaches into."""
    inner = (f"json_keys(line, {json_pointer(list(keys))})" for keys in outer)
    return ["json_keys(line)", *inner]


def _look_at_keys(
    connection: duckdb.DuckDBPyConnection,
    lines: str,
    own: list[str],
    outer: list[tuple[str, ...]],
) -> tuple[bool, bool]:
    """Tell whether every line is an object with no key twice; if any has a rest."""
    lists = _key_lists(outer)
    selected = ", ".join(f"try({keys}) as k{i}" for i, keys in enumerate(lists))
    unique = " and ".join(f"{_is_unique(f'k{i}')}" for i in range(len(lists)))
    mapped = f"[{', '.join(map(sql_text, own))}]::varchar[]"
    ((is_sound, has_rest),) = connection.execute(
        f"""
        select
            coalesce(
                bool_and(is_blank or (begins and k0 is not null and {unique})), true
            ),
            coalesce(bool_or(not list_has_all({mapped}, k0)), false)
        from (
            select distinct
                line is null as is_blank,
                coalesce(ltrim(line, e' \\t\\r\\n')[1] = '{{', false) as begins,
                {selected}
            from {lines}
        )
        """
    ).fetchall()
    return is_sound, has_rest


def _is_unique(keys: str) -> str:
    return f"coalesce(len({keys}) = len(list_distinct({keys})), true)"


def _line_reason(outer: list[tuple[str, ...]]) -> str:
    """Judge a line by itself."""
    unique = " and ".join(_is_unique(keys) for keys in _key_lists(outer))
    return f"""
        case
            when coalesce(trim(line, e' \\t\\r'), '') = '' then '{BLANK}'
            when not json_valid(line) then '{LineReason.INVALID_JSON}'
            when ltrim(line, e' \\t\\r\\n')[1] <> '{{' then '{LineReason.NOT_AN_OBJECT}'
            when contains(line, '\\u0000') then '{LineReason.CONTROL_CHARACTER}'
            when not ({unique}) then '{LineReason.DUPLICATE_KEY}'
        end
    """


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
