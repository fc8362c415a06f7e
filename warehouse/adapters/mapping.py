"""The column map as SQL: from the texts of a reading to our fields and a verdict."""

from warehouse.adapters import values
from warehouse.adapters.quoting import (
    json_object,
    json_pointer,
    split_path,
    sql_text,
)
from warehouse.adapters.reading import Reading
from warehouse.quarantine import LineReason
from warehouse.raw_tables import ITEMS, MONEY
from warehouse.sources import REQUIRED, ColumnRule, Source, field_types

# What is unreadable here is worth no quarantine: a line with no address still counts.
_LENIENT = ("email", "phone")
_NOT_FINITE = r"[:\[,]-?(NaN|Infinity|nan|inf)"


def stage_lines(source: Source, reading: Reading) -> str:
    """Write the statements that make the view `staged`, one row a line.

    It has `line_number`, `reason` (null where the line is good), `raw_line` where it is
    not, our fields in the raw table's order (email and phone in clear), `attributes`
    and `published_attributes`.
    """
    types = field_types(source.kind)
    position: dict[str | None, int] = {path: i for i, path in enumerate(reading.texts)}
    read = {
        field: _text_of(rule, position)
        for field, rule in source.columns.items()
        if rule.value is not None or rule.column in position
    }
    raw = "".join(
        f", {text} as raw_{i}" for i, text in enumerate(reading.texts.values())
    )
    texts = "".join(
        f", {values.blank_as_null(f'raw_{i}')} as text_{i}" for i in position.values()
    )
    typed = "".join(
        f", {_typed(source, field, read[field]) if field in read else 'null'}"
        f"::{type_} as {field}"
        for field, type_ in types.items()
    )
    bounded = ", ".join(
        f"{values.within_range(field)} as {field}"
        for field, type_ in types.items()
        if type_ == "TIMESTAMP" and field in read
    )
    bounded = f"replace ({bounded})" if bounded else ""
    line_number = reading.line_number or "null::bigint"
    number = reading.line_number or f"rowid + {reading.first_line_number}"
    published = json_object(
        [
            (name, f"json_extract(attributes, {json_pointer(split_path(name))})")
            for name in source.publish_attributes
        ]
    )
    return f"""
        create or replace temp table staged_lines as
        with
        rows as not materialized ({reading.rows}),
        texts_read as not materialized (
            select line, line_reason, {line_number} as line_number,
                {reading.attributes} as attributes {raw}
            from rows
        ),
        texts_filled as not materialized (
            select line, line_reason, line_number, attributes {texts} from texts_read
        ),
        typed as not materialized (select * {typed} from texts_filled),
        bounded as not materialized (select * {bounded} from typed),
        judged as not materialized (
            select *, {_verdict(source, reading, read, position)} as reason from bounded
        )
        select
            line_number,
            reason,
            case when reason is not null then {reading.raw_line} end as raw_line,
            {", ".join(types)},
            attributes,
            {published} as published_attributes
        from judged;
        create or replace temp view staged as
        select * replace ({number} as line_number) from staged_lines
    """


def _text_of(rule: ColumnRule, position: dict[str | None, int]) -> str:
    """Select the text that a rule speaks of, its values renamed."""
    if rule.value is not None:
        return sql_text(rule.value)
    text = f"text_{position[rule.column]}"
    if not rule.values:
        return text
    renamed = " ".join(
        f"when {sql_text(theirs)} then {sql_text(ours)}"
        for theirs, ours in rule.values.items()
    )
    return f"case {text} {renamed} else {text} end"


def _typed(source: Source, field: str, text: str) -> str:
    """Read a field's text as its type."""
    rule, type_ = source.columns[field], field_types(source.kind)[field]
    if rule.matches is not None:
        return f"coalesce(regexp_matches({text}, {sql_text(rule.matches)}), false)"
    if rule.unit:
        return values.epoch(text, rule.unit)
    if field in ("email", "phone", "decision"):
        return getattr(values, field)(text)
    readers = {
        MONEY: values.number,
        "BOOLEAN": values.truth,
        "DATE": values.day,
        ITEMS: values.items,
        "TIMESTAMP": lambda text: values.time(text, source.timezone),
    }
    return readers.get(type_, str)(text)


def _given(field: str, text: str) -> str:
    """Count an id that spells out that there is none as not given."""
    if not field.endswith("_id"):
        return text
    none = "('null', 'none', 'nan', 'undefined')"
    return f"case when lower(trim({text})) in {none} then null else {text} end"


def _verdict(
    source: Source,
    reading: Reading,
    read: dict[str, str],
    position: dict[str | None, int],
) -> str:
    """Say why a line is refused: by itself, for what it lacks, for what it holds."""
    types = field_types(source.kind)
    cases = ["when line_reason is not null then line_reason"]
    for group in REQUIRED[source.kind]:
        texts = [_given(field, read[field]) for field in group if field in read]
        lacks = f"coalesce({', '.join(texts)}) is null" if texts else "true"
        cases.append(f"when {lacks} then '{LineReason.MISSING}:{group[0]}'")
    for field, text in read.items():
        rule = source.columns[field]
        is_bad = None
        if rule.matches is None and (types[field] != "VARCHAR" or field == "decision"):
            is_bad = f"{field} is null and {text} is not null"
        elif nested := reading.nested.get(rule.column or ""):
            looks_nested = values.looks_nested(f"text_{position[rule.column]}")
            is_bad = f"case when {looks_nested} then {nested} else false end"
        if is_bad and field not in _LENIENT:
            cases.append(f"when {is_bad} then '{LineReason.BAD_VALUE}:{field}'")
    for group in REQUIRED[source.kind]:  # an address that is none, and nothing else
        if "email" in group:
            lacks = f"coalesce({', '.join(group)}) is null"
            cases.append(f"when {lacks} then '{LineReason.BAD_VALUE}:email'")
    if reading.attributes != "null":
        strings = sql_text(r'"(?:[^"\\]|\\.)*"')
        bare = f"regexp_replace(attributes, {strings}, '', 'g')"
        maybe = "contains(attributes, 'NaN') or contains(attributes, 'Infinity')"
        is_bad = (
            f"case when {maybe} then regexp_matches({bare}, {sql_text(_NOT_FINITE)}) "
            "else false end"
        )
        cases.append(f"when {is_bad} then '{LineReason.NOT_FINITE}'")
    return f"case {' '.join(cases)} end"
