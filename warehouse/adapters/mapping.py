"""The column map as SQL: from the texts of a reading to our fields and a verdict."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from warehouse.adapters import values
from warehouse.adapters.quoting import (
    json_object,
    json_pointer,
    split_path,
    sql_text,
)
from warehouse.adapters.reading import OTHER_KIND, Reading
from warehouse.column_rules import ColumnRule
from warehouse.quarantine import LineReason
from warehouse.raw_tables import ITEMS, MONEY
from warehouse.sources import MOMENTS, REQUIRED, Source, field_types

# What is unreadable here is worth no quarantine: a line with no address still counts.
_LENIENT = ("email", "phone")
# No tracker is older; what lies before is a wrong unit, or a clock that was never set.
_EARLIEST = "timestamp '1980-01-01'"
CLOCK_TOLERANCE = timedelta(hours=12)  # as much as a wrong time zone can make


@dataclass(frozen=True)
class TimeLimits:
    """When what a line tells of may have happened; naive UTC."""

    loaded_at: datetime
    late_before: datetime | None = None  # of a source that says `late_after`
    late_after: timedelta | None = None


def judge_lines(source: Source, reading: Reading, limits: TimeLimits) -> str:
    """Select the lines of the view `lines_judged`, read and judged.

    One row a line: `line_number`, `reason` (null where the line is good), `raw_line`
    where it is not, our fields in the raw table's order (email and phone in clear),
    `attributes` and `published_attributes`.
    """
    types = field_types(source.kind)
    position = {path: i for i, path in enumerate(reading.texts)}
    read = {
        field: _text_of(rule, position)
        for field, rule in source.columns.items()
        if rule.value is not None or any(path in position for path in rule.origins)
    }
    native = {
        field: f"native_{position[source.columns[field].columns[0]]}"
        for field in read
        if _is_native(reading, source.columns[field], types[field])
    }
    read |= native
    for field, rule in source.columns.items():
        if rule.per_day and field in read:
            moment = _typed(source, MOMENTS[source.kind], read, native)
            text, day = read[field], f"cast({moment} as date)"
            read[field] = f"md5({text} || ' ' || coalesce({day}::varchar, ''))"
    raw = "".join(
        f", {text} as raw_{i}" for i, text in enumerate(reading.texts.values())
    )
    raw += "".join(
        f", {value} as native_{position[path]}"
        for path, (_, value) in reading.native.items()
    )
    texts = "".join(
        f", {values.blank_as_null(f'raw_{i}')} as text_{i}" for i in position.values()
    )
    texts += "".join(f", {name}" for name in dict.fromkeys(native.values()))
    typed = "".join(
        f", {_cast(source, field, read, native, limits) if field in read else 'null'}"
        f"::{type_} as {field}"
        for field, type_ in types.items()
    )
    attributes = _with_unknown_items(source, position)
    lines = "line" if reading.sent == "line" else f"line, {reading.sent}"
    published = json_object(
        [
            (name, f"json_extract(attributes, {json_pointer(split_path(name))})")
            for name in source.publish_attributes
        ]
    )
    return f"""
        with
        rows as not materialized ({reading.rows}),
        texts_read as not materialized (
            select {lines}, line_reason, line_number,
                {reading.attributes} as attributes {raw}
            from rows
        ),
        texts_filled as not materialized (
            select {lines}, line_reason, line_number, {attributes} as attributes {texts}
            from texts_read
        ),
        typed as not materialized (select * {typed} from texts_filled),
        judged as not materialized (
            select *, {_verdict(source, reading, read, position, limits)} as reason
            from typed
        )
        select
            line_number,
            reason,
            case when reason is not null then {reading.sent} end as raw_line,
            {", ".join(types)},
            {"null::json" if source.is_part else "attributes"} as attributes,
            {published} as published_attributes
        from judged
    """


def _is_native(reading: Reading, rule: ColumnRule, type_: str) -> bool:
    """Tell whether a field is a column as it is, which is of the field's type."""
    found = rule.is_plain and reading.native.get(rule.columns[0])
    return bool(found) and found[0] == type_


