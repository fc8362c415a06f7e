"""Find the groups that persons form, and tell to which of them a person belongs."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_samples, silhouette_score
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from ml.errors import TooFewPersonsError
from ml.features import clustered_names, feature_names
from ml.preprocessing import build_preprocessor

MIN_PERSONS = 20
SEARCH_SAMPLE = 20_000
TOLERATED_LOSS = 0.05
FEWEST_MEMBERS = 5
LEAST_SHARE = 0.01


@dataclass(frozen=True)
class ClusterModel:
    """A fitted clustering; nothing in it is about a single person.

    Attributes
    ----------
    pipeline : Pipeline
        Steps ``prepare`` (see `ml.preprocessing`) and ``cluster`` (k-means).
    feature_names : tuple of str
        The columns that it reads, by name, in sorted order.
    n_clusters : int
        How many clusters were chosen.
    scores : DataFrame of shape (n_candidates, 5)
        `n_clusters`, `silhouette` (-1 to 1), `inertia`, `smallest_share` (0 to 1) and
        `is_large_enough` (that share) of every number of clusters that was tried.
    """

    pipeline: Pipeline
    feature_names: tuple[str, ...]
    n_clusters: int
    scores: pd.DataFrame


def fit_clustering(
    features: pd.DataFrame,
    *,
    k_range: Iterable[int] = range(3, 9),
    silhouette_sample: int = 5_000,
    random_state: int = 0,
) -> ClusterModel:
    """Fit k-means to persons, with the number of clusters told by silhouettes.

    The rule: **of all k whose mean silhouette [1]_ is at least 95 % of the best, the
    largest one is taken**; a k counts only if its smallest cluster has at least 1 %
    of the persons, and 5 of them (if none does, all count). Silhouettes alone favour
    a few coarse groups; a twentieth of the best buys finer ones that are as clear.

    Candidates are fitted to at most 20,000 persons, and judged on at most
    `silhouette_sample` of these; the chosen one is fitted to everybody, from where it
    ended: ten starts of its own might end elsewhere, in what nobody judged. Rows are
    sorted by `user_id` and columns by name first, so their order does not matter.
    Clusters are numbered by falling size.

    Parameters
    ----------
    features : DataFrame of shape (n_persons, n_features)
        Indexed by `user_id`, unique; numbers, none missing or infinite. What
        `ml.features` says is not clustered is not read: it repeats others, or says
        only whether they were measured.
    k_range : iterable of int, default=range(3, 9)
        Numbers of clusters to try, each 2 or more.
    silhouette_sample : int, default=5000
        Persons that silhouettes are computed for; time grows with its square.
    random_state : int, default=0
        Seed of the sampling and of k-means' ten starts [2]_.

    Returns
    -------
    ClusterModel

    Raises
    ------
    TooFewPersonsError
        If there are fewer than 20 persons, or fewer different ones than clusters.
    ValueError
        If a value is missing, infinite or not a number, or a `user_id` occurs twice.

    References
    ----------
    .. [1] P. J. Rousseeuw, "Silhouettes: a graphical aid to the interpretation and
       validation of cluster analysis", Journal of Computational and Applied
       Mathematics 20 (1987), 53-65.
    .. [2] D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful
       seeding", Proceedings of the 18th ACM-SIAM Symposium on Discrete Algorithms
       (2007), 1027-1035.

    Examples
    --------
    >>> features = pd.DataFrame({"n_orders": [1] * 10 + [9] * 10 + [99] * 10})
    >>> model = fit_clustering(features)
    >>> model.n_clusters
    3
    >>> assign_clusters(model, features).nunique()
    3
    """
    if len(features) < MIN_PERSONS:
        raise TooFewPersonsError(
            f"{len(features)} persons are too few: it takes {MIN_PERSONS}"
        )
    matrix = checked_matrix(features[clustered_names(features)]).sort_index()
    # one thread: sums over several differ in their last digits from run to run
    with threadpool_limits(limits=1):
        preparer = build_preprocessor(matrix)
        prepared = preparer.fit_transform(matrix)
        candidates = _feasible(k_range, prepared)
        scores, centers = _score_candidates(
            prepared, candidates, silhouette_sample, random_state
        )
        n_clusters = _choose(scores)
        clusterer = _refit_kmeans(prepared, centers[n_clusters], random_state)
    return ClusterModel(
        pipeline=Pipeline([("prepare", preparer), ("cluster", _tidy(clusterer))]),
        feature_names=tuple(matrix.columns),
        n_clusters=n_clusters,
        scores=scores,
    )


def assign_clusters(model: ClusterModel, features: pd.DataFrame) -> pd.Series:
    """Assign every person to the nearest cluster of a fitted model.

    Parameters
    ----------
    model : ClusterModel
    features : DataFrame of shape (n_persons, n_features or more)
        Indexed by `user_id`; columns are found by name, others are ignored.

    Returns
    -------
    Series of shape (n_persons,)
        `label`, 0 to ``model.n_clusters - 1``, indexed as `features`.

    Raises
    ------
    ValueError
        If a column that the model reads is not there (it is named), or a value is
        missing, infinite or not a number.
    """
    labels = np.empty(0, dtype=int)
    matrix = _matrix_for(model, features)
    if len(matrix):
        labels = model.pipeline.predict(matrix).astype(int)
    return pd.Series(labels, index=features.index, name="label")


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
        prepared = model.pipeline["prepare"].transform(
            _matrix_for(model, features.loc[drawn.index])
        )
        silhouette = pd.Series(silhouette_samples(prepared, drawn), index=drawn.index)
    return silhouette.groupby(drawn).mean().rename("silhouette")


def checked_matrix(features: pd.DataFrame) -> pd.DataFrame:
    """Return features as floats, columns sorted by name.

    Raises
    ------
    ValueError
        If a `user_id` occurs twice, or a value is missing, infinite or no number.
    """
    if not features.index.is_unique:
        twice = features.index[features.index.duplicated()][0]
        raise ValueError(f"user_id {twice!r} occurs more than once")
    names = feature_names(features)
    matrix = features[names]
    for name in names:
        if not pd.api.types.is_numeric_dtype(matrix[name]):
            raise ValueError(f"feature {name!r} is not a number: {matrix[name].dtype}")
        if not np.isfinite(matrix[name].to_numpy(float, na_value=np.nan)).all():
            raise ValueError(f"feature {name!r} has missing or infinite values")
    return matrix.astype(float)


def _matrix_for(model: ClusterModel, features: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in model.feature_names if name not in features]
    if missing:
        raise ValueError(f"features of the model are missing: {', '.join(missing)}")
    return checked_matrix(features[list(model.feature_names)])


def _feasible(k_range: Iterable[int], prepared: np.ndarray) -> list[int]:
    n_distinct = len(np.unique(prepared.round(9), axis=0))
    wanted = sorted(set(k_range))
    if not wanted or wanted[0] < 2:
        raise ValueError(f"k_range must hold numbers of 2 or more, not {wanted}")
    feasible = [k for k in wanted if k <= n_distinct and k < len(prepared)]
    if not feasible:
        raise TooFewPersonsError(
            f"{n_distinct} different persons cannot form {wanted[0]} segments"
        )
    return feasible


def _score_candidates(
    prepared: np.ndarray, candidates: list[int], silhouette_sample: int, seed: int
) -> tuple[pd.DataFrame, dict[int, np.ndarray]]:
    """Fit and judge each number of clusters; give the scores, and where it ended."""
    rng = np.random.default_rng(seed)
    searched = prepared[rng.permutation(len(prepared))[:SEARCH_SAMPLE]]
    scores = []
    centers = {}
    for k in candidates:
        clusterer = _fit_kmeans(searched, k, seed)
        centers[k] = clusterer.cluster_centers_
        labels = np.asarray(clusterer.labels_)
        judged, judged_labels = searched[:silhouette_sample], labels[:silhouette_sample]
        n_judged = len(np.unique(judged_labels))
        scores.append(
            {
                "n_clusters": k,
                "silhouette": silhouette_score(judged, judged_labels)
                if 2 <= n_judged < len(judged)
                else 0.0,
                "inertia": clusterer.inertia_,
                "smallest_share": np.bincount(labels, minlength=k).min() / len(labels),
                "is_large_enough": np.bincount(labels, minlength=k).min()
                >= max(FEWEST_MEMBERS, LEAST_SHARE * len(labels)),
            }
        )
    return pd.DataFrame(scores), centers


def _choose(scores: pd.DataFrame) -> int:
    """Apply the rule of `fit_clustering`."""
    eligible = scores[scores["is_large_enough"]]
    if eligible.empty:
        eligible = scores
    best = eligible["silhouette"].max()
    close = eligible["silhouette"] >= best - TOLERATED_LOSS * abs(best)
    return int(eligible.loc[close, "n_clusters"].max())


def _fit_kmeans(prepared: np.ndarray, n_clusters: int, seed: int) -> KMeans:
    return KMeans(n_clusters, n_init=10, random_state=seed).fit(prepared)


def _refit_kmeans(prepared: np.ndarray, centers: np.ndarray, seed: int) -> KMeans:
    clusterer = KMeans(len(centers), init=centers, n_init=1, random_state=seed)
    return clusterer.fit(prepared)


def _tidy(clusterer: KMeans) -> KMeans:
    """Sort clusters by falling size, and forget who was in the fit.

    Centres are rounded: their last digits are the machine's, not the data's.
    """
    centers = clusterer.cluster_centers_.round(9)
    sizes = np.bincount(np.asarray(clusterer.labels_), minlength=len(centers))
    order = np.lexsort([*centers.T[::-1], -sizes])
    clusterer.cluster_centers_ = np.ascontiguousarray(centers[order])
    clusterer.labels_ = np.empty(0, dtype=np.int32)
    return clusterer.set_params(init="k-means++")  # not where it happened to begin
