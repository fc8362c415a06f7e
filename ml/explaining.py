"""Say in a few plain conditions who is in a segment."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from ml.clustering import checked_matrix
from ml.features import (
    FEWEST_DESCRIBED,
    applicable,
    feature_names,
    look_up,
)
from ml.wording import format_level, format_number

MAX_DEPTH = 3
GROWN_FROM = 20_000
LEAST_ADDED = 0.1


def explain_segments(
    features: pd.DataFrame, segment_ids: pd.Series, *, random_state: int = 0
) -> pd.Series:
    """Explain each segment by the paths of a small decision tree.

    For every segment a tree of depth 3 [1]_ is grown that tells it from all other
    persons, both sides weighing the same, from at most 20,000 persons and the
    features that have plain words and a meaning for at least half of the segment. The
    paths that end in the segment are its rule, without those that add less than a
    tenth of it. Limits are rounded for reading, and the rule as it is written is then
    tried on everybody; what it gets right is said too.

    Parameters
    ----------
    features : DataFrame of shape (n_persons, n_features)
        Indexed by `user_id`.
    segment_ids : Series of shape (n_persons,)
        The segment of each person, indexed by `user_id` in any order.
    random_state : int, default=0
        Seed of the drawing and of the tree's choice between equal splits.

    Returns
    -------
    Series of shape (n_segments,)
        `rule_text`, indexed by segment_id, sorted.

    Raises
    ------
    ValueError
        If a person has no segment, or a feature a missing value.

    References
    ----------
    .. [1] L. Breiman, J. H. Friedman, R. A. Olshen, C. J. Stone, "Classification and
       Regression Trees", Wadsworth (1984).

    Examples
    --------
    >>> features = pd.DataFrame({"n_orders": [1] * 15 + [9] * 5})
    >>> segment_ids = pd.Series(["segment_1"] * 15 + ["segment_2"] * 5)
    >>> explain_segments(features, segment_ids)["segment_2"]  # doctest: +ELLIPSIS
    'Orders at least 6. Right for 100% of all persons...'
    """
    matrix = _plain_features(features)
    of_person = segment_ids.reindex(matrix.index)
    if of_person.isna().any():
        raise ValueError(f"{of_person.isna().sum()} persons have no segment")
    segments = sorted(of_person.unique())
    rules = {
        segment: _explain(matrix, (of_person == segment).to_numpy(), random_state)
        for segment in segments
    }
    return pd.Series(rules, name="rule_text", dtype=object)


@dataclass(frozen=True)
class _Bound:
    """The values of one feature between two limits, the lower one left out."""

    low: float = -np.inf
    high: float = np.inf


_Path = dict[str, _Bound]


def _explain(matrix: pd.DataFrame, is_member: np.ndarray, seed: int) -> str:
    """Find, write and try the rule of one segment."""
    if is_member.all():
        return "Everybody: there is no other segment."
    if is_member.sum() < FEWEST_DESCRIBED:
        return "Too few persons to be explained without telling about single ones."
    matrix = matrix.loc[:, matrix[is_member].notna().mean() >= 0.5]
    found = _find_paths(matrix, is_member, seed) if matrix.shape[1] else []
    paths, fits = _keep_largest(
        [_round_path(path, matrix) for path in found], matrix, is_member
    )
    if not paths:
        return "No short rule tells this segment from the others."
    rule = "; or ".join(_tell_path(path, matrix) for path in paths)
    right = _percent((fits == is_member).mean())
    covered = _percent(fits[is_member].mean())
    pure = _percent(is_member[fits].mean())
    return (
        f"{rule[0].upper()}{rule[1:]}. Right for {right} of all persons: it fits "
        f"{covered} of this segment, and {pure} of those it fits belong to it."
    )


def _find_paths(matrix: pd.DataFrame, is_member: np.ndarray, seed: int) -> list[_Path]:
    """Grow the tree and walk to the leaves in which the segment prevails."""
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.permutation(len(matrix))[:GROWN_FROM])
    # whom a feature has no meaning for counts as ordinary here; no rule on it fits them
    filled = matrix.fillna(matrix.median()).to_numpy()
    grown = DecisionTreeClassifier(
        max_depth=MAX_DEPTH,
        min_samples_leaf=FEWEST_DESCRIBED,
        class_weight="balanced",
        random_state=seed,
    ).fit(filled[drawn], is_member[drawn])
    tree = grown.tree_
    names = [str(name) for name in matrix]
    is_segment = [
        len(grown.classes_) == 2 and value[0, 1] > 0.5 for value in tree.value
    ]

    def walk(node: int, path: _Path) -> list[_Path]:
        left, right = tree.children_left[node], tree.children_right[node]
        if left == right:
            return [path] if is_segment[node] else []
        name, limit = names[tree.feature[node]], float(tree.threshold[node])
        bound = path.get(name, _Bound())
        below = walk(left, {**path, name: _Bound(bound.low, min(bound.high, limit))})
        above = walk(right, {**path, name: _Bound(max(bound.low, limit), bound.high)})
        is_one_answer = {*_answers(left)} == {*_answers(right)} == {True}
        return [path] if is_one_answer else below + above

    def _answers(node: int) -> list[bool]:
        left, right = tree.children_left[node], tree.children_right[node]
        if left == right:
            return [is_segment[node]]
        return _answers(left) + _answers(right)

    return walk(0, {})


def _plain_features(features: pd.DataFrame) -> pd.DataFrame:
    """Keep what has plain words; where a feature has no meaning, it is NaN."""
    matrix = checked_matrix(features).sort_index()
    plain = {
        name: matrix[name].where(applicable(matrix, name))
        for name in feature_names(matrix)
        if look_up(name).told
    }
    return pd.DataFrame(plain, index=matrix.index)


def _keep_largest(
    paths: list[_Path], matrix: pd.DataFrame, is_member: np.ndarray
) -> tuple[list[_Path], np.ndarray]:
    """Keep paths, the largest first, while each adds a tenth of the segment."""
    kept: list[_Path] = []
    fits = np.zeros(len(matrix), dtype=bool)
    by_size = sorted(paths, key=lambda path: -(_fits(path, matrix) & is_member).sum())
    for path in by_size:
        adds = _fits(path, matrix) & ~fits
        if (adds & is_member).sum() >= LEAST_ADDED * is_member.sum():
            kept.append(path)
            fits |= adds
    return kept, fits


def _round_path(path: _Path, matrix: pd.DataFrame) -> _Path:
    """Round limits to what is written: whole numbers, or three digits."""
    return {
        name: _Bound(_round(bound.low, matrix[name]), _round(bound.high, matrix[name]))
        for name, bound in path.items()
    }


def _round(limit: float, values: pd.Series) -> float:
    if not np.isfinite(limit):
        return limit
    if _is_whole(values):
        return float(np.floor(limit))
    return float(f"{limit:.3g}")


def _is_whole(values: pd.Series) -> bool:
    return bool((values.dropna() % 1 == 0).all())


def _fits(path: _Path, matrix: pd.DataFrame) -> np.ndarray:
    fits = np.ones(len(matrix), dtype=bool)
    for name, bound in path.items():
        values = matrix[name].to_numpy()
        fits &= (values > bound.low) & (values <= bound.high)
    return fits


def _tell_path(path: _Path, matrix: pd.DataFrame) -> str:
    """Write the conditions of one path, joined by 'and'."""
    return " and ".join(
        _tell_bound(name, bound, matrix[name]) for name, bound in sorted(path.items())
    )


def _tell_bound(name: str, bound: _Bound, values: pd.Series) -> str:
    """Write one condition; of whole numbers, 'more than 2' is 'at least 3'."""
    noun = look_up(name).noun
    is_whole = _is_whole(values)
    low = bound.low + 1 if is_whole else bound.low
    above = (
        f"at least {_limit(name, low)}" if is_whole else f"above {_limit(name, low)}"
    )
    below = f"at most {_limit(name, bound.high)}"
    if not np.isfinite(bound.low):
        return f"no {noun}" if bound.high == 0 and is_whole else f"{noun} {below}"
    if not np.isfinite(bound.high):
        return f"{noun} {above}"
    if is_whole and low == bound.high:
        return f"{noun} exactly {_limit(name, low)}"
    return f"{noun} {above} and {below}"


def _limit(name: str, value: float) -> str:
    kind = look_up(name).kind
    if kind == "share":
        return f"{format_number(100 * value)}%"
    if kind == "money":
        return format_level(name, value)
    return f"{value:,.6g}"


def _percent(share: float) -> str:
    """Write a share as a whole percentage; only all is 100%."""
    return f"{100 * share:.0f}%" if share == 1 else f"{min(99, round(100 * share))}%"
