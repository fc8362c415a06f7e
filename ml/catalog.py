"""The catalog of names that users edit: read, and told what is wrong with it."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from ml.errors import CatalogRefusedError
from ml.wording import join_words

COLUMNS = (
    "segment_name",
    "persona_name",
    "priority",
    "feature",
    "direction",
    "threshold",
)
# The least strength at which a condition holds, where its line tells none: for `high`
# and `low`, Cliff's delta against all others; for the rest, the share of the segment
# for whom it is so.
THRESHOLDS = {
    "high": 0.3,
    "low": 0.3,
    "none": 0.9,
    "some": 0.6,
    "once": 0.75,
    "repeat": 0.6,
}
MOST_TOLD = 5


@dataclass(frozen=True)
class Condition:
    """What must hold of one feature, at least as strongly as `threshold`, 0 to 1."""

    feature: str
    direction: str
    threshold: float


@dataclass(frozen=True)
class SegmentName:
    """A name, the persona that goes by it, and all that must hold for it."""

    name: str
    persona: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class _Line:
    """One line of the catalog, its texts without blanks around them."""

    segment_name: str
    persona_name: str
    priority: Any
    feature: str
    direction: str
    threshold: Any

    def __str__(self) -> str:
        cells = (getattr(self, column) for column in COLUMNS)
        return ",".join("" if pd.isna(cell) else f"{cell}" for cell in cells)


def read_catalog(
    catalog: pd.DataFrame, features: Collection[str] | None = None
) -> tuple[SegmentName, ...]:
    """Read the catalog of names, by rising priority.

    Parameters
    ----------
    catalog : DataFrame of shape (n_conditions, 6)
        One condition a line: `segment_name`, `persona_name`, `priority` (a number;
        of names that fit equally well the lowest is taken), `feature`, `direction`
        (a key of `THRESHOLDS`) and `threshold` (0 to 1; missing for the usual one).
        The order of lines does not matter.
    features : collection of str, optional
        The features that there are; if given, others are refused.

    Raises
    ------
    CatalogRefusedError
        If a line cannot be understood, can never be met, or contradicts another; the
        message gives the first five faults, each with its line and what to do.

    Examples
    --------
    >>> catalog = pd.DataFrame([
    ...     ["Regulars", "The Regular", 1, "n_orders", "repeat", None],
    ...     ["Regulars", "The Regular", 1, "n_orders", "high", 0.5],
    ... ], columns=COLUMNS)
    >>> [condition.threshold for condition in read_catalog(catalog)[0].conditions]
    [0.5, 0.6]
    """
    missing = [column for column in COLUMNS if column not in catalog]
    if missing:
        raise CatalogRefusedError(
            f"the catalog of names lacks {join_words(missing)}: its columns are "
            f"{join_words(list(COLUMNS))}"
        )
    lines = [
        _Line(
            *(
                cell if column in ("priority", "threshold") else _text(cell)
                for column, cell in zip(COLUMNS, row, strict=True)
            )
        )
        for row in catalog[list(COLUMNS)].itertuples(index=False)
    ]
    faults = [
        f"{line}: {fault}" for line in lines for fault in _misread(line, features)
    ]
    faults += _contradictions(lines)
    if faults:
        more = len(faults) - MOST_TOLD
        raise CatalogRefusedError(
            "the catalog of names cannot be used: "
            + "; ".join(faults[:MOST_TOLD])
            + (f"; and {more} more" if more > 0 else "")
        )
    names = _group((line.segment_name, line) for line in lines)
    by_priority = sorted(names, key=lambda name: (float(names[name][0].priority), name))
    return tuple(
        SegmentName(
            name,
            names[name][0].persona_name,
            tuple(sorted(map(_condition, names[name]), key=str)),
        )
        for name in by_priority
    )


def _text(cell: Any) -> str:
    return "" if pd.isna(cell) else str(cell).strip()


def _condition(line: _Line) -> Condition:
    usual = THRESHOLDS[line.direction]
    threshold = usual if pd.isna(line.threshold) else float(line.threshold)
    return Condition(line.feature, line.direction, threshold)


def _misread(line: _Line, features: Collection[str] | None) -> Iterator[str]:
    """Say what is wrong with one line by itself."""
    empty = [
        column
        for column in COLUMNS[:-1]
        if pd.isna(getattr(line, column)) or getattr(line, column) == ""
    ]
    if empty:
        yield f"{join_words(empty)} must not be empty"
    elif not _is_finite(line.priority):
        yield "priority must be a number"
    if line.direction and line.direction not in THRESHOLDS:
        known = join_words(list(THRESHOLDS))
        yield f"direction {line.direction!r} is unknown: write one of {known}"
    if line.feature and features is not None and line.feature not in features:
        alike = get_close_matches(line.feature, sorted(features), 1)
        meant = f"did you mean {alike[0]!r}?" if alike else "see marts.user_features"
        yield f"there is no feature {line.feature!r}: {meant}"
    if not pd.isna(line.threshold) and not (
        _is_finite(line.threshold) and 0 < float(line.threshold) <= 1
    ):
        yield "threshold must be above 0 and at most 1, or empty for the usual one"


def _is_finite(number: Any) -> bool:
    try:
        return bool(np.isfinite(float(number)))
    except (TypeError, ValueError):
        return False


def _contradictions(lines: list[_Line]) -> Iterator[str]:
    """Say which lines cannot stand beside each other."""
    named = [line for line in lines if line.segment_name]
    for told in _group((line.segment_name.casefold(), line) for line in named).values():
        yield from _differences(told)
    owners = _group(
        (line.persona_name, line.segment_name) for line in named if line.persona_name
    )
    for persona, of in owners.items():
        if len({name.casefold() for name in of}) > 1:
            both = join_words(sorted({repr(name) for name in of}))
            yield f"persona {persona!r} is of {both}: give each a persona of its own"
    conditions = _group(
        ((line.segment_name, line.feature, line.direction), line) for line in named
    )
    for (name, feature, direction), told in conditions.items():
        if len(told) > 1:
            yield f"{told[1]}: the condition stands twice: delete one of the lines"
        if direction == "low" and (name, feature, "high") in conditions:
            yield f"{told[0]}: {feature!r} cannot be high as well: delete one line"


def _differences(told: list[_Line]) -> Iterator[str]:
    """Say what the lines of one segment must have in common and do not."""
    for column in ("segment_name", "persona_name", "priority"):
        values = sorted({str(getattr(line, column)) for line in told})
        if len(values) > 1:
            yield (
                f"segment {told[0].segment_name!r} has more than one {column}, "
                f"{join_words(values)}: write the same on all of its lines"
            )


def _group(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    """Gather values by key, both in the order in which they come."""
    grouped: dict[Any, list[Any]] = {}
    for key, value in pairs:
        grouped.setdefault(key, []).append(value)
    return grouped
