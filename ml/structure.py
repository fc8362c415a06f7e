"""Whether there are groups at all, and in which directions they show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from ml.contest import LEAST_STABILITY
from ml.preprocessing import Reduction, build_reducer

N_CLOUDS = 10
MOST_IN_CLOUD = 1_000
CLEARER_BY = 0.1
STANDARD_DEVIATIONS = 3.0
SO_MUCH_CLEARER = 2.2
PERSONS_A_COLUMN = 5


@dataclass(frozen=True)
class Verdict:
    """Whether clusters are clearer than those of clouds without any.

    Attributes
    ----------
    is_structured : bool
    silhouette : float
        Of the clustering; -1 to 1.
    of_clouds : float
        The mean silhouette of as many clusters of structureless clouds.
    message : str
    """

    is_structured: bool
    silhouette: float
    of_clouds: float
    message: str


def choose_reduction(
    scaled: np.ndarray, k_range: Sequence[int], *, seed: int = 0
) -> Reduction:
    """Choose between principal components and canonical variables.

    How clear groups are in a space is the best mean silhouette of k-means over
    `k_range`, less that of structureless clouds in a space found in the same way for
    them, over the most that it could be more (Tibshirani's gap [1]_, with silhouettes
    for inertia). Canonical variables are made to let groups look clear: they are
    taken only if groups are more than 2.2 times as clear in them, and only if there
    are five persons for each column to tell them from (or a thousand).

    Parameters
    ----------
    scaled : ndarray of shape (n_persons, n_columns)
        Scaled and weighed columns.
    k_range : sequence of int
    seed : int, default=0

    Returns
    -------
    {"principal", "canonical"}

    References
    ----------
    .. [1] R. Tibshirani, G. Walther, T. Hastie, "Estimating the number of clusters in
       a data set via the gap statistic", Journal of the Royal Statistical Society B
       63 (2001), 411-423.
    """
    few = scaled[:MOST_IN_CLOUD]
    if len(few) < min(MOST_IN_CLOUD, PERSONS_A_COLUMN * scaled.shape[1]):
        return "principal"
    clear: dict[str, float] = {}
    for reduction in ("principal", "canonical"):
        points = build_reducer(reduction).fit_transform(few)
        by_k = {
            k: _silhouette_of_kmeans(points, k, seed) for k in k_range if k < len(few)
        }
        best = max(by_k, key=lambda k: by_k[k])
        of_clouds = _silhouettes_of_clouds(few, reduction, best, 2, seed).mean()
        clear[reduction] = (by_k[best] - of_clouds) / (1 - of_clouds)
    if clear["canonical"] > SO_MUCH_CLEARER * max(clear["principal"], 0):
        return "canonical"
    return "principal"


def judge_structure(
    scaled: np.ndarray,
    reduction: Reduction,
    points: np.ndarray,
    labels: np.ndarray,
    *,
    stability: float,
    seed: int = 0,
) -> Verdict:
    """Judge a clustering by those of clouds that have no clusters.

    A cloud has as many persons (at most 1,000), their means and their covariance, and
    is spread evenly in a box along the principal axes: of all that has one hump, what
    is spread evenly looks most like clusters [1]_. It goes through the same reduction,
    fitted to it, and k-means. A clustering has to be three standard deviations clearer
    than ten such clouds, and clearer by a tenth at least. One cluster is no structure,
    nor is a clustering that other persons of the same kind would not have given:
    columns of few values that have nothing to do with each other lie in lumps, which
    look clear, and every sample sorts them differently.

    Parameters
    ----------
    scaled : ndarray of shape (n_persons, n_columns)
        Scaled and weighed columns.
    reduction : {"principal", "canonical"}
    points : ndarray of shape (n_judged, n_dimensions)
        Persons in the space in which they were clustered.
    labels : ndarray of shape (n_judged,)
        The cluster of each.
    stability : float
        See `ml.contest.hold_contest`, which takes something unstable only if all is.
    seed : int, default=0

    Returns
    -------
    Verdict

    References
    ----------
    .. [1] R. Tibshirani, G. Walther, T. Hastie, "Estimating the number of clusters in
       a data set via the gap statistic", Journal of the Royal Statistical Society B
       63 (2001), 411-423; theorem 1 on page 415.
    """
    n_clusters = len(np.unique(labels))
    if not 2 <= n_clusters < len(labels):
        message = "no structure found: no test parts one cluster from another"
        return Verdict(False, 0.0, 0.0, message)
    silhouette = float(silhouette_score(points, labels))
    of_clouds = _silhouettes_of_clouds(
        scaled[:MOST_IN_CLOUD], reduction, n_clusters, N_CLOUDS, seed
    )
    mean, deviation = float(of_clouds.mean()), float(of_clouds.std(ddof=1))
    bar = mean + max(STANDARD_DEVIATIONS * deviation, CLEARER_BY * abs(mean))
    compared = (
        f"silhouette {silhouette:.3f}, of structureless clouds with the same "
        f"covariance {mean:.3f} (standard deviation {deviation:.3f})"
    )
    if stability < LEAST_STABILITY:
        compared = f"nothing is stable, the best by {stability:.2f}; {compared}"
    elif silhouette > bar:
        return Verdict(True, silhouette, mean, compared)
    return Verdict(False, silhouette, mean, f"no structure found: {compared}")


def _silhouettes_of_clouds(
    points: np.ndarray, reduction: Reduction, n_clusters: int, n_clouds: int, seed: int
) -> np.ndarray:
    """Cut clouds like these points in as many clusters, and see how clear they look."""
    return np.array(
        [
            _silhouette_of_kmeans(
                build_reducer(reduction).fit_transform(cloud), n_clusters, seed
            )
            for cloud in _clouds(points, n_clouds, seed)
        ]
    )


def _clouds(points: np.ndarray, n_clouds: int, seed: int) -> Iterator[np.ndarray]:
    """Make clouds with the means and the covariance of points, spread evenly."""
    mean = points.mean(axis=0)
    _, lengths, axes = np.linalg.svd(points - mean, full_matrices=False)
    reach = lengths * np.sqrt(3 / len(points))
    rng = np.random.default_rng(seed)
    for _ in range(n_clouds):
        yield rng.uniform(-1, 1, (len(points), len(reach))) * reach @ axes + mean


def _silhouette_of_kmeans(points: np.ndarray, n_clusters: int, seed: int) -> float:
    labels = KMeans(n_clusters, n_init=3, random_state=seed).fit_predict(points)
    if not 2 <= len(np.unique(labels)) < len(points):
        return 0.0
    return float(silhouette_score(points, labels))
