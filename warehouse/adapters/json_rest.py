"""What no map takes of a JSON line, and the keys by which that is known beforehand.

Taking mapped fields out of a nested line costs many times what reading them does. But
lines of one source mostly have the same few lists of keys, and for each of those it is
known from the map alone what is left of a line: most often nothing.
"""

import json
from dataclasses import dataclass

import duckdb

from warehouse.adapters.quoting import json_pointer, sql_text

LINES_SAMPLED = 1000
MAX_USUAL_KEYS = 16

Path = tuple[str, ...]


@dataclass(frozen=True)
class UsualKeys:
    """Keys that many lines have: of the line, and of each object the map reaches into.

    `empty` objects have no keys; but nor has what is no object at all.
    """

    keys: list[list[str] | None]
    patch: dict | None  # takes out what is mapped; None where nothing is left then
    empty: list[Path]


def mapped_objects(paths: list[list[str]]) -> list[Path]:
    """List the objects that hold mapped fields, the line itself first.

    >>> mapped_objects([["id"], ["page", "url"], ["page", "by", "x"]])
    [(), ('page',), ('page', 'by')]
    """
    objects = {tuple(parts[:n]) for parts in paths for n in range(len(parts))}
    return sorted(objects | {()}, key=lambda path: (len(path), path))


def keys_of(objects: list[Path]) -> str:
    """Select the keys of each object, in one look at the line."""
    pointers = [json_pointer(list(path)) if path else "'$'" for path in objects]
    return f"json_keys(line, [{', '.join(pointers)}])"


def has_duplicates(keys: str) -> str:
    """Tell whether an object has a key twice, be it in other letters."""
    lower = "list_transform(names, lambda name: lower(name))"
    twice = f"len(names) <> len(list_distinct({lower}))"
    return f"coalesce(len(list_filter({keys}, lambda names: {twice})) > 0, false)"


def find_usual_keys(
    connection: duckdb.DuckDBPyConnection,
    lines: str,
    paths: list[list[str]],
    objects: list[Path],
) -> list[UsualKeys]:
    """Look at the first lines for the most frequent sound keys."""
    found = connection.execute(
        f"""
        select keys from (
            select try({keys_of(objects)}) as keys
            from (from {lines} limit {LINES_SAMPLED})
            where not contains(line, '\\u0000')
        )
        where keys[1] <> [] and not {has_duplicates("keys")}
        group by keys
        order by count(*) desc, keys
        limit {MAX_USUAL_KEYS}
        """
    ).fetchall()
    leaves = {tuple(parts) for parts in paths}
    usual = []
    for (keys,) in found:
        by_object = dict(zip(objects, keys, strict=True))
        patch, is_left = _patch(by_object, leaves, ())
        empty = [path for path, names in by_object.items() if names == []]
        usual.append(UsualKeys(keys, patch if is_left else None, empty))
    return usual


def usual_number(usual: list[UsualKeys]) -> str:
    """Tell, by number, which of the usual keys a line has; null if none."""
    cases = []
    for number, one in enumerate(usual):
        test = f"keys is not distinct from {_literal(one.keys)}"
        if one.empty:
            pointers = ", ".join(json_pointer(list(path)) for path in one.empty)
            types = f"json_type(line, [{pointers}])"
            known = f"list_has_all(['OBJECT', 'NULL'], {types})"
            test = f"case when {test} then {known} else false end"
        cases.append(f"when {test} then {number}")
    return f"case {' '.join(cases)} end" if cases else "null::integer"


def select_rest(
    rows: str, usual: list[UsualKeys], paths: list[list[str]], objects: list[Path]
) -> str:
    """Add `rest`: the line without what is mapped, null where nothing is left.

    An object that the map reaches into goes with the last of its fields. `rows` has
    `line`, `line_reason` and the number of its `usual` keys.
    """
    known = " ".join(
        f"when {number} then {_merged('line', one.patch) if one.patch else 'line'}"
        for number, one in enumerate(usual)
        if one.patch is not None
    )
    own = {parts[0]: None for parts in paths if len(parts) == 1}
    rest = f"""
        case
            when line_reason is not null then null
            when usual is not null then {f"case usual {known} end" if known else "null"}
            else {_merged("line", own)}
        end
    """
    rows = f"select *, {rest} as rest from ({rows})"
    for path in sorted(objects, key=len, reverse=True):
        if path:
            rows = f"select * replace ({_without(paths, path)} as rest) from ({rows})"
    return rows


def _patch(
    keys: dict[Path, list[str] | None], leaves: set[Path], path: Path
) -> tuple[dict, bool]:
    """Say what to take out of an object, and whether anything is left then."""
    patch: dict = {}
    is_left = False
    for name in keys[path] or []:
        inner = (*path, name)
        if inner in leaves or (inner in keys and not keys[inner]):
            patch[name] = None
        elif inner in keys:
            inner_patch, is_inner_left = _patch(keys, leaves, inner)
            patch[name] = inner_patch if is_inner_left else None
            is_left |= is_inner_left
        else:
            is_left = True
    return patch, is_left


def _without(paths: list[list[str]], path: Path) -> str:
    """Take mapped keys out of an inner object, where it is one, and it if it is empty.

    For lines of unusual keys.
    """
    pointer = json_pointer(list(path))
    n = len(path)
    mapped = {p[n]: None for p in paths if len(p) == n + 1 and (*p[:n],) == path}
    patched = _merged("rest", _nested(path, mapped))
    removed = _merged("rest", _nested(path, None))
    return f"""
        case
            when line_reason is not null or usual is not null then rest
            when json_type(line, {pointer}) = 'NULL' then {removed}
            when json_type(line, {pointer}) = 'OBJECT' then
                case
                    when json_extract({patched}, {pointer})::varchar = '{{}}'
                        then {removed}
                    else {patched}
                end
            else rest
        end
    """


def _nested(path: Path, value: dict | None) -> dict:
    """Put a value where a path leads."""
    patch: dict | None = value
    for key in reversed(path):
        patch = {key: patch}
    return patch or {}


def _merged(text: str, patch: dict) -> str:
    return f"json_merge_patch({text}, {sql_text(json.dumps(patch))})"


def _literal(keys: list[list[str] | None]) -> str:
    lists = (
        "null" if names is None else f"[{', '.join(map(sql_text, names))}]"
        for names in keys
    )
    return f"[{', '.join(lists)}]::varchar[][]"
