"""Say in a few plain conditions who is in a segment."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from ml.features import FEWEST_DESCRIBED, feature_names, look_up
from ml.rules import (
    Bound,
    Column,
    Path,
    fits,
    read_column,
    round_path,
    tell_rule,
    write_sql,
)

MAX_DEPTH = 3
GROWN_FROM = 20_000
LEAST_ADDED = 0.1
LARGEST = 3e38  # the tree reads its numbers as floats of 32 bits


def explain_segments(
    features: pd.DataFrame, segment_ids: pd.Series, *, random_state: int = 0
) -> pd.DataFrame:
    """Explain each segment by the paths of a small decision tree.

    For every segment a tree of depth 3 [1]_ is grown that tells it from all other
    persons, both sides weighing the same, from at most 20,000 persons and the
    features that are numbers with plain words and a meaning for at least half of the
    segment. The paths that end in the segment are its rule, without those that add
    less than a tenth of it. Limits are rounded for reading, and the rule as it is
    written is then tried on everybody: that is its fidelity.

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
    DataFrame of shape (n_segments, 5)
        Indexed by segment_id, sorted. `rule_text` is the rule and its fidelity in
        words; `rule_sql` the rule as a condition on the columns of `features`, which
        selects exactly whom it fits: `true` where there is one segment only, `false`
        where there is no rule. `rule_accuracy` is the share of everybody whom the rule
        is right about, `rule_precision` of those it fits who belong to the segment,
        `rule_recall` of the segment whom it fits; 0 to 1, NaN where there is no rule.

    Raises
    ------
    ValueError
        If a person has no segment or is there twice, or a number is missing.

    References
    ----------
    .. [1] L. Breiman, J. H. Friedman, R. A. Olshen, C. J. Stone, "Classification and
       Regression Trees", Wadsworth (1984).

    Examples
    --------
    >>> features = pd.DataFrame({"n_orders": [1] * 15 + [9] * 5})
    >>> segment_ids = pd.Series(["segment_1"] * 15 + ["segment_2"] * 5)
    >>> explained = explain_segments(features, segment_ids)
    >>> explained["rule_text"]["segment_2"]  # doctest: +ELLIPSIS
    'Orders at least 6. Right for 100% of all persons...'
    >>> explained["rule_sql"].tolist()
    ['n_orders <= 5', 'n_orders >= 6']
    """
    if not features.index.is_unique:
        twice = features.index[features.index.duplicated()][0]
        raise ValueError(f"user_id {twice!r} occurs more than once")
    of_person = segment_ids.reindex(features.index)
    if of_person.isna().any():
        raise ValueError(f"{of_person.isna().sum()} persons have no segment")
    codes, segments = pd.factorize(of_person, sort=True)
    columns = {
        name: read_column(features, name)
        for name in feature_names(features)
        if look_up(name).told and _is_number(features[name])
    }
    drawn = _draw(features.index, random_state)
    rules = [
        _explain(columns, codes == code, drawn, random_state)
        for code in range(len(segments))
    ]
    explained = pd.DataFrame(rules, index=pd.Index(segments, name=segment_ids.name))
    return explained.astype({"rule_text": object, "rule_sql": object})


def _is_number(values: pd.Series) -> bool:
    """Tell whether SQL can compare a column with a number."""
    is_truth = pd.api.types.is_bool_dtype(values)
    return pd.api.types.is_numeric_dtype(values) and not is_truth


def _draw(ids: pd.Index, seed: int) -> np.ndarray:
    """Draw the places of those that trees grow from, by their ids alone."""
    places = np.arange(len(ids)) if ids.is_monotonic_increasing else ids.argsort()
    rng = np.random.default_rng(seed)
    return places[np.sort(rng.permutation(len(ids))[:GROWN_FROM])]


def _explain(
    columns: Mapping[str, Column], is_member: np.ndarray, drawn: np.ndarray, seed: int
) -> dict[str, str | float]:
    """Find, write and try the rule of one segment."""
    if is_member.all():
        return _rule("Everybody: there is no other segment.", "true", 1.0, 1.0, 1.0)
    if is_member.sum() < FEWEST_DESCRIBED:
        return _rule(
            "Too few persons to be explained without telling about single ones."
        )
    meant = {
        name: column
        for name, column in columns.items()
        if column.is_meant[is_member].mean() >= 0.5
    }
    paths, fitting = _keep_largest(
        [
            round_path(path, meant)
            for path in _find_paths(meant, is_member, drawn, seed)
        ],
        meant,
        is_member,
    )
    if not paths:
        return _rule("No short rule tells this segment from the others.")
    accuracy = float((fitting == is_member).mean())
    precision = float(is_member[fitting].mean())
    recall = float(fitting[is_member].mean())
    text = (
        f"{tell_rule(paths, meant)}. Right for {_percent(accuracy)} of all persons: it "
        f"fits {_percent(recall)} of this segment, and {_percent(precision)} of those "
        "it fits belong to it."
    )
    return _rule(text, write_sql(paths, meant), accuracy, precision, recall)


def _rule(
    text: str,
    sql: str = "false",
    accuracy: float = np.nan,
    precision: float = np.nan,
    recall: float = np.nan,
) -> dict[str, str | float]:
    return {
        "rule_text": text,
        "rule_sql": sql,
        "rule_accuracy": accuracy,
        "rule_precision": precision,
        "rule_recall": recall,
    }


def _find_paths(
    columns: Mapping[str, Column], is_member: np.ndarray, drawn: np.ndarray, seed: int
) -> list[Path]:
    """Grow the tree and walk to the leaves in which the segment prevails."""
    if not columns:
        return []
    names = list(columns)
    grown = DecisionTreeClassifier(
        max_depth=MAX_DEPTH,
        min_samples_leaf=FEWEST_DESCRIBED,
        class_weight="balanced",
        random_state=seed,
    ).fit(
        np.column_stack([_filled(columns[name], drawn) for name in names]),
        is_member[drawn],
    )
    tree = grown.tree_
    is_segment = [
        len(grown.classes_) == 2 and value[0, 1] > 0.5 for value in tree.value
    ]

    def walk(node: int, path: Path) -> list[Path]:
        left, right = tree.children_left[node], tree.children_right[node]
        if left == right:
            return [path] if is_segment[node] else []
        name, limit = names[tree.feature[node]], float(tree.threshold[node])
        bound = path.get(name, Bound())
        below = walk(left, {**path, name: Bound(bound.low, min(bound.high, limit))})
        above = walk(right, {**path, name: Bound(max(bound.low, limit), bound.high)})
        is_one_answer = {*_answers(left)} == {*_answers(right)} == {True}
        return [path] if is_one_answer else below + above

    def _answers(node: int) -> list[bool]:
        left, right = tree.children_left[node], tree.children_right[node]
        if left == right:
            return [is_segment[node]]
        return _answers(left) + _answers(right)

    return walk(0, {})


def _filled(column: Column, drawn: np.ndarray) -> np.ndarray:
    """Read the drawn values as the tree does.

    Whom a feature has no meaning for counts as ordinary here; no rule on it fits them.
    """
    numbers, is_meant = column.numbers[drawn], column.is_meant[drawn]
    ordinary = np.median(numbers[is_meant]) if is_meant.any() else 0.0
    return np.clip(np.where(is_meant, numbers, ordinary), -LARGEST, LARGEST)


def _keep_largest(
    paths: list[Path], columns: Mapping[str, Column], is_member: np.ndarray
) -> tuple[list[Path], np.ndarray]:
    """Keep paths, the largest first, while each adds a tenth of the segment."""
    kept: list[Path] = []
    fitting = np.zeros(len(is_member), dtype=bool)
    fitted = [(path, fits(path, columns)) for path in paths]
    for path, fits_path in sorted(
        fitted, key=lambda each: -np.count_nonzero(each[1] & is_member)
    ):
        adds = fits_path & is_member & ~fitting
        if np.count_nonzero(adds) >= LEAST_ADDED * np.count_nonzero(is_member):
            kept.append(path)
            fitting |= fits_path
    return kept, fitting


def _percent(share: float) -> str:
    """Write a share as a whole percentage; only all is 100%."""
    return f"{100 * share:.0f}%" if share == 1 else f"{min(99, round(100 * share))}%"
