"""Let segments of a new fit keep the ids of those whose members they took over."""

from collections.abc import Collection

import pandas as pd
from scipy.optimize import linear_sum_assignment

LEAST_OVERLAP = 0.3


def match_segments(
    previous: pd.Series,
    labels: pd.Series,
    value_of_label: pd.Series,
    *,
    retired: Collection[str] = (),
) -> dict[int, str]:
    """Give every new cluster the id of the old segment that it continues.

    The overlap of a cluster and a segment is the share of their persons that they
    have in common (Jaccard [1]_), among persons who are in both fits: people who came
    since then change nothing. Ids are handed on so that the sum of overlaps is
    greatest [2]_; below 0.3 a cluster is a new segment, with the next free number.
    On a first fit, all are new; new ones are numbered by falling value.

    Parameters
    ----------
    previous : Series of shape (n_previous_persons,)
        `segment_id` of each person, such as ``segment_3``, indexed by `user_id`.
    labels : Series of shape (n_persons,)
        The new cluster of each person, indexed by `user_id`.
    value_of_label : Series of shape (n_clusters,)
        What orders new segments, such as mean revenue; every label must be there.
    retired : collection of str, default=()
        Ids that earlier segments had, and that no new one may take again.

    Returns
    -------
    dict of int to str
        `segment_id` of every label, each once.

    Raises
    ------
    ValueError
        If a label has no value.

    References
    ----------
    .. [1] P. Jaccard, "The distribution of the flora in the alpine zone", New
       Phytologist 11 (1912), 37-50.
    .. [2] H. W. Kuhn, "The Hungarian method for the assignment problem", Naval
       Research Logistics Quarterly 2 (1955), 83-97.

    Examples
    --------
    >>> previous = pd.Series({"ann": "segment_1", "bob": "segment_2"})
    >>> labels = pd.Series({"ann": 1, "bob": 0, "eve": 2})
    >>> match_segments(previous, labels, pd.Series({0: 5, 1: 1, 2: 3}))
    {0: 'segment_2', 1: 'segment_1', 2: 'segment_3'}
    """
    valued = set(value_of_label.dropna().index)
    without_value = sorted(int(label) for label in set(labels.unique()) - valued)
    if without_value:
        raise ValueError(f"labels have no value: {without_value}")
    matched = _hand_on(previous.dropna(), labels)
    by_value = value_of_label.sort_index().sort_values(ascending=False, kind="stable")
    used = {*previous.dropna().unique(), *retired, *matched.values()}
    next_number = 1 + max((_number(segment_id) for segment_id in used), default=0)
    for label in by_value.index:
        if label not in matched:
            matched[label] = f"segment_{next_number}"
            next_number += 1
    return {int(label): matched[label] for label in sorted(matched)}


def _hand_on(previous: pd.Series, labels: pd.Series) -> dict[int, str]:
    """Match labels to old ids wherever they overlap enough."""
    both = pd.DataFrame({"segment_id": previous, "label": labels}).dropna()
    if both.empty:
        return {}
    shared = pd.crosstab(both["label"].astype(int), both["segment_id"]).sort_index()
    shared = shared.reindex(
        columns=sorted(shared, key=lambda name: (_number(name), name))
    )
    union = shared.sum(axis=1).to_numpy()[:, None] + shared.sum().to_numpy() - shared
    overlap = shared / union
    overlap = overlap.where(overlap >= LEAST_OVERLAP, 0)
    rows, columns = linear_sum_assignment(overlap.to_numpy(), maximize=True)
    return {
        overlap.index[row]: str(overlap.columns[column])
        for row, column in zip(rows, columns, strict=True)
        if overlap.iloc[row, column] > 0
    }


def _number(segment_id: str) -> int:
    """Read the number of an id; one of another form has none, and blocks none."""
    number = segment_id.removeprefix("segment_")
    return int(number) if number.isascii() and number.isdigit() else 0
