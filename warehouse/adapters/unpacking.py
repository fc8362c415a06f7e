"""Columns of JSON that have to be turned into objects before a path can reach in.

A source's `unpack` says which, and how: `json` is a text that holds JSON, `list` is a
list as Parquet files of some exports wrap it, `pairs` is a list of keys and values.
"""

import json
from collections.abc import Mapping

from warehouse.adapters.quoting import json_pointer, sql_text
from warehouse.adapters.values import sound_json

_PAIR = """[{"key": "VARCHAR", "value": {
    "string_value": "VARCHAR", "int_value": "VARCHAR",
    "float_value": "VARCHAR", "double_value": "VARCHAR"
}}]"""


def unpacked(lines: str, unpack: Mapping[str, str]) -> str:
    """Select from `lines` with columns unpacked.

    `line` is then the line as it is to be read, `sent` as it was. What is not of the
    form that `unpack` says stays as it is.
    """
    columns = ", ".join(
        f"{sql_text(name)}, {_unpacked(name, how)}" for name, how in unpack.items()
    )
    return f"""(
        select line_number, line as sent,
            case
                when {sound_json("line")} and json_type(line) = 'OBJECT'
                    then json_merge_patch({_emptied(unpack)}, json_object({columns}))
                    ::varchar
                else line
            end as line
        from {lines}
    )"""


def _emptied(unpack: Mapping[str, str]) -> str:
    """Take wrapped pairs out of a line; the object they make would join them else."""
    pairs = [name for name, how in unpack.items() if how == "pairs"]
    if not pairs:
        return "line"
    pointers = ", ".join(json_pointer([name]) for name in pairs)
    nothing = sql_text(json.dumps(dict.fromkeys(pairs)))
    return (
        f"case when list_contains(json_type(line, [{pointers}]), 'OBJECT') "
        f"then json_merge_patch(line, {nothing}) else line end"
    )


def _unpacked(name: str, how: str) -> str:
    """Select a column of a line, unpacked."""
    value = f"json_extract(line, {json_pointer([name])})"
    return {"json": _parsed, "list": _unwrapped, "pairs": _as_object}[how](value)


def _parsed(value: str) -> str:
    text = f"json_extract_string({value}, '$')"
    return (
        f"case when json_type({value}) = 'VARCHAR' and {sound_json(text)} "
        f"then cast({text} as json) else {value} end"
    )


def _unwrapped(value: str) -> str:
    """See `{"list": [{"element": ...}]}` as the list that it is; some say `item`."""
    wrapped = f"json_extract({value}, '$.list[*].element')"
    older = f"json_extract({value}, '$.list[*].item')"
    elements = f"to_json(case when len({wrapped}) > 0 then {wrapped} else {older} end)"
    is_wrapped = f"json_type({value}, '$.list') in ('ARRAY', 'NULL')"
    return f"case when {is_wrapped} then {elements} else {value} end"


def _as_object(value: str) -> str:
    """See a list of keys and values as an object; of a key twice, the first counts.

    Its keys are sorted, so that the order in which they were sent makes no difference.
    """
    pairs = f"from_json({_unwrapped(value)}, {sql_text(_PAIR)})"
    numbers = ", ".join(
        f"try_cast(e.value.{name} as json), to_json(e.value.{name})"
        for name in ("int_value", "float_value", "double_value")
    )
    read = (
        f"list_transform({pairs}, lambda e: struct_pack("
        f"key := e.key, value := coalesce(to_json(e.value.string_value), {numbers})))"
    )
    keys = f"list_transform({pairs}, lambda e: e.key)"
    firsts = (
        f"list_sort(list_filter({read}, lambda e, i: e.value is not null "
        f"and list_position({keys}, e.key) = i))"
    )
    is_pairs = (
        f"json_type({_unwrapped(value)}) = 'ARRAY' "
        f"and len(list_filter({keys}, lambda key: key is null)) = 0"
    )
    return (
        f"case when {is_pairs} then to_json(map_from_entries({firsts})) "
        f"else {value} end"
    )
