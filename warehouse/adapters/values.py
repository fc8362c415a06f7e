"""From text to typed values, in SQL: null where a text cannot be read as the type."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from warehouse.adapters.quoting import sql_name, sql_text
from warehouse.home import read_yaml
from warehouse.raw_tables import ITEM_FIELDS, MONEY

MAX_BRACKETS = 10_000
MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}

_ITEM_NAMES = {name: [name] for name in ITEM_FIELDS}
_COUNTRIES = Path(__file__).parent / "countries.yml"
_OFFSET = r" ?([+-])(0\d|1[0-5])(?::?([0-5]\d))?$"


def blank_as_null(text: str) -> str:
    """Read an empty or blank text as null; most texts are only looked at."""
    return (
        f"case when {text} < '!' then nullif(trim({text}, e' \\t\\n'), '') "
        f"else {text} end"
    )


def says_nothing(text: str) -> str:
    """Tell whether an id says in a word that there is none, as `spells_out_nobody`."""
    return (
        f"(length({text}) < 21 and ({text} like '%n%' or {text} like '%N%') and "
        f"lower(trim(translate({text}, e'\\t\\n\\f\\r', '    '))) "
        "in ('null', 'none', 'nan', 'undefined'))"
    )


def number(text: str) -> str:
    """Read a finite decimal number."""
    return f"case when not contains({text}, '_') then try_cast({text} as {MONEY}) end"


def truth(text: str) -> str:
    """Read the usual words for yes and no."""
    return (
        f"case when lower({text}) in ('true', 't', 'yes', 'y', '1') then true "
        f"when lower({text}) in ('false', 'f', 'no', 'n', '0') then false end"
    )


def day(text: str) -> str:
    """Read the date of an ISO date or time."""
    return f"case when {_begins_with_digit(text)} then try_cast({text} as date) end"


def time(text: str, timezone: str) -> str:
    """Read an ISO time as UTC; one with no offset is `timezone`'s.

    Where clocks go back an hour the later of the two is meant, where they go forward
    the time is read as if they had not yet. The second 60 of a minute is the first of
    the next. Names of zones are not read: a cast that knows them takes the zone of one
    row for those that follow (DuckDB 1.5, with ICU).
    """
    clock = f"substr({text}, 11)"
    has_offset = f"contains({clock}, '+') or contains({clock}, '-')"
    without_z = f"rtrim({text}, 'zZ')"
    naive = f"coalesce({_clock(text)}, {_clock(without_z)})"
    if timezone != "UTC":
        is_utc = f"regexp_matches({text}, '(?i)(z|utc)$')"
        local = at_zone(_clock(text), timezone)
        naive = f"case when {is_utc} then {naive} else {local} end"
    return (
        f"case when {_begins_with_digit(text)} then "
        f"case when {has_offset} then {_time_with_offset(text)} else {naive} end end"
    )


def _clock(text: str) -> str:
    """Read a time as it stands on the wall."""
    leap = f"try_cast(replace({text}, ':59:60', ':59:59') as timestamp)"
    return (
        f"coalesce(try_cast({text} as timestamp), "
        f"case when contains({text}, ':59:60') then {leap} + interval 1 second end)"
    )


def _time_with_offset(text: str) -> str:
    """Read a time that ends in hours, or hours and minutes, before or after UTC."""
    pattern = sql_text(_OFFSET)

    def part(group: int) -> str:
        return f"nullif(regexp_extract({text}, {pattern}, {group}), '')"

    minutes = f"{part(2)}::integer * 60 + coalesce({part(3)}::integer, 0)"
    signed = f"case when {part(1)} = '-' then -1 else 1 end * ({minutes})"
    wall = _clock(f"regexp_replace({text}, {pattern}, '')")
    return f"{_earthly(wall)} - to_minutes({signed})"


def _earthly(moment: str) -> str:
    """Leave times with which one can reckon; others are out of all bounds anyway."""
    first, last = "timestamp '1900-01-01'", "timestamp '9999-12-31'"
    return f"case when {moment} between {first} and {last} then {moment} end"


def epoch(text: str, unit: str) -> str:
    """Read a count of `unit` since 1970, which may have a fraction.

    Read down to a microsecond, its digits are those of the microseconds; 18 of them
    reach to the year 33658. Wider decimals take 300 times as long to read.
    """
    n_digits = len(str(MICROSECONDS[unit])) - 1
    count = f"try_cast({text} as decimal(18, {n_digits}))"
    micros = f"replace({count}::varchar, '.', '')::bigint"
    return f"case when not contains({text}, '_') then make_timestamp({micros}) end"


def at_zone(moment: str, timezone: str) -> str:
    """Read a time of day in a zone as UTC; for clocks that are set, see `time`."""
    if timezone == "UTC":
        return moment
    return f"timezone('UTC', timezone({sql_text(timezone)}, {_earthly(moment)}))"


def or_empty(texts: list[str]) -> list[str]:
    """Read what is not there as an empty text."""
    return [f"coalesce({text}, '')" for text in texts]


def is_changed_number(text: str, line: str) -> str:
    """Tell whether an id was a number that its text is not: 1.10, 1e22 or -0.

    DuckDB reads a fraction and writes the shortest that is equal to it; what was sent
    stands in the line.
    """
    may_be = f"contains({text}, '.') or contains({text}, 'e') or {text} = '0'"
    pattern = sql_text(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
    bare = rf"regexp_replace({line}, '\s', '', 'g')"
    written = " or ".join(
        f"contains({bare}, {before} || {text} || {after})"
        for before, after in (("':\"'", "'\"'"), ("':'", "','"), ("':'", "'}'"))
    )
    return (
        f"case when ({may_be}) and regexp_full_match({text}, {pattern}) "
        f"then not ({written}) else false end"
    )


def unless(text: str, pattern: str) -> str:
    """Read a text as null where it matches."""
    return f"case when not regexp_matches({text}, {sql_text(pattern)}) then {text} end"


def items(
    text: str, fields: dict[str, list[str]] | None = None, nothing: str | None = None
) -> str:
    """Read a JSON list of objects; null where a part of it cannot be read.

    `fields` says under which names, the first choice first, each of ours may be found.
    With `nothing`, a pattern of what says nothing, so may an item say nothing, and is
    left out then.
    """
    names = fields or _ITEM_NAMES
    shape = {name: "VARCHAR" for theirs in names.values() for name in theirs}
    raw = f"from_json({text}, {sql_text(json.dumps([shape]))})"
    read = {name: _item_text(names.get(name, []), nothing) for name in ITEM_FIELDS}
    numbers = [name for name, type_ in ITEM_FIELDS.items() if type_ == MONEY]
    bad = " or ".join(
        f"({read[name]} is not null and {number(read[name])} is null)"
        for name in numbers
    )
    packed = ", ".join(
        f"{name} := {number(read[name]) if name in numbers else read[name]}"
        for name in ITEM_FIELDS
    )
    says = ", ".join(read[name] for name in ITEM_FIELDS if name not in numbers)
    is_empty = f"coalesce({says}) is null"
    is_bad = bad if nothing else f"{is_empty} or {bad}"
    kept = f"list_filter({raw}, lambda item: not {is_empty})" if nothing else raw
    twice = "len(json_keys(item)) <> len(list_distinct(json_keys(item)))"
    return (
        f"case when not {sound_json(text)} then null "
        f"when {_any_item(text, twice)} then null "
        f"when len(list_filter({raw}, lambda item: {is_bad})) = 0 "
        f"then list_transform({kept}, lambda item: struct_pack({packed})) end"
    )


def _item_text(names: list[str], nothing: str | None) -> str:
    """Select the first of some fields of an `item` that says something."""
    texts = [f"nullif(item.{sql_name(name)}, '')" for name in names]
    if nothing is not None:
        texts = [unless(text, nothing) for text in texts]
    return f"coalesce({', '.join(texts)})" if texts else "null::varchar"


def unknown_items(text: str, fields: dict[str, list[str]] | None = None) -> str:
    """See a list of items as JSON if any of them says more than we read of it."""
    names = (fields or _ITEM_NAMES).values()
    known = ", ".join(sql_text(name) for theirs in names for name in theirs)
    says_more = f"not list_has_all([{known}], json_keys(item))"
    return f"case when {_any_item(text, says_more)} then cast({text} as json) end"


def _any_item(text: str, test: str) -> str:
    """Tell whether a test holds for any `item` of a JSON list."""
    found = f"list_filter(from_json({text}, '[\"JSON\"]'), lambda item: {test})"
    return f"case when {sound_json(text)} then len({found}) > 0 else false end"


def sound_json(text: str) -> str:
    """Tell whether a text is JSON that cannot be nested too deep to look into.

    DuckDB's merge crashes from some 100,000 levels on.
    """
    n_brackets = f"strlen({text}) - strlen(replace(replace({text}, '[', ''), '{{', ''))"
    return (
        f"case when strlen({text}) > {MAX_BRACKETS} and {n_brackets} > {MAX_BRACKETS} "
        f"then false else json_valid({text}) end"
    )


def bare_json(text: str) -> str:
    """Empty the strings of a JSON text, so that what is between them can be seen."""
    strings = sql_text(r'"(?:[^"\\]|\\.)*"')
    return f"regexp_replace({text}, {strings}, '\"\"', 'g')"


def is_not_finite(text: str) -> str:
    """Tell whether a JSON text holds a number that JSON does not have."""
    pattern = sql_text(r"[:\[,]\s*-?(?i:nan|inf)")
    return f"regexp_matches({bare_json(text)}, {pattern})"


def email(text: str) -> str:
    """Keep what looks like an address; "none" and the like are no address."""
    pattern = sql_text(r"[^@\s]+@[^@\s]+")
    return f"case when regexp_full_match(trim({text}), {pattern}) then {text} end"


def phone(text: str) -> str:
    """Keep what has as many digits as a telephone number."""
    digits = f"length(regexp_replace({text}, '[^0-9]', '', 'g'))"
    return f"case when {digits} between 7 and 15 then {text} end"


def renamed(text: str, known_as: str, names: Mapping[str, str]) -> str:
    """Read a text by another name, if it is known as one that has another."""
    theirs = ", ".join(map(sql_text, names))
    ours = ", ".join(map(sql_text, names.values()))
    return f"coalesce([{ours}][list_position([{theirs}], {known_as})], {text})"


def country(text: str) -> str:
    """Read a country's name as its ISO 3166-1 code; a name that is not known stays."""
    code = renamed(text, f"lower({text})", country_codes())
    return f"case when strlen({text}) > 2 then {code} else {text} end"


@cache
def country_codes() -> dict[str, str]:
    """Read the names of countries, in small letters, and their codes."""
    return read_yaml(_COUNTRIES)


def decision(text: str) -> str:
    """Read a consent's decision."""
    word = f"lower(trim({text}))"
    return f"case when {word} in ('granted', 'denied') then {word} end"


def looks_nested(text: str) -> str:
    """Tell whether a text begins as a JSON object or list does."""
    return f"({text} >= '{{' and {text} < '|' or {text} >= '[' and {text} < chr(92))"


def _begins_with_digit(text: str) -> str:
    return f"{text} >= '0' and {text} < ':'"
