"""What sets each segment apart from everybody else."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ml.features import (
    FEWEST_DESCRIBED,
    applicable,
    feature_names,
    look_up,
)
from ml.wording import join_words, tell_feature

TELLING = 0.2
LEAST_DIFFERENCE = 0.1
GROUPS = (
    "buying",
    "cart",
    "prices",
    "when",
    "visits",
    "browsing",
    "other",
    "channels",
    "habits",
)


def contrast_segments(features: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    """Measure how far each segment lies above or below all other persons.

    The measure is Cliff's delta [1]_: the chance that a person of the segment has
    more than one of the others, minus the chance of less. It knows ranks only, so
    units, skew and absurd values do not matter.

    Parameters
    ----------
    features : DataFrame of shape (n_persons, n_features)
    labels : Series of shape (n_persons,)
        The segment of each person, by the same index in any order.

    Returns
    -------
    DataFrame of shape (n_segments, n_features)
        -1 (all of them below all others) to 1, rows and columns sorted. It is 0 where
        there is nobody to compare with, or where the feature has no meaning for most
        of the segment.

    References
    ----------
    .. [1] N. Cliff, "Dominance statistics: ordinal analyses to answer ordinal
       questions", Psychological Bulletin 114 (1993), 494-509.

    Examples
    --------
    >>> features = pd.DataFrame({"n_orders": [0, 0, 3, 1e12]})
    >>> contrast_segments(features, pd.Series([0, 0, 1, 1]))["n_orders"].tolist()
    [-1.0, 1.0]
    """
    segments, codes = _encode(features, labels)
    deltas = pd.DataFrame(0.0, index=segments, columns=feature_names(features))
    half = _sum_by_code(codes, len(segments)) / 2
    for name in feature_names(features):
        applies = applicable(features, name)
        members = codes[applies]
        ranks = rankdata(features[name].to_numpy(float)[applies])
        n_members = _sum_by_code(members, len(segments))
        n_others = len(members) - n_members
        is_compared = (n_members >= half) & (n_members > 0) & (n_others > 0)
        rank_sums = _sum_by_code(members, len(segments), ranks)
        with np.errstate(invalid="ignore", divide="ignore"):
            wins = (rank_sums / n_members - (n_members + 1) / 2) / n_others
        deltas[name] = np.where(is_compared, 2 * wins - 1, 0.0)
    return deltas


def average_segments(
    features: pd.DataFrame, labels: pd.Series
) -> tuple[pd.DataFrame, pd.Series]:
    """Average every feature over each segment and over everybody.

    Only persons whom a feature applies to count, and no average of fewer than five
    of them is given: it would tell about single persons.

    Returns
    -------
    averages : DataFrame of shape (n_segments, n_features)
        NaN where too few persons are averaged.
    everybody : Series of shape (n_features,)
    """
    segments, codes = _encode(features, labels)
    averages, everybody = {}, {}
    for name in feature_names(features):
        applies = applicable(features, name)
        values = features[name].to_numpy(float)[applies]
        n_members = _sum_by_code(codes[applies], len(segments))
        sums = _sum_by_code(codes[applies], len(segments), values)
        averages[name] = np.divide(
            sums,
            n_members,
            out=np.full(len(segments), np.nan),
            where=n_members >= FEWEST_DESCRIBED,
        )
        enough = len(values) >= FEWEST_DESCRIBED
        everybody[name] = values.mean() if enough else np.nan
    return pd.DataFrame(averages, index=segments), pd.Series(everybody, dtype=float)


def describe_segments(
    features: pd.DataFrame,
    labels: pd.Series,
    *,
    n_phrases: int = 3,
    deltas: pd.DataFrame | None = None,
) -> pd.Series:
    """Say in one sentence each what sets the segments apart from everybody.

    Parameters
    ----------
    features : DataFrame of shape (n_persons, n_features)
        Of everybody, whom the segments are compared with.
    labels : Series of shape (n_persons,)
        The segment of each person, by the same index in any order.
    n_phrases : int, default=3
        Features to tell, the most telling first, one of each group before a second.
    deltas : DataFrame of shape (n_segments, n_features), optional
        What `contrast_segments` says of them, if it was asked already.

    Returns
    -------
    Series of shape (n_segments,)
        `description`, indexed by segment. Of fewer than five persons nothing is told.

    Examples
    --------
    >>> features = pd.DataFrame({"n_orders": [1] * 15 + [9] * 5})
    >>> describe_segments(features, pd.Series([0] * 15 + [1] * 5))[1]
    'They order 3 times as often as everybody (9 against 3 orders).'
    """
    if deltas is None:
        deltas = contrast_segments(features, labels)
    averages, everybody = average_segments(features, labels)
    sizes = labels.value_counts()
    return pd.Series(
        {
            segment: _describe(
                deltas.loc[segment],
                averages.loc[segment],
                everybody,
                int(sizes[segment]),
                n_phrases,
            )
            for segment in deltas.index
        },
        name="description",
        dtype=object,
    )


def rank_features(deltas: pd.Series) -> list[str]:
    """Order features by how telling they are, the first of each group in front.

    Strengths are compared to one digit; where that is equal, what persons buy comes
    before how they come.
    """
    strength = deltas.abs().round(1)
    telling = sorted(
        strength.index[strength >= TELLING],
        key=lambda name: (-strength[name], GROUPS.index(look_up(name).group), name),
    )
    groups = [look_up(name).group for name in telling]
    is_first = [group not in groups[:place] for place, group in enumerate(groups)]
    return [name for name, first in zip(telling, is_first, strict=True) if first] + [
        name for name, first in zip(telling, is_first, strict=True) if not first
    ]


def _encode(features: pd.DataFrame, labels: pd.Series) -> tuple[pd.Index, np.ndarray]:
    """List the segments, sorted, and give everybody the place of theirs."""
    segments = pd.Index(sorted(labels.unique()))
    return segments, segments.get_indexer(pd.Index(labels.reindex(features.index)))


def _sum_by_code(
    codes: np.ndarray, n_segments: int, values: np.ndarray | None = None
) -> np.ndarray:
    """Sum values (without any: count persons) by segment; shape (n_segments,)."""
    return np.bincount(codes, weights=values, minlength=n_segments)


def _describe(
    deltas: pd.Series,
    averages: pd.Series,
    everybody: pd.Series,
    n_persons: int,
    n_phrases: int,
) -> str:
    if n_persons < FEWEST_DESCRIBED:
        return "Too few persons to be described without telling about single ones."
    phrases = []
    is_told = [bool(look_up(name).told) for name in deltas.index]
    for name in rank_features(deltas[is_told]):
        # a few absurd values can turn averages against what most persons do
        gap = (averages[name] - everybody[name]) * np.sign(deltas[name])
        if gap > LEAST_DIFFERENCE * abs(everybody[name]):
            phrases.append(tell_feature(name, averages[name], everybody[name]))
    told = [phrase for phrase in phrases if phrase][:n_phrases]
    if not told:
        return "They are much like everybody."
    return f"They {join_words(told)}."
