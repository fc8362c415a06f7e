"""Parquet: typed columns, by name; a dotted path reaches into structs and JSON."""

import json

import duckdb

from warehouse.adapters.json_lines import staged_json
from warehouse.adapters.quoting import (
    json_object,
    json_pointer,
    split_path,
    sql_text,
)
from warehouse.adapters.reading import Reading
from warehouse.adapters.values import sound_json
from warehouse.integrity import Scan
from warehouse.quarantine import FileReason, FileRefusedError, LineReason
from warehouse.raw_tables import MONEY
from warehouse.sources import Source, field_types

ROWS_A_GROUP = 122_880  # DuckDB's own
EXACT_INTEGERS = 2**53  # up to here a double holds every integer


def read_parquet(
    connection: duckdb.DuckDBPyConnection, source: Source, scan: Scan
) -> Reading:
    """Say how to read a Parquet dump.

    Raises
    ------
    FileRefusedError
        If DuckDB cannot read its footer.
    """
    file = _file(scan)
    try:
        described = connection.execute(f"describe from {file}").fetchall()
        metadata = f"parquet_file_metadata({sql_text(str(scan.path))})"
        ((n_rows,),) = connection.execute(f"select num_rows from {metadata}").fetchall()
    except duckdb.Error:
        raise FileRefusedError(FileReason.INVALID_PARQUET, "its footer") from None
    names = [name for name, *_ in described]
    if len({name.lower() for name in _written_names(connection, scan)}) < len(names):
        raise FileRefusedError(FileReason.DUPLICATE_COLUMN, "a name comes twice")
    columns = {
        name: (f"column_{position}", type_)
        for position, (name, type_, *_) in enumerate(described, start=1)
    }
    _stage_rows(connection, scan, names)
    if source.unpack:
        return _read_as_json(connection, source, columns, n_rows)
    types = field_types(source.kind)
    numbers = {
        path
        for field, rule in source.columns.items()
        if types[field] == MONEY
        for path in rule.columns
    }
    taken = set(source.taken)
    texts, inner = {}, {}
    for path in source.paths:
        parts = split_path(path)
        if path in columns:
            texts[path] = _text(*columns[path], keep_nan=path in numbers)
        elif len(parts) > 1 and parts[0] in columns:
            value = _as_json(*columns[parts[0]])
            texts[path] = f"json_extract_string({value}, {json_pointer(parts[1:])})"
            if path in taken:
                inner.setdefault(parts[0], []).append(parts[1:])
    return Reading(
        rows=f"""
            select *,
                {_as_object(columns, texts)} as line,
                case
                    when {_holds_nul(columns)} then '{LineReason.CONTROL_CHARACTER}'
                end as line_reason
            from lines_judged
        """,
        n_rows=n_rows,
        texts=texts,
        attributes=json_object(
            [
                (name, _rest(expression, type_, inner.get(name, [])))
                for name, (expression, type_) in columns.items()
                if name not in taken
            ]
        ),
        native={
            path: native
            for path in texts
            if path in columns and (native := _native(source, *columns[path]))
        },
        is_ordered=_is_grouped_as_stored(connection, scan),
        names=names,
        absent=[path for path in source.paths if path not in texts],
    )


def _read_as_json(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    columns: dict[str, tuple[str, str]],
    n_rows: int,
) -> Reading:
    """Say how to read rows that have to be unpacked: as JSON lines."""
    texts = {
        path: _text(*columns[path], keep_nan=False)
        for path in source.paths
        if path in columns
    }
    connection.execute(
        f"""
        create or replace temp table lines_read as
        select line_number, {_as_object(columns, texts)} as line from lines_staged;
        create or replace temp view lines_staged as from lines_read
        """
    )
    return staged_json(
        connection, source, n_rows, may_hold_nul=True, whole_names=list(columns)
    )


def _written_names(connection: duckdb.DuckDBPyConnection, scan: Scan) -> list[str]:
    """List the columns as the file has them; DuckDB renames those that come twice."""
    schema = connection.execute(
        f"select name, num_children from parquet_schema({sql_text(str(scan.path))})"
    ).fetchall()
    names, n_inner = [], 0
    for name, n_children in schema[1:]:
        if n_inner == 0:
            names.append(name)
        else:
            n_inner -= 1
        n_inner += n_children or 0
    return names


def _is_grouped_as_stored(connection: duckdb.DuckDBPyConnection, scan: Scan) -> bool:
    """Tell whether its groups of rows are as large as those that DuckDB writes."""
    groups = connection.execute(
        "select distinct row_group_id, row_group_num_rows "
        f"from parquet_metadata({sql_text(str(scan.path))}) order by row_group_id"
    ).fetchall()
    return all(n_rows % ROWS_A_GROUP == 0 for _, n_rows in groups[:-1])


