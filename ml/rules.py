"""A rule of a few conditions: whom it fits, in words, and in SQL."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml.features import FEATURES, look_up

WHOLE_BELOW = 2.0**53  # from here on a double no longer knows one number from the next
SAME_IN_ALL_TYPES = 2**24  # whole numbers below are exact in every type of number


@dataclass(frozen=True)
class Bound:
    """The values of one feature between two limits, the lower one left out."""

    low: float = -np.inf
    high: float = np.inf


Path = Mapping[str, Bound]


@dataclass(frozen=True)
class Column:
    """A feature of everybody, and what must be known of it to speak of its limits.

    `numbers` are doubles and `is_meant` tells for whom the feature has a meaning, both
    of shape (n_persons,). `applies` names the column, and the value that it must
    exceed, that say so; None if it has one for everybody. `is_whole` tells whether all
    values that have a meaning are whole numbers.
    """

    name: str
    numbers: np.ndarray
    is_meant: np.ndarray
    is_whole: bool
    applies: tuple[str, float] | None


def read_column(features: pd.DataFrame, name: str) -> Column:
    """Read one feature from the frame of all.

    Raises
    ------
    ValueError
        If a value is missing or infinite.
    """
    numbers = features[name].to_numpy(float, na_value=np.nan)
    if not np.isfinite(numbers).all():
        raise ValueError(f"feature {name!r} has missing or infinite values")
    applies = look_up(name).applies
    if applies is None or applies[0] not in features:
        is_meant, applies = np.ones(len(features), dtype=bool), None
    else:
        is_meant = (features[applies[0]] > applies[1]).to_numpy(bool, na_value=False)
    known = numbers[is_meant]
    is_whole = bool((known % 1 == 0).all() and (np.abs(known) < WHOLE_BELOW).all())
    return Column(name, numbers, is_meant, is_whole, applies)


def round_path(path: Path, columns: Mapping[str, Column]) -> Path:
    """Round limits to what is written: whole numbers, or three digits."""
    return {
        name: Bound(
            _round(bound.low, columns[name].is_whole),
            _round(bound.high, columns[name].is_whole),
        )
        for name, bound in path.items()
    }


def fits(path: Path, columns: Mapping[str, Column]) -> np.ndarray:
    """Tell whom a path fits; shape (n_persons,)."""
    fitting = np.ones(len(next(iter(columns.values())).numbers), dtype=bool)
    for name, bound in path.items():
        column = columns[name]
        fitting &= column.is_meant
        if np.isfinite(bound.low):
            fitting &= column.numbers > bound.low
        if np.isfinite(bound.high):
            fitting &= column.numbers <= bound.high
    return fitting


def tell_rule(paths: Sequence[Path], columns: Mapping[str, Column]) -> str:
    """Write a rule in words: conditions joined by 'and', paths by 'or'."""
    rule = "; or ".join(
        " and ".join(
            _tell_bound(columns[name], bound) for name, bound in sorted(path.items())
        )
        for path in paths
    )
    return f"{rule[0].upper()}{rule[1:]}"


def write_sql(paths: Sequence[Path], columns: Mapping[str, Column]) -> str:
    """Write a rule as one condition of SQL, which any `where` may hold.

    It selects whom `fits` fits, of the table that the features are read from, if that
    table has no nulls. What is rounded is a double (``12.5e0``), and so is compared as
    it is here, whatever type of number the column has. DuckDB and Spark read it alike.
    """
    written = [" and ".join(_path_conditions(path, columns)) for path in paths]
    if len(written) > 1:
        written = [f"({path})" if " and " in path else path for path in written]
    rule = " or ".join(written)
    return f"({rule})" if " and " in rule or " or " in rule else rule


def quote_column(name: str) -> str:
    """Write the name of a column as SQL reads it, quoted unless it is a plain word.

    A plain word is one of our features, or has an underscore, as no word of SQL's own
    has that can stand where a column can.

    Examples
    --------
    >>> quote_column("n_orders"), quote_column('wish "A"s'), quote_column("order")
    ('n_orders', '"wish ""A""s"', '"order"')
    """
    is_plain = re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)+", name)
    is_sql = name.startswith(("current_", "session_user"))
    if name in FEATURES or (is_plain and not is_sql):
        return name
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _path_conditions(path: Path, columns: Mapping[str, Column]) -> list[str]:
    """List the conditions of a path, each once."""
    conditions: list[str] = []
    for name, bound in sorted(path.items()):
        column = columns[name]
        if column.applies is not None:
            flag, least = column.applies
            if path.get(flag, Bound()).low < least:
                conditions.append(f"{quote_column(flag)} > {_number(least)}")
        conditions += _bound_conditions(column, bound)
    return list(dict.fromkeys(conditions))


def _bound_conditions(column: Column, bound: Bound) -> list[str]:
    name = quote_column(column.name)
    if column.is_whole and bound.low + 1 == bound.high:
        return [f"{name} = {_number(bound.high)}"]
    conditions = []
    if np.isfinite(bound.low):
        above = (
            f">= {_number(bound.low + 1)}"
            if column.is_whole
            else f"> {_number(bound.low)}"
        )
        conditions.append(f"{name} {above}")
    if np.isfinite(bound.high):
        conditions.append(f"{name} <= {_number(bound.high)}")
    return conditions


def _number(value: float) -> str:
    """Write a number so that SQL compares it as the double that it is."""
    if value % 1 == 0 and abs(value) < SAME_IN_ALL_TYPES:
        return str(int(value))
    digits = repr(float(value))
    return digits if "e" in digits else f"{digits}e0"


def _round(limit: float, is_whole: bool) -> float:
    if not np.isfinite(limit):
        return limit
    return float(np.floor(limit)) if is_whole else float(f"{limit:.3g}")


def _tell_bound(column: Column, bound: Bound) -> str:
    """Write one condition; of whole numbers, 'more than 2' is 'at least 3'."""
    noun = look_up(column.name).noun
    low = bound.low + 1 if column.is_whole else bound.low
    above = f"{'at least' if column.is_whole else 'above'} {_limit(column.name, low)}"
    below = f"at most {_limit(column.name, bound.high)}"
    if not np.isfinite(bound.low):
        is_none = bound.high == 0 and column.is_whole
        return f"no {noun}" if is_none else f"{noun} {below}"
    if not np.isfinite(bound.high):
        return f"{noun} {above}"
    if column.is_whole and low == bound.high:
        return f"{noun} exactly {_limit(column.name, low)}"
    return f"{noun} {above} and {below}"


def _limit(name: str, value: float) -> str:
    """Write a limit for people, with all of its digits."""
    kind = look_up(name).kind
    if kind == "share":
        return f"{_all_digits(float(f'{100 * value:.6g}'))}%"
    if kind == "money" and round(value, 2) == value and abs(value) < 1e16:
        return f"{value:,.2f}"
    return _all_digits(value)


def _all_digits(value: float) -> str:
    if abs(value) >= 1e16:
        return f"{value:.3g}"
    if value % 1 == 0:
        return f"{value:,.0f}"
    return np.format_float_positional(value, trim="-")
