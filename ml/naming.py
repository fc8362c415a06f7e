"""Give every segment a name that says what its persons do."""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from ml.catalog import Condition, SegmentName, read_catalog
from ml.contrasts import contrast_segments, describe_segments, rank_features
from ml.features import look_up

AVERAGE = "Average Users"
LEAST_SCORE = 0.001  # of a name that only says what somebody has done at all


def name_segments(
    features: pd.DataFrame,
    labels: pd.Series,
    catalog: pd.DataFrame,
    *,
    kept: Mapping[int, str] | None = None,
    deltas: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Name and describe segments by what sets them apart from everybody.

    A name of the catalog fits a segment if all its conditions hold; how well is the
    sum of their strengths, so that the name that says more is taken (`some`, which
    says little, must hold and adds nothing). Names are given once each, so that the
    sum over segments is greatest [1]_; ties go to the lowest priority. A segment that
    no name is left for is called by its most telling features.

    Parameters
    ----------
    features : DataFrame of shape (n_persons, n_features)
        Indexed by `user_id`.
    labels : Series of shape (n_persons,)
        The segment of each person, by the same index in any order.
    catalog : DataFrame of shape (n_conditions, 6)
        The names, as `ml.catalog.read_catalog` reads them.
    kept : mapping of label to str, optional
        Names that go on: their segments keep them, and no other gets them.
    deltas : DataFrame of shape (n_segments, n_features), optional
        What `contrast_segments` says of them, if it was asked already.

    Returns
    -------
    DataFrame of shape (n_segments, 2)
        `segment_name`, unique, and `description`, in words with numbers; indexed by
        label, sorted.

    Raises
    ------
    ValueError
        If features and labels are not about the same persons.
    CatalogRefusedError
        If the catalog is contradictory, or about a feature that is not there.

    References
    ----------
    .. [1] H. W. Kuhn, "The Hungarian method for the assignment problem", Naval
       Research Logistics Quarterly 2 (1955), 83-97.

    Examples
    --------
    >>> features = pd.DataFrame({"n_orders": [1] * 15 + [9] * 5})
    >>> catalog = pd.DataFrame({
    ...     "segment_name": ["Regulars"], "persona_name": ["The Regular"],
    ...     "priority": [1], "feature": ["n_orders"], "direction": ["repeat"],
    ...     "threshold": [None],
    ... })
    >>> labels = pd.Series([0] * 15 + [1] * 5)
    >>> name_segments(features, labels, catalog)["segment_name"].tolist()
    ['Few Orders', 'Regulars']
    """
    is_same = features.index.equals(labels.index)
    if not is_same and set(features.index) != set(labels.index):
        raise ValueError("features and labels are about different persons")
    names = read_catalog(catalog, features.columns)
    if deltas is None:
        deltas = contrast_segments(features, labels)
    given = dict(kept or {})
    free = [entry for entry in names if entry.name not in given.values()]
    nameless = [label for label in deltas.index if label not in given]
    strengths = _score_names(free, features, labels, deltas).loc[nameless]
    given |= _share_out(strengths)
    for label in nameless:
        if label not in given:
            given[label] = _name_by_features(deltas.loc[label], set(given.values()))
    return pd.DataFrame(
        {
            "segment_name": pd.Series(given, dtype=object).loc[deltas.index],
            "description": describe_segments(features, labels, deltas=deltas),
        }
    )


def still_true(
    features: pd.DataFrame,
    labels: pd.Series,
    catalog: pd.DataFrame,
    names: Mapping[int, str],
    *,
    deltas: pd.DataFrame,
) -> dict[int, str]:
    """Keep, of the names that segments had, those that are not refuted.

    A name of the catalog is refuted if one of its conditions does not even hold half
    as strongly as it must for a new segment. A name that the catalog does not have was
    made of what was telling, and stays.

    Parameters
    ----------
    features, labels, catalog
        As `name_segments` reads them.
    names : mapping of label to str
    deltas : DataFrame of shape (n_segments, n_features)
        What `contrast_segments` says of them.

    Returns
    -------
    dict of label to str
    """
    entries = {entry.name: entry for entry in read_catalog(catalog, features.columns)}
    lenient = [
        replace(
            entry,
            conditions=tuple(
                replace(one, threshold=one.threshold / 2) for one in entry.conditions
            ),
        )
        for name in names.values()
        if (entry := entries.get(re.sub(r" \d+$", "", name)))
    ]
    holds = _score_names(lenient, features, labels, deltas) > 0
    return {
        label: name
        for label, name in names.items()
        if (known := re.sub(r" \d+$", "", name)) not in holds or holds[known].loc[label]
    }


def name_persona(segment_name: str, catalog: pd.DataFrame) -> str:
    """Name the persona of a segment, by the catalog of names.

    Examples
    --------
    >>> catalog = pd.DataFrame({
    ...     "segment_name": ["Regulars"], "persona_name": ["The Regular"],
    ...     "priority": [1], "feature": ["n_orders"], "direction": ["repeat"],
    ...     "threshold": [None],
    ... })
    >>> name_persona("Regulars", catalog), name_persona("Long Visits", catalog)
    ('The Regular', 'Somebody with Long Visits')
    """
    known = {AVERAGE: "The Average User"} | {
        entry.name: entry.persona for entry in read_catalog(catalog)
    }
    if segment_name in known:
        return known[segment_name]
    numbered = re.fullmatch(r"(.+) (\d+)", segment_name)
    if numbered and numbered[1] in known:
        return f"{known[numbered[1]]} {numbered[2]}"
    return f"Somebody with {segment_name}"


def _share_out(strengths: pd.DataFrame) -> dict[int, str]:
    """Give each name once, so that the sum of strengths is greatest."""
    priority = np.linspace(1e-6, 0, strengths.shape[1])
    rows, columns = linear_sum_assignment(
        (strengths + (strengths > 0) * priority).to_numpy(), maximize=True
    )
    return {
        strengths.index[row]: str(strengths.columns[column])
        for row, column in zip(rows, columns, strict=True)
        if strengths.iloc[row, column] > 0
    }


def _score_names(
    names: list[SegmentName],
    features: pd.DataFrame,
    labels: pd.Series,
    deltas: pd.DataFrame,
) -> pd.DataFrame:
    """Score every name for every segment; 0 where a condition fails."""
    of_person = labels.reindex(features.index)
    measured = {
        (feature, direction): _measure(
            features[feature], of_person, deltas[feature], direction
        )
        for feature, direction in {
            (condition.feature, condition.direction)
            for entry in names
            for condition in entry.conditions
        }
    }

    def strength(condition: Condition) -> pd.Series:
        found = measured[condition.feature, condition.direction]
        return found.where(found >= condition.threshold, 0)

    scores = {}
    for entry in names:
        strengths = pd.concat([strength(each) for each in entry.conditions], axis=1)
        all_hold = (strengths > 0).all(axis=1)
        counts = [condition.direction != "some" for condition in entry.conditions]
        score = strengths.loc[:, counts].sum(axis=1).clip(lower=LEAST_SCORE)
        scores[entry.name] = score.where(all_hold, 0.0).round(6)
    return pd.DataFrame(scores, index=deltas.index, dtype=float)


def _measure(
    values: pd.Series, of_person: pd.Series, delta: pd.Series, direction: str
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
