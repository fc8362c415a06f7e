"""Let segments of a new fit keep the ids of those that they continue."""

from collections.abc import Collection, Iterable, Iterator
from itertools import count

import pandas as pd
from scipy.optimize import linear_sum_assignment

LEAST_OVERLAP = 1 / 3


def match_segments(
    previous: pd.Series,
    labels: pd.Series,
    value_of_label: pd.Series,
    *,
    by_old_model: pd.Series | None = None,
    retired: Collection[str] = (),
) -> dict[int, str]:
    """Give every new cluster the id of the old segment that it continues.

    Two things tell what continues what: in which segment the persons of a cluster
    were, and in which one the old model would put them as they are today, which
    compares both fits' centres in the old one's space, and works where nobody is in
    both. Each is a vote of a person; the overlap of a cluster and a segment is the
    share of votes for either that are for both (Jaccard [1]_). Who is in one fit only
    has no vote about members: people who came since change nothing.

    Ids are handed on so that the sum of overlaps is greatest [2]_. It takes more than
    a third: two clusterings in halves that have nothing to do with each other share
    that by chance. So the larger part of a segment that fell in two keeps its id, and
    none does of one that fell in three alike. What continues nothing is a new segment
    with the next free number; new ones are numbered by falling value.

    Parameters
    ----------
    previous : Series of shape (n_previous_persons,)
        `segment_id` of each person, such as ``segment_3``, indexed by `user_id`.
    labels : Series of shape (n_persons,)
        The new cluster of each person, indexed by `user_id`.
    value_of_label : Series of shape (n_clusters,)
        What orders new segments, such as mean revenue; every label must be there.
    by_old_model : Series of shape (n_persons,), optional
        `segment_id` that the old model gives each person today, indexed by `user_id`.
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
    old = [previous] if by_old_model is None else [previous, by_old_model]
    matched = _hand_on(pd.concat([_votes(segment_ids, labels) for segment_ids in old]))
    by_value = value_of_label.sort_index().sort_values(ascending=False, kind="stable")
    free = next_segment_ids(
        set(retired).union(*(segment_ids.dropna() for segment_ids in old))
    )
    for label in by_value.index:
        if label not in matched:
            matched[label] = next(free)
    return {int(label): matched[label] for label in sorted(matched)}


def next_segment_ids(used: Collection[str]) -> Iterator[str]:
    """Give ids that no segment ever had, such as ``segment_8``, by rising number."""
    first = 1 + max((_number(segment_id) for segment_id in used), default=0)
    return (f"segment_{number}" for number in count(first))


def find_successors(previous: pd.Series, segment_ids: pd.Series) -> pd.DataFrame:
    """Tell what became of every segment of the last fit.

    Parameters
    ----------
    previous : Series of shape (n_previous_persons,)
        `segment_id` of each person before, indexed by `user_id`.
    segment_ids : Series of shape (n_persons,)
        `segment_id` of each person after, indexed by `user_id`.

    Returns
    -------
    DataFrame of shape (n_previous_segments, 5)
        Ordered by number: `segment_id`; `successor_id`; `kind`: ``kept`` if the id goes
        on, ``succeeded`` by the segment that took most of its members (the lowest
        number of several), ``ended`` if none of them is left (no `successor_id`);
        `n_shared` persons who are in both; `shared_share`, these among its members who
        are still there, 0 to 1.

    Examples
    --------
    >>> before = pd.Series({"ann": "segment_1", "bob": "segment_2", "eve": "segment_3"})
    >>> after = pd.Series({"ann": "segment_1", "bob": "segment_1"})
    >>> find_successors(before, after)["kind"].tolist()
    ['kept', 'succeeded', 'ended']
    """
    shared = _votes(previous, segment_ids).value_counts()
    current = set(segment_ids.dropna())
    rows = []
    for segment_id in _by_number(previous.dropna().unique()):
        went_to = {
            successor_id: int(shared[segment_id, successor_id])
            for successor_id in _by_number(current)
            if (segment_id, successor_id) in shared.index
        }
        if segment_id in current:
            kind, successor_id = "kept", segment_id
        elif went_to:
            kind, successor_id = "succeeded", max(went_to, key=went_to.__getitem__)
        else:
            kind, successor_id = "ended", None
        n_shared = went_to.get(successor_id, 0)
        rows.append(
            {
                "segment_id": segment_id,
                "successor_id": successor_id,
                "kind": kind,
                "n_shared": n_shared,
                "shared_share": n_shared / max(1, sum(went_to.values())),
            }
        )
    columns = ["segment_id", "successor_id", "kind", "n_shared", "shared_share"]
    return pd.DataFrame(rows, columns=columns)


def _votes(before: pd.Series, after: pd.Series) -> pd.DataFrame:
    """Pair what each person who is in both had before, and has after."""
    return pd.DataFrame({"before": before, "after": after}).dropna()


def _hand_on(votes: pd.DataFrame) -> dict[int, str]:
    """Match labels to old ids wherever they overlap enough."""
    if votes.empty:
        return {}
    shared = pd.crosstab(votes["after"].astype(int), votes["before"]).sort_index()
    shared = shared.reindex(columns=_by_number(shared.columns))
    union = shared.sum(axis=1).to_numpy()[:, None] + shared.sum().to_numpy() - shared
    overlap = shared / union
    overlap = overlap.where(overlap > LEAST_OVERLAP, 0)
    rows, columns = linear_sum_assignment(overlap.to_numpy(), maximize=True)
    return {
        overlap.index[row]: str(overlap.columns[column])
        for row, column in zip(rows, columns, strict=True)
        if overlap.iloc[row, column] > 0
    }


def _by_number(segment_ids: Iterable[str]) -> list[str]:
    return sorted(segment_ids, key=lambda name: (_number(name), name))


def _number(segment_id: str) -> int:
    """Read the number of an id; one of another form has none, and blocks none."""
    number = segment_id.removeprefix("segment_")
    return int(number) if number.isascii() and number.isdigit() else 0