def _file(scan: Scan, options: str = "") -> str:
    path = sql_text(str(scan.path))
    return f"read_parquet({path}, hive_partitioning = false{options})"


def _stage_rows(
    connection: duckdb.DuckDBPyConnection, scan: Scan, names: list[str]
) -> None:
    """Give rows numbers, in `lines_staged`; columns go by position, not by name."""
    listed = ", ".join(f"column_{i}" for i in range(1, len(names) + 1))
    if "file_row_number" in map(str.lower, names):  # theirs; counting is slower
        rows = f"select *, row_number() over () as n from {_file(scan)}"
        rows, number = f"({rows})", "n"
    else:
        rows, number = _file(scan, ", file_row_number = true"), "n + 1"
    connection.execute(
        f"""
        create or replace temp view lines_staged as
        select {number} as line_number, {listed}
        from {rows} as file ({listed}, n)
        """
    )


def _as_object(columns: dict[str, tuple[str, str]], texts: dict[str, str]) -> str:
    """Write a row as the JSON line that would be read as it is."""
    pairs = []
    for name, (column, type_) in columns.items():
        value = _as_sent(column, type_)
        if name in texts and type_.startswith("DECIMAL"):
            value = f"to_json({texts[name]})"  # JSON knows not that 1.10 is no 1.1
        pairs.append(f"{sql_text(name)}, {value}")
    return f"json_object({', '.join(pairs)})::varchar"


def _holds_nul(columns: dict[str, tuple[str, str]]) -> str:
    """Tell whether a text holds what no text of another format may."""
    texts = (column for column, type_ in columns.values() if type_ == "VARCHAR")
    tests = [f"contains({column}, chr(0))" for column in texts]
    return " or ".join(tests) or "false"


def _is_nested(type_: str) -> bool:
    return type_.startswith(("STRUCT", "MAP", "UNION")) or type_.endswith("]")


def _text(column: str, type_: str, *, keep_nan: bool) -> str:
    """Write a value as text: whole numbers without a point, structs as JSON."""
    if _is_nested(type_):
        return f"to_json({column})::varchar"
    if type_ in ("DOUBLE", "FLOAT"):
        nan = "'NaN'" if keep_nan else "null"  # as pandas writes what is missing
        return (
            f"case when isnan({column}) then {nan} "
            f"when abs({column}) < {EXACT_INTEGERS} and {column} = trunc({column}) "
            f"then cast({column} as bigint)::varchar else {column}::varchar end"
        )
    return f"{column}::varchar"


def _native(source: Source, column: str, type_: str) -> tuple[str, str] | None:
    """See a column as a time or a number without a detour over its text, if it is one.

    A fraction takes the detour: it is worth what it is written as, not its nearest
    binary number. So does a wall time of another zone, which may not exist.
    """
    if type_ == "TIMESTAMP WITH TIME ZONE":
        return "TIMESTAMP", f"timezone('UTC', {column})"
    if type_.startswith("TIMESTAMP"):
        is_utc = source.timezone == "UTC"
        return ("TIMESTAMP", f"cast({column} as timestamp)") if is_utc else None
    return (MONEY, column) if type_.endswith(("INT", "INTEGER")) else None


def _as_json(column: str, type_: str) -> str:
    """See a struct, or a text that holds JSON, as JSON; anything else is null."""
    if type_ in ("VARCHAR", "JSON"):
        return f"case when {sound_json(column)} then cast({column} as json) end"
    return f"to_json({column})" if _is_nested(type_) else "null::json"


def _as_sent(column: str, type_: str) -> str:
    """Write a column as JSON; whole numbers have no point, NaN is nothing."""
    if type_ in ("DOUBLE", "FLOAT"):
        number = f"cast({_text(column, type_, keep_nan=False)} as json)"
        return (
            f"case when isfinite({column}) then {number} "
            f"when not isnan({column}) then to_json({column}::varchar) end"
        )
    return f"case when {column} is not null then to_json({column}) end"


def _rest(column: str, type_: str, inner: list[list[str]]) -> str:
    """Write a column as JSON for the attributes, without what is mapped inside it."""
    whole = _as_sent(column, type_)
    if not inner:
        return whole
    patch: dict = {}
    for parts in inner:
        level = patch
        for part in parts[:-1]:
            level = level.setdefault(part, {})
        level[parts[-1]] = None
    value = _as_json(column, type_)
    return (
        f"case when json_type({value}) = 'OBJECT' "
        f"then json_merge_patch({value}, {sql_text(json.dumps(patch))}) "
        f"else {whole} end"
    )
