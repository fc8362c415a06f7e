"""CSV that is no plain table: with no header, or with what holds for lines below."""

from dataclasses import replace

import duckdb

from warehouse.adapters.quoting import sql_text
from warehouse.adapters.reading import BLANK, Reading
from warehouse.sources import FillDown, Source


def own_header(source: Source) -> bytes:
    """Write the header that files of a source are without.

    It ends in a line feed, which tells it from those that stand in files.
    """
    return "\t".join(source.header).encode() + b"\n"


def names_columns(first_line: bytes, source: Source) -> bool:
    """Tell whether a first line is a header: most of what it says are names."""
    cells = first_line.decode(errors="replace").rstrip("\r\n").split("\t")
    given = [cell for cell in cells if cell]
    known = {*source.header, *source.paths}
    return len(cells) == 1 or 2 * sum(cell in known for cell in given) > len(given)


def filled_down(
    connection: duckdb.DuckDBPyConnection,
    fill: FillDown,
    reading: Reading,
    delimiter: str,
) -> Reading:
    """Let lines have what the first of those with the same name says in some columns.

    A line without a name goes with the one before it, if that one can be read. A line
    that was filled is from then on as if it had been sent so: in quarantine, too, for
    there it has no neighbours.
    """
    at = {name: i for i, name in enumerate(reading.names, start=1)}
    filled = [name for name in fill.columns if name in at]
    cells = ", ".join(
        f"coalesce(nullif(trim(fields[{i}]), ''), first_fields[{i}], '')"
        if name in filled
        else f"fields[{i}]"
        for name, i in at.items()
    )
    connection.execute(
        f"""
        create or replace temp table lines_filled as
        with read as ({reading.rows.replace("lines_judged", "lines_staged")}),
        named as (
            select line_number, line, line_reason, fields,
                {_name_of_line(at[fill.by], delimiter)} as name
            from read
        ),
        carried as (
            select line_number, last_value(name ignore nulls) over (
                order by line_number rows unbounded preceding
            ) as group_name
            from named
        ),
        changed as (
            select line_number, group_name <> lag(group_name, 1, '') over (
                order by line_number
            ) as is_first
            from carried where group_name <> ''
        ),
        numbered as (
            select line_number, count(*) filter (is_first) over (
                order by line_number rows unbounded preceding
            ) as group_number
            from changed
        ),
        with_firsts as (
            select line_number, line, line_reason, fields,
                case when group_number is not null then first_value(
                    case when line_reason is null then fields end
                ) over (partition by group_number order by line_number) end
                    as first_fields
            from named left join numbered using (line_number)
        ),
        filled as (
            select line_number, line, line_reason, fields,
                case when line_reason is null and first_fields is not null
                    then [{cells}] else fields end as filled_fields
            from with_firsts
        )
        select line_number, line_reason, filled_fields as fields,
            case when filled_fields is distinct from fields
                then {_record_of("filled_fields", delimiter)} else line end as line
        from filled
        order by line_number;
        create or replace temp view lines_staged as from lines_filled
        """
    )
    return replace(reading, rows="from lines_judged")


def _name_of_line(position: int, delimiter: str) -> str:
    """Select the name that a line gives; null if it gives none, '' if nobody knows.

    The first cell of a line can be told even where others cannot. An empty line may
    stand for one of bytes that nobody may see.
    """
    first = f"trim(split_part(line, {sql_text(delimiter)}, 1), '\" ')"
    unread = f"nullif({first}, '')" if position == 1 else "''"
    return f"""
        case
            when line_reason = '{BLANK}' then ''
            when line_reason is not null then {unread}
            else nullif(trim(fields[{position}]), '')
        end
    """


def _record_of(fields: str, delimiter: str) -> str:
    """Write fields as a record, in quotes where they have to be."""
    marks = f"[{sql_text(delimiter)}, '\"', chr(10)]"
    has_marks = f"list_bool_or(list_transform({marks}, lambda m: contains(x, m)))"
    quoted = "'\"' || replace(x, '\"', '\"\"') || '\"'"
    written = f"case when {has_marks} then {quoted} else x end"
    listed = f"list_transform({fields}, lambda x: {written})"
    return f"array_to_string({listed}, {sql_text(delimiter)})"
