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
    form that `unpack` says stays as it is. One step a layer: what a lambda speaks of
    is worked out for each element, were it not a column.
    """
    pairs = [name for name, how in unpack.items() if how == "pairs"]
    is_object = f"case when {sound_json('line')} then json_type(line) = 'OBJECT' end"
    rows = f"select line_number, line, coalesce({is_object}, false) as is_object"
    rows = f"{rows} from {lines}"
    for make in (_value, _plain, _pairs, _keys):
        columns = "".join(
            f", {made} as {make.__name__}_{i}"
            for i, (name, how) in enumerate(unpack.items())
            if (made := make(name, how, i))
        )
        rows = f"select *{columns} from ({rows})"
    columns = ", ".join(
        f"{sql_text(name)}, {_as_object(i) if how == 'pairs' else f'_plain_{i}'}"
        for i, (name, how) in enumerate(unpack.items())
    )
    return f"""(
        select line_number, line as sent,
            case
                when is_object
                    then json_merge_patch({_emptied(pairs)}, json_object({columns}))
                    ::varchar
                else line
            end as line
        from ({rows})
    )"""


def _value(name: str, _how: str, _i: int) -> str:
    return f"case when is_object then json_extract(line, {json_pointer([name])}) end"


def _plain(_name: str, how: str, i: int) -> str:
    """Parse a text that holds JSON; see `{"list": [{"element": ...}]}` as a list.

    Some files say `item` there.
    """
    value = f"_value_{i}"
    if how == "json":
        text = f"json_extract_string({value}, '$')"
        return (
            f"case when json_type({value}) = 'VARCHAR' and {sound_json(text)} "
            f"then cast({text} as json) else {value} end"
        )
    wrapped = f"json_extract({value}, '$.list[*].element')"
    older = f"json_extract({value}, '$.list[*].item')"
    elements = f"to_json(case when len({wrapped}) > 0 then {wrapped} else {older} end)"
    is_wrapped = f"json_type({value}, '$.list') in ('ARRAY', 'NULL')"
    return f"case when {is_wrapped} then {elements} else {value} end"


def _pairs(_name: str, how: str, i: int) -> str | None:
    """Read keys, each with the text or number that it has, as JSON."""
    if how != "pairs":
        return None
    numbers = ", ".join(
        f"try_cast(e.value.{name} as json), to_json(e.value.{name})"
        for name in ("int_value", "float_value", "double_value")
    )
    return (
        f"case when json_type(_plain_{i}) = 'ARRAY' then list_transform("
        f"from_json(_plain_{i}, {sql_text(_PAIR)}), lambda e: struct_pack("
        f"key := e.key, value := coalesce(to_json(e.value.string_value), {numbers})"
        ")) end"
    )


def _keys(_name: str, how: str, i: int) -> str | None:
    return f"list_transform(_pairs_{i}, lambda e: e.key)" if how == "pairs" else None


def _as_object(i: int) -> str:
    """See pairs as an object; of a key twice, the first counts.

    Its keys are sorted, so that the order in which they were sent makes no difference.
    """
    firsts = (
        f"list_sort(list_filter(_pairs_{i}, lambda e, n: e.value is not null "
        f"and list_position(_keys_{i}, e.key) = n))"
    )
    has_all_keys = f"len(list_filter(_keys_{i}, lambda key: key is null)) = 0"
    return (
        f"case when {has_all_keys} then to_json(map_from_entries({firsts})) "
        f"else _plain_{i} end"
    )


def _emptied(pairs: list[str]) -> str:
    """Take wrapped pairs out of a line; the object they make would join them else."""
    if not pairs:
        return "line"
    pointers = ", ".join(json_pointer([name]) for name in pairs)
    nothing = sql_text(json.dumps(dict.fromkeys(pairs)))
    return (
        f"case when list_contains(json_type(line, [{pointers}]), 'OBJECT') "
        f"then json_merge_patch(line, {nothing}) else line end"
    )
