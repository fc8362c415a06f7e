"""From text to typed values, in SQL: null where a text cannot be read as the type."""

from warehouse.adapters.quoting import sql_text
from warehouse.raw_tables import MONEY

MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}

_ITEM_TEXTS = ("product_id", "product_name", "category")
_ITEM_NUMBERS = ("price", "quantity")
_ITEMS_SHAPE = sql_text(
    '[{"product_id": "VARCHAR", "product_name": "VARCHAR", "category": "VARCHAR", '
    '"price": "VARCHAR", "quantity": "VARCHAR"}]'
)
# A clock with no seconds, or a blank before the offset, is ISO but not DuckDB's.
_NO_SECONDS = sql_text(
    r"^(\d{4}-\d\d?-\d\d?[T ]\d\d?:\d\d)(:\d\d(?:\.\d+)?)? ?(Z|[+-]\d\d(?::?\d\d)?)$"
)
_NAIVE = sql_text(r"\d{4}-\d\d?-\d\d?([T ]\d\d?:\d\d(:\d\d(\.\d+)?)?)?")
_FIRST, _LAST = "timestamp '0001-01-01'", "timestamp '9999-12-31 23:59:59.999999'"


def blank_as_null(text: str) -> str:
    """Read an empty or blank text as null; most texts are only looked at."""
    return (
        f"case when {text} < '!' then nullif(trim({text}, e' \\t\\n'), '') "
        f"else {text} end"
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
    the time is read as if they had not yet.
    """
    padded = rf"regexp_replace({text}, {_NO_SECONDS}, '\1:00\3')"
    spaced = rf"regexp_replace({text}, {_NO_SECONDS}, '\1\2\3')"
    absolute = (
        f"cast(coalesce(try_cast({text} as timestamptz), "
        f"try_cast({spaced} as timestamptz), try_cast({padded} as timestamptz)"
        ") as timestamp)"
    )
    if timezone != "UTC":
        local = f"timezone({sql_text(timezone)}, try_cast({text} as timestamp))"
        absolute = (
            f"case when regexp_full_match({text}, {_NAIVE}) "
            f"then timezone('UTC', {local}) else {absolute} end"
        )
    return f"case when {_begins_with_digit(text)} then {absolute} end"


def epoch(text: str, unit: str) -> str:
    """Read a count of `unit` since 1970, which may have a fraction."""
    count = f"try_cast({text} as decimal(38, 9))"
    limit = 10**18 // MICROSECONDS[unit]  # in the year 33658, before any overflow
    micros = f"cast(round({count} * {MICROSECONDS[unit]}) as bigint)"
    return (
        f"case when abs({count}) < {limit} and not contains({text}, '_') "
        f"then make_timestamp({micros}) end"
    )


def items(text: str) -> str:
    """Read a JSON list of objects; null where a part of it cannot be read."""
    raw = f"from_json({text}, {_ITEMS_SHAPE})"
    bad = " or ".join(
        f"(nullif(item.{name}, '') is not null and {number(f'item.{name}')} is null)"
        for name in _ITEM_NUMBERS
    )
    texts = ", ".join(f"{name} := nullif(item.{name}, '')" for name in _ITEM_TEXTS)
    numbers = ", ".join(f"{name} := {number(f'item.{name}')}" for name in _ITEM_NUMBERS)
    nothing = f"coalesce({', '.join(f'item.{n}' for n in _ITEM_TEXTS)})"
    is_bad = f"lambda item: {nothing} is null or {bad}"
    return (
        f"case when not json_valid({text}) then null "
        f"when len(list_filter({raw}, {is_bad})) = 0 "
        f"then list_transform({raw}, lambda item: struct_pack({texts}, {numbers})) end"
    )


def email(text: str) -> str:
    """Keep what looks like an address; "none" and the like are no address."""
    pattern = sql_text(r"[^@\s]+@[^@\s]+")
    return f"case when regexp_full_match(trim({text}), {pattern}) then {text} end"


def phone(text: str) -> str:
    """Keep what has as many digits as a telephone number."""
    digits = f"length(regexp_replace({text}, '[^0-9]', '', 'g'))"
    return f"case when {digits} between 7 and 15 then {text} end"


def decision(text: str) -> str:
    """Read a consent's decision."""
    word = f"lower(trim({text}))"
    return f"case when {word} in ('granted', 'denied') then {word} end"


def looks_nested(text: str) -> str:
    """Tell whether a text begins as a JSON object or list does."""
    return f"({text} >= '{{' and {text} < '|' or {text} >= '[' and {text} < chr(92))"


def _begins_with_digit(text: str) -> str:
    return f"{text} >= '0' and {text} < ':'"


def within_range(moment: str) -> str:
    """Leave the years that Python, and any client, can hold."""
    return f"case when {moment} between {_FIRST} and {_LAST} then {moment} end"
