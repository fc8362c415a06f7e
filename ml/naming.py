"""Give every segment a name that says what its persons do."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from ml.contrasts import contrast_segments, describe_segments, rank_features
from ml.features import look_up

Direction = Literal["high", "low", "none", "some", "once", "repeat"]

# The least strength at which a condition holds: for `high` and `low`, Cliff's delta
# against all others; for the rest, the share of the segment for whom it is so.
THRESHOLDS: dict[Direction, float] = {
    "high": 0.3,
    "low": 0.3,
    "none": 0.9,
    "some": 0.6,
    "once": 0.75,
    "repeat": 0.6,
}


@dataclass(frozen=True)
class SegmentName:
    """A name, the persona that goes by it, and all that must hold for it."""

    name: str
    persona: str
    conditions: tuple[tuple[str, Direction], ...]


# By falling priority: where two names fit a segment equally well, the first is taken.
CATALOG = (
    SegmentName(
        "Champions",
        "The Champion",
        (
            ("n_orders", "repeat"),
            ("n_orders", "high"),
            ("revenue", "high"),
            ("recency_days", "low"),
            ("n_sessions", "high"),
        ),
    ),
    SegmentName(
        "At Risk",
        "The Regular Who Stays Away",
        (
            ("n_orders", "repeat"),
            ("recency_days", "high"),
            ("days_since_last_order", "high"),
        ),
    ),
    SegmentName(
        "Deal Seekers",
        "The Deal Seeker",
        (
            ("n_orders", "some"),
            ("average_unit_price", "low"),
            ("product_views_per_session", "high"),
        ),
    ),
    SegmentName(
        "Deal Buyers",
        "The Deal Buyer",
        (("n_orders", "some"), ("average_unit_price", "low")),
    ),
    SegmentName(
        "Frequent Buyers",
        "The Regular",
        (("n_orders", "repeat"), ("n_orders", "high")),
    ),
    SegmentName(
        "Buyers",
        "The Buyer",
        (("n_orders", "some"), ("n_orders", "high")),
    ),
    SegmentName(
        "Big Spenders",
        "The Big Spender",
        (
            ("n_orders", "some"),
            ("average_order_value", "high"),
            ("revenue", "high"),
        ),
    ),
    SegmentName(
        "Bulk Buyers",
        "The Bulk Buyer",
        (("n_orders", "some"), ("items_per_order", "high")),
    ),
    SegmentName(
        "Premium Buyers",
        "The Connoisseur",
        (("n_orders", "some"), ("average_unit_price", "high")),
    ),
    SegmentName(
        "Cart Abandoners",
        "The Hesitant Shopper",
        (
            ("add_to_carts_per_session", "some"),
            ("cart_abandonment_share", "high"),
            ("n_orders", "low"),
        ),
    ),
    SegmentName(
        "Window Shoppers",
        "The Window Shopper",
        (
            ("n_orders", "none"),
            ("product_views_per_session", "some"),
            ("add_to_carts_per_session", "low"),
        ),
    ),
    SegmentName(
        "Lapsed Visitors",
        "The Visitor of Old",
        (("n_orders", "none"), ("recency_days", "high")),
    ),
    SegmentName(
        "Passing Visitors",
        "The Passer-By",
        (("n_orders", "none"), ("n_sessions", "low")),
    ),
    SegmentName(
        "Curious Visitors",
        "The Curious Visitor",
        (("n_orders", "none"), ("n_sessions", "high")),
    ),
    SegmentName(
        "Visitors Who Never Bought",
        "The Visitor Who Never Bought",
        (("n_orders", "none"),),
    ),
    SegmentName(
        "New Buyers",
        "The New Face",
        (("n_orders", "some"), ("tenure_days", "low")),
    ),
    SegmentName(
        "Lapsed One-Time Buyers",
        "The Guest of Long Ago",
        (("n_orders", "once"), ("recency_days", "high")),
    ),
    SegmentName("One-Time Buyers", "The Guest", (("n_orders", "once"),)),
    SegmentName(
        "Lapsed Buyers",
        "The Buyer of Old",
        (("n_orders", "some"), ("recency_days", "high")),
    ),
    SegmentName(
        "Returners",
        "The Returner",
        (("n_orders", "some"), ("returned_share", "high")),
    ),
    SegmentName(
        "Explorers",
        "The Explorer",
        (("n_categories", "high"), ("product_views_per_session", "high")),
    ),
    SegmentName("Newcomers", "The Newcomer", (("tenure_days", "low"),)),
    SegmentName("Mobile First", "The Mobile Visitor", (("mobile_share", "high"),)),
    SegmentName("Evening Visitors", "The Night Owl", (("evening_share", "high"),)),
    SegmentName(
        "Weekend Visitors", "The Weekend Visitor", (("weekend_share", "high"),)
    ),
    SegmentName("E-Mail Readers", "The Reader", (("n_emails_opened", "high"),)),
)
AVERAGE = "Average Users"


def name_segments(features: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    """Name and describe segments by what sets them apart from everybody.

    A name of the catalog fits a segment if all its conditions hold; how well is the
    sum of their strengths, so that the name that says more is taken (`some`, which
    says little, must hold and adds nothing). Names are given
    once each, so that the sum over segments is greatest [1]_; ties go to the name that
    stands first. A segment that no name is left for is called by its most telling
    features.

    Parameters
    ----------
    features : DataFrame of shape (n_persons, n_features)
        Indexed by `user_id`.
    labels : Series of shape (n_persons,)
        The segment of each person, by the same index in any order.

    Returns
    -------
    DataFrame of shape (n_segments, 2)
        `segment_name`, unique, and `description`, in words with numbers; indexed by
        label, sorted.

    Raises
    ------
    ValueError
        If features and labels are not about the same persons.

    References
    ----------
    .. [1] H. W. Kuhn, "The Hungarian method for the assignment problem", Naval
       Research Logistics Quarterly 2 (1955), 83-97.

    Examples
    --------
    >>> features = pd.DataFrame({"n_orders": [1] * 15 + [9] * 5})
    >>> name_segments(features, pd.Series([0] * 15 + [1] * 5))["segment_name"].tolist()
    ['One-Time Buyers', 'Frequent Buyers']
    """
    if set(features.index) != set(labels.index):
        raise ValueError("features and labels are about different persons")
    deltas = contrast_segments(features, labels)
    strengths = _score_names(features, labels, deltas)
    priority = np.linspace(1e-6, 0, len(CATALOG))
    rows, columns = linear_sum_assignment(
        (strengths + (strengths > 0) * priority).to_numpy(), maximize=True
    )
    given = {
        strengths.index[row]: CATALOG[column].name
        for row, column in zip(rows, columns, strict=True)
        if strengths.iloc[row, column] > 0
    }
    for label in deltas.index:
        if label not in given:
            given[label] = _name_by_features(deltas.loc[label], set(given.values()))
    return pd.DataFrame(
        {
            "segment_name": pd.Series(given, dtype=object).loc[deltas.index],
            "description": describe_segments(features, labels),
        }
    )


def name_persona(segment_name: str) -> str:
    """Name the persona of a segment.

    Examples
    --------
    >>> name_persona("Window Shoppers"), name_persona("Long Visits")
    ('The Window Shopper', 'Somebody with Long Visits')
    """
    known = {entry.name: entry.persona for entry in CATALOG} | {
        AVERAGE: "The Average User"
    }
    return known.get(segment_name, f"Somebody with {segment_name}")


def _score_names(
    features: pd.DataFrame, labels: pd.Series, deltas: pd.DataFrame
) -> pd.DataFrame:
    """Score every name for every segment; 0 where a condition fails."""
    of_person = labels.reindex(features.index)
    met: dict[tuple[str, Direction], pd.Series] = {}
    for name, direction in {
        condition for entry in CATALOG for condition in entry.conditions
    }:
        if name in features:
            strength = _measure(features[name], of_person, deltas[name], direction)
            met[name, direction] = strength.where(strength >= THRESHOLDS[direction], 0)
    nothing = pd.Series(0.0, index=deltas.index)
    scores = {}
    for entry in CATALOG:
        strengths = pd.concat(
            [met.get(condition, nothing) for condition in entry.conditions], axis=1
        )
        all_hold = (strengths > 0).all(axis=1)
        counts = [direction != "some" for _, direction in entry.conditions]
        score = strengths.loc[:, counts].sum(axis=1)
        scores[entry.name] = score.where(all_hold, 0.0).round(6)
    return pd.DataFrame(scores)


def _measure(
    values: pd.Series, of_person: pd.Series, delta: pd.Series, direction: Direction
) -> pd.Series:
    """Measure by segment how strongly a condition holds."""
    if direction == "high":
        return delta
    if direction == "low":
        return -delta
    holds = {
        "none": values <= 0,
        "some": values > 0,
        "once": values == 1,
        "repeat": values >= 2,
    }[direction]
    return holds.astype(float).groupby(of_person).mean()


def _name_by_features(deltas: pd.Series, taken: set[str]) -> str:
    """Name a segment by one, two or more telling features, whatever is still free."""
    words: list[str] = []
    for name in rank_features(deltas):
        feature = look_up(name)
        words.append(feature.high if deltas[name] > 0 else feature.low)
        candidate = ", ".join(words)
        if candidate not in taken:
            return candidate
    plain = ", ".join(words) or AVERAGE
    numbered = (f"{plain} {number}" for number in range(2, len(taken) + 3))
    return plain if plain not in taken else next(n for n in numbered if n not in taken)
