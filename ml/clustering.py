"""Find the groups that persons form, and tell to which of them a person belongs."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import silhouette_samples
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from ml.candidates import METHODS, Candidate, list_candidates
from ml.contest import Contest, hold_contest
from ml.errors import TooFewPersonsError
from ml.features import clustered_names, feature_names
from ml.partition import Partition
from ml.preprocessing import Reduction, Scaling, build_preprocessor, build_reducer
from ml.structure import Verdict, choose_reduction, judge_structure
from ml.validation import LEAST_COUNT, LEAST_SHARE, merge_unparted

MIN_PERSONS = 20
LEARNT_FROM = 100_000
CONTESTED = 4_000
K_RANGE = range(2, 11)
CHUNK = 100_000


@dataclass(frozen=True)
class ClusterModel:
    """A fitted clustering; nothing in it is about a single person.

    Attributes
    ----------
    prepare : Pipeline
        Steps ``scale`` and ``reduce``, see `ml.preprocessing`.
    partition : Partition
        Where the clusters lie in the prepared space.
    feature_names : tuple of str
        The columns that it reads, by name, in sorted order.
    winner : Candidate
        The method that was chosen, and its parameters.
    reduction : {"principal", "canonical"}
    scores : DataFrame of shape (n_candidates, 15)
        The whole comparison, see `ml.contest.hold_contest`.
    verdict : Verdict
        Whether the clusters are clearer than those of a cloud without any.
    merges : DataFrame of shape (n_merges, 4)
        Which clusters no test parted, see `ml.validation.merge_unparted`.
    n_learnt, n_contested : int
        From how many persons the model was fitted, and how many the candidates were
        compared on.
    """

    prepare: Pipeline
    partition: Partition
    feature_names: tuple[str, ...]
    winner: Candidate
    reduction: Reduction
    scores: pd.DataFrame
    verdict: Verdict
    merges: pd.DataFrame
    n_learnt: int
    n_contested: int

    @property
    def n_clusters(self) -> int:
        """Count the clusters that persons are assigned to."""
        return self.partition.n_clusters


def fit_clustering(
    features: pd.DataFrame,
    *,
    k_range: Iterable[int] = K_RANGE,
    methods: Sequence[str] = METHODS,
    scaling: Scaling = "standard",
    least_share: float = LEAST_SHARE,
    random_state: int = 0,
) -> ClusterModel:
    """Let several ways to cluster compete, validate the winner, and fit it.

    Features are prepared as `ml.preprocessing` says, k-means, Gaussian mixtures,
    Ward's trees, DBSCAN and HDBSCAN compete by the rule of `ml.contest.hold_contest`,
    clusters that are too small join the nearest, neighbours that no test parts are
    merged (`ml.validation`), and what is left is judged against structureless clouds
    (`ml.structure`): the model's verdict says whether there is anything to be seen.

    Sampling: the model is fitted to at most 100,000 persons, drawn at random; the
    candidates are fitted to, and compared on, at most 4,000 of these. Rows are sorted
    by `user_id` and columns by name first, so their order does not matter. Clusters
    are numbered by falling size.

    Parameters
    ----------
    features : DataFrame of shape (n_persons, n_features)
        Indexed by `user_id`, unique; numbers, none missing or infinite, or text. What
        `ml.features` says is not clustered is not read: it repeats others, or says
        only whether they were measured.
    k_range : iterable of int, default=range(2, 11)
        Numbers of clusters to try, each 2 or more.
    methods : sequence of str
        Which methods compete.
    scaling : {"standard", "robust", "min_max"}, default="standard"
    least_share : float, default=0.01
        The least share of the persons that is a cluster; five persons at least are.
    random_state : int, default=0
        Seed of the sampling and of every fit.

    Returns
    -------
    ClusterModel

    Raises
    ------
    TooFewPersonsError
        If there are fewer than 20 persons, or they are all alike.
    ValueError
        If a value is missing or infinite, a `user_id` occurs twice, or a method is
        unknown.

    Examples
    --------
    >>> features = pd.DataFrame({"n_orders": [1] * 10 + [9] * 10 + [99] * 10})
    >>> model = fit_clustering(features, methods=["kmeans"])
    >>> model.n_clusters
    3
    >>> assign_clusters(model, features).nunique()
    3
    """
    require_enough(features)
    matrix = checked_matrix(features[clustered_names(features)]).sort_index()
    drawn = np.random.default_rng(random_state).permutation(len(matrix))[:LEARNT_FROM]
    matrix = matrix.iloc[drawn]
    # one thread: sums over several differ in their last digits from run to run
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # a sample of few different persons has fewer clusters than are asked for
        warnings.simplefilter("ignore", ConvergenceWarning)
        scaler = build_preprocessor(matrix, scaling=scaling)["scale"]
        scaled = scaler.fit_transform(matrix)
        k_list = _feasible(k_range, scaled)
        reduction = choose_reduction(scaled, k_list, seed=random_state)
        reducer = build_reducer(reduction).fit(scaled)
        prepared = reducer.transform(scaled)
        few = prepared[:CONTESTED]
        contest = hold_contest(
            few,
            list_candidates(few, k_range=k_list, methods=methods),
            least_share=least_share,
            least_count=LEAST_COUNT,
            seed=random_state,
        )
        partition = _refit(contest, prepared, random_state)
        partition, merges = _merge(partition, matrix.iloc[:CONTESTED], few)
        partition = _number_by_size(partition, prepared)
        verdict = judge_structure(
            scaled,
            reduction,
            few,
            partition.assign(few),
            stability=float(
                contest.scores["stability"][contest.scores["is_chosen"]].iloc[0]
            ),
            seed=random_state,
        )
    return ClusterModel(
        prepare=Pipeline([("scale", scaler), ("reduce", reducer)]),
        partition=partition,
        feature_names=tuple(matrix.columns),
        winner=contest.winner,
        reduction=reduction,
        scores=contest.scores,
        verdict=verdict,
        merges=merges,
        n_learnt=len(prepared),
        n_contested=len(few),
    )


def require_enough(features: pd.DataFrame) -> None:
    """Refuse to form segments of fewer than 20 persons.

    Raises
    ------
    TooFewPersonsError
        If there are fewer rows.
    """
    if len(features) < MIN_PERSONS:
        raise TooFewPersonsError(
            f"{len(features)} persons are too few: it takes {MIN_PERSONS}"
        )


def locate_persons(model: ClusterModel, features: pd.DataFrame) -> pd.DataFrame:
    """Tell where every person is among the clusters of a fitted model.

    Parameters
    ----------
    model : ClusterModel
    features : DataFrame of shape (n_persons, n_features or more)
        Indexed by `user_id`; columns are found by name, others are ignored.

    Returns
    -------
    DataFrame of shape (n_persons, 4)
        `label`, `distance`, `confidence` and `next_label`, see
        `ml.partition.Partition.locate`, indexed as `features`.

    Raises
    ------
    ValueError
        If a column that the model reads is not there (it is named), or a value is
        missing, infinite or not a number.
    """
    with threadpool_limits(limits=1):
        located = model.partition.locate(_prepare(model, features))
    # the last digits are the machine's, not the data's
    return located.round(9).set_index(features.index)


def assign_clusters(model: ClusterModel, features: pd.DataFrame) -> pd.Series:
    """Give the `label` of every person alone; see `locate_persons`."""
    return locate_persons(model, features)["label"]


def silhouettes_by_cluster(
    model: ClusterModel,
    features: pd.DataFrame,
    labels: pd.Series,
    *,
    sample: int = 5_000,
    random_state: int = 0,
) -> pd.Series:
    """Measure how clearly each cluster stands apart from the others.

    Parameters
    ----------
    model : ClusterModel
        Gives the space in which distances are taken.
    features : DataFrame of shape (n_persons, n_features or more)
    labels : Series of shape (n_persons,)
        The cluster of each person, indexed by `user_id`.
    sample : int, default=5000
        Persons to compute it for, the same number of every cluster as far as there
        are; an average distance to a cluster does not depend on how many are drawn.
    random_state : int, default=0
        Seed of the drawing.

    Returns
    -------
    Series of shape (n_labels,)
        The mean `silhouette`, -1 to 1, indexed by label. It is 0 for a cluster of one
        person, as Rousseeuw has it, and where there is one cluster only.

    References
    ----------
    .. [1] P. J. Rousseeuw, "Silhouettes: a graphical aid to the interpretation and
       validation of cluster analysis", Journal of Computational and Applied
       Mathematics 20 (1987), 53-65; the single person on page 56.
    """
    ordered = labels.sort_index()
    each = max(1, sample // max(1, ordered.nunique()))
    drawn = (
        ordered.sample(frac=1, random_state=random_state)
        .groupby(ordered, sort=True)
        .head(each)
    )
    if not 2 <= drawn.nunique() < len(drawn):
        silhouette = pd.Series(0.0, index=drawn.index)
    else:
        prepared = _prepare(model, features.loc[drawn.index])
        silhouette = pd.Series(silhouette_samples(prepared, drawn), index=drawn.index)
    return silhouette.groupby(drawn).mean().rename("silhouette")


def checked_matrix(features: pd.DataFrame) -> pd.DataFrame:
    """Return numbers as floats and all else as text, columns sorted by name.

    Raises
    ------
    ValueError
        If a `user_id` occurs twice, or a number is missing or infinite.
    """
    if not features.index.is_unique:
        twice = features.index[features.index.duplicated()][0]
        raise ValueError(f"user_id {twice!r} occurs more than once")
    names = feature_names(features)
    matrix = features[names]
    numbers = [name for name in names if is_numeric_dtype(matrix[name])]
    for name in numbers:
        if not np.isfinite(matrix[name].to_numpy(float, na_value=np.nan)).all():
            raise ValueError(f"feature {name!r} has missing or infinite values")
    texts = {
        name: matrix[name].astype("object").where(matrix[name].notna(), "").map(str)
        for name in names
        if name not in numbers
    }
    return matrix.astype(dict.fromkeys(numbers, float)).assign(**texts)


def _prepare(model: ClusterModel, features: pd.DataFrame) -> np.ndarray:
    """Bring persons into the space of the model, part by part."""
    missing = [name for name in model.feature_names if name not in features]
    if missing:
        raise ValueError(f"features of the model are missing: {', '.join(missing)}")
    columns = features[list(model.feature_names)]
    parts = [
        model.prepare.transform(checked_matrix(columns.iloc[begin : begin + CHUNK]))
        for begin in range(0, len(columns), CHUNK)
    ]
    return np.vstack([np.empty((0, model.partition.centers.shape[1])), *parts])


def _feasible(k_range: Iterable[int], scaled: np.ndarray) -> list[int]:
    n_distinct = len(np.unique(scaled[:CONTESTED].round(9), axis=0))
    wanted = sorted(set(k_range))
    if not wanted or wanted[0] < 2:
        raise ValueError(f"k_range must hold numbers of 2 or more, not {wanted}")
    feasible = [k for k in wanted if k <= n_distinct and k < len(scaled)]
    if not feasible:
        raise TooFewPersonsError(
            f"{n_distinct} different persons cannot form {wanted[0]} segments"
        )
    return feasible


def _refit(contest: Contest, prepared: np.ndarray, seed: int) -> Partition:
    """Fit k-means on, to all that is learnt from, from where it ended.

    Ten starts of its own might end elsewhere, in what nobody judged. The others are
    where they were found.
    """
    found = contest.partition
    if contest.winner.algorithm != "kmeans":
        return found
    clusterer = KMeans(len(found.centers), init=found.centers, random_state=seed)
    centers = clusterer.fit(prepared).cluster_centers_
    return Partition(centers, found.labels, found.spread)


def _merge(
    partition: Partition, features: pd.DataFrame, prepared: np.ndarray
) -> tuple[Partition, pd.DataFrame]:
    """Make one of clusters that no test parts."""
    labels = pd.Series(partition.assign(prepared), index=features.index)
    _, merges = merge_unparted(features, prepared, labels)
    label_of = np.arange(partition.n_clusters)
    for label, into in zip(merges["label"], merges["merged_into"], strict=True):
        label_of[label_of == label] = into
    return partition.relabel(np.unique(label_of, return_inverse=True)[1]), merges


def _number_by_size(partition: Partition, prepared: np.ndarray) -> Partition:
    """Give clusters numbers by falling size; round centres.

    The last digits of a centre are the machine's, not the data's.
    """
    sizes = np.bincount(partition.assign(prepared), minlength=partition.n_clusters)
    first = [
        partition.centers[partition.labels == label][0]
        for label in range(partition.n_clusters)
    ]
    order = np.lexsort([*np.array(first).round(9).T[::-1], -sizes])
    numbered = partition.relabel(np.argsort(order))
    return Partition(
        numbered.centers.round(9), numbered.labels, numbered.spread, numbered.mixture
    )