def _text_of(rule: ColumnRule, position: dict[str, int]) -> str:
    """Select the text that a rule speaks of, its values renamed."""
    if rule.value is not None:
        return sql_text(rule.value)
    texts = [f"text_{position[path]}" for path in rule.origins if path in position]
    if rule.digest:
        text = f"md5(concat_ws(chr(31), {', '.join(values.or_empty(texts))}))"
    else:
        if rule.extract is not None:
            pattern = sql_text(rule.extract)
            texts = [
                f"nullif(regexp_extract({text}, {pattern}, 1), '')" for text in texts
            ]
        if rule.exception is not None and rule.fields is None:
            texts = [values.unless(text, rule.exception) for text in texts]
        text = texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"
    if is_out := _exceptions(rule, text, position):
        text = f"case when not ({' or '.join(is_out)}) then {text} end"
    return values.renamed(text, text, rule.values) if rule.values else text


def _exceptions(rule: ColumnRule, text: str, position: dict[str, int]) -> list[str]:
    """List the tests of a line that leave a field out; each is true or false."""
    tests = []
    for path, pattern in rule.conditions.items():
        other = f"coalesce(text_{position[path]}, '')" if path in position else "''"
        tests.append(f"regexp_matches({other}, {sql_text(pattern)})")
    if rule.unless_same in position:
        other = f"text_{position[rule.unless_same]}"
        tests.append(f"{text} is not distinct from {other}")
    return tests


def _with_unknown_items(source: Source, position: dict[str, int]) -> str:
    """Select the attributes, and with them what we do not read of a basket's items."""
    rule = source.columns.get("items")
    path = rule.columns[0] if rule and rule.columns else ""
    if rule is None or path not in position:
        return "attributes"
    more = values.unknown_items(f"raw_{position[path]}", rule.fields)
    kept = f"json_object({sql_text(path)}, {more})"
    return f"""
        case
            when {more} is null then attributes
            else json_merge_patch(coalesce(attributes, '{{}}'), {kept})
        end
    """


def _typed(
    source: Source, field: str, read: dict[str, str], native: dict[str, str]
) -> str:
    """Read a field's text, or what is no text, as its type."""
    text = read[field]
    rule, type_ = source.columns[field], field_types(source.kind)[field]
    if field in native:
        return f"try_cast({text} as {type_})"
    if rule.matches is not None:
        return f"coalesce(regexp_matches({text}, {sql_text(rule.matches)}), false)"
    if rule.unit:
        count = values.epoch(text, rule.unit)
        return values.at_zone(count, source.timezone) if rule.is_local else count
    if field in ("email", "phone", "country", "decision"):
        return getattr(values, field)(text)
    readers = {
        MONEY: values.number,
        "BOOLEAN": values.truth,
        "DATE": values.day,
        ITEMS: lambda text: values.items(text, rule.fields, rule.exception),
        "TIMESTAMP": lambda text: values.time(text, source.timezone),
    }
    return readers.get(type_, str)(text)


def _cast(
    source: Source,
    field: str,
    read: dict[str, str],
    native: dict[str, str],
    limits: TimeLimits,
) -> str:
    """Read a field; of a part, a time that cannot be is not given, if it may lack."""
    value = _typed(source, field, read, native)
    if field_types(source.kind)[field] != "TIMESTAMP" or not _may_lack(source, field):
        return value
    latest = _timestamp(limits.loaded_at + CLOCK_TOLERANCE)
    return f"case when {value} between {_EARLIEST} and {latest} then {value} end"


def _may_lack(source: Source, field: str) -> bool:
    """Tell whether a bad value of a part's field costs the value, and not the row."""
    is_needed = any(field in group for group in REQUIRED[source.kind])
    return source.is_part and not is_needed


def _given(field: str, text: str) -> str:
    """Count an id that spells out that there is none as not given."""
    if not field.endswith("_id"):
        return text
    return f"case when {values.says_nothing(text)} then null else {text} end"


def _time_cases(
    source: Source, read: dict[str, str], types: dict[str, str], limits: TimeLimits
) -> list[str]:
    """Say which times cannot be, or are of no use any more."""
    latest = _timestamp(limits.loaded_at + CLOCK_TOLERANCE)
    cases = []
    for field in read:
        if types[field] == "TIMESTAMP":
            cases.append((f"{field} < {_EARLIEST}", LineReason.TOO_EARLY, field))
            cases.append((f"{field} > {latest}", LineReason.IN_FUTURE, field))
    moment = MOMENTS[source.kind]
    has_receipt = {moment, "received_at"} <= set(read)
    if has_receipt:
        is_later = f"{moment} > received_at + {_interval(CLOCK_TOLERANCE)}"
        cases.append((is_later, LineReason.IN_FUTURE, moment))
    if limits.late_after and moment in read:
        late = []
        if limits.late_before:
            late.append(f"{moment} < {_timestamp(limits.late_before)}")
        if has_receipt:
            late.append(f"{moment} < received_at - {_interval(limits.late_after)}")
        cases += [(is_late, LineReason.TOO_LATE, moment) for is_late in late]
    return [f"when {test} then '{reason}:{field}'" for test, reason, field in cases]


def _timestamp(moment: datetime) -> str:
    return f"timestamp '{moment}'"


def _interval(period: timedelta) -> str:
    return f"to_seconds({period.total_seconds():.0f})"


def _is_nested(reading: Reading, rule: ColumnRule, position: dict[str, int]) -> str:
    """Tell whether what a field is taken from is an object or a list, and no text."""
    cases = " ".join(
        f"when text_{position[path]} is not null then case "
        f"when {values.looks_nested(f'text_{position[path]}')} "
        f"then {reading.nested[path]} else false end"
        for path in rule.columns
        if path in position
    )
    return f"case {cases} else false end"


def _verdict(
    source: Source,
    reading: Reading,
    read: dict[str, str],
    position: dict[str, int],
    limits: TimeLimits,
) -> str:
    """Say why a line is refused: by itself, for what it lacks, for what it holds."""
    types = field_types(source.kind)
    cases = ["when line_reason is not null then line_reason"]
    for path, wanted in source.where.items():
        text = f"text_{position[path]}" if path in position else "null"
        listed = ", ".join(map(sql_text, wanted))
        is_other = f"not coalesce(list_contains([{listed}], {text}), false)"
        cases.append(f"when {is_other} then '{OTHER_KIND}'")
    for group in source.needs:
        texts = [_given(field, read[field]) for field in group if field in read]
        lacks = f"coalesce({', '.join(texts)}) is null" if texts else "true"
        cases.append(f"when {lacks} then '{LineReason.MISSING}:{group[0]}'")
    for field, text in read.items():
        rule = source.columns[field]
        is_bad = None
        if rule.matches is None and (types[field] != "VARCHAR" or field == "decision"):
            is_bad = f"{field} is null and {text} is not null"
        elif rule.columns and reading.nested and rule.extract is None:
            is_bad = _is_nested(reading, rule, position)
            if field.endswith("_id") and rule.values is None:
                is_unpacked = any(
                    split_path(p)[0] in source.unpack for p in rule.columns
                )
                line = "line" if is_unpacked else reading.sent
                is_bad = f"{is_bad} or {values.is_changed_number(text, line)}"
        if is_bad and field not in _LENIENT and not _may_lack(source, field):
            cases.append(f"when {is_bad} then '{LineReason.BAD_VALUE}:{field}'")
    cases.extend(_time_cases(source, read, types, limits))
    for group in REQUIRED[source.kind]:  # an address that is none, and nothing else
        if "email" in group:
            lacks = f"coalesce({', '.join(group)}) is null"
            cases.append(f"when {lacks} then '{LineReason.BAD_VALUE}:email'")
    if reading.attributes != "null":
        maybe = "contains(attributes, 'NaN') or contains(attributes, 'Infinity')"
        not_finite = values.is_not_finite("attributes")
        is_bad = f"case when {maybe} then {not_finite} else false end"
        cases.append(f"when {is_bad} then '{LineReason.NOT_FINITE}'")
    return f"case {' '.join(cases)} end"
