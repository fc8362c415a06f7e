"""The ways to cluster that compete, and how each of them is fitted."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import sklearn
from scipy.cluster.hierarchy import fcluster, ward
from scipy.spatial.distance import cdist
from sklearn.cluster import DBSCAN, HDBSCAN, KMeans
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from ml.errors import TooFewPersonsError
from ml.partition import Partition

METHODS = ("kmeans", "gaussian_mixture", "ward", "dbscan", "hdbscan")
COVARIANCES = ("full", "tied")
NOISE = -1
# Of a cluster that is found by density, so many centres tell its shape.
MOST_CENTERS = 12
FEWEST_AROUND_CENTER = 5
# DBSCAN: of the distances to the neighbour that makes a core, these quantiles, and
# where their curve bends; HDBSCAN: these shares of the persons make a cluster.
REACHED_BY = (0.5, 0.7, 0.9)
LEAST_DENSE_SHARES = (0.01, 0.02, 0.05)


@dataclass(frozen=True)
class Candidate:
    """A method and its parameters.

    `parameters` are those of the class of scikit-learn that fits it; of Ward's trees,
    which scipy grows, `n_clusters`.
    """

    candidate_id: str
    algorithm: str
    parameters: dict = field(default_factory=dict)


def list_candidates(
    points: np.ndarray,
    *,
    k_range: Iterable[int],
    methods: Sequence[str] = METHODS,
) -> list[Candidate]:
    """List what is to compete for these points; shape (n_points, n_dimensions).

    Raises
    ------
    ValueError
        If a method is unknown.
    TooFewPersonsError
        If so many points are the same that no method has anything to try.
    """
    unknown = sorted(set(methods) - set(METHODS))
    if unknown:
        raise ValueError(f"unknown methods: {', '.join(unknown)}; there are {METHODS}")
    makers: dict[str, Callable[[], list[Candidate]]] = {
        "kmeans": lambda: [
            Candidate(f"kmeans-{k}", "kmeans", {"n_clusters": k}) for k in k_range
        ],
        "gaussian_mixture": lambda: [
            Candidate(
                f"gaussian_mixture-{shape}-{k}",
                "gaussian_mixture",
                {"n_components": k, "covariance_type": shape},
            )
            for shape in COVARIANCES
            for k in k_range
        ],
        "ward": lambda: [
            Candidate(f"ward-{k}", "ward", {"n_clusters": k}) for k in k_range
        ],
        "dbscan": lambda: [
            Candidate(
                f"dbscan-{place}",
                "dbscan",
                {"eps": eps, "min_samples": _min_samples(points)},
            )
            for place, eps in enumerate(_reaches(points), start=1)
        ],
        "hdbscan": lambda: [
            Candidate(f"hdbscan-{size}", "hdbscan", {"min_cluster_size": size})
            for size in _least_sizes(points)
        ],
    }
    found = [one for method in METHODS if method in methods for one in makers[method]()]
    if not found:
        raise TooFewPersonsError(
            f"{' and '.join(methods)} cannot tell these persons apart: most are alike"
        )
    return found


@dataclass(frozen=True)
class Fit:
    """What a candidate makes of some points.

    Attributes
    ----------
    labels : ndarray of shape (n_points,)
        From 0 without a gap; -1 is noise.
    partition : Partition
        Where the clusters lie; it has a place for what is noise here, too.
    """

    labels: np.ndarray
    partition: Partition


def fit_candidates(
    candidates: Sequence[Candidate],
    points: np.ndarray,
    *,
    seed: int = 0,
    n_starts: int = 10,
) -> list[Fit]:
    """Cluster points in each way.

    Clusters of k-means and Ward have one centre. One that was found by density has
    one for each of up to twelve parts, of five points at least, so that no centre is a
    single person. Where all is noise, there is one cluster.

    Parameters
    ----------
    candidates : sequence of Candidate
    points : ndarray of shape (n_points, n_dimensions)
    seed : int, default=0
    n_starts : int, default=10
        Of k-means; a mixture begins once, where k-means ended.

    Returns
    -------
    list of Fit
    """
    tree = ward(points) if any(one.algorithm == "ward" for one in candidates) else None
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        return [_fit(one, points, tree, seed, n_starts) for one in candidates]


def rescale_candidate(
    candidate: Candidate, points: np.ndarray, n_points: int
) -> Candidate:
    """Give a candidate for many points the parameters that mean the same for fewer.

    HDBSCAN's least cluster keeps its share; DBSCAN looks further, so that as many
    neighbours are within reach. The others know no density.
    """
    share = n_points / len(points)
    parameters = dict(candidate.parameters)
    if candidate.algorithm == "hdbscan":
        parameters["min_cluster_size"] = max(
            FEWEST_AROUND_CENTER, round(share * parameters["min_cluster_size"])
        )
    if candidate.algorithm == "dbscan":
        parameters["eps"] *= share ** (-1 / points.shape[1])
    return replace(candidate, parameters=parameters)


def find_elbow(n_clusters: Sequence[int], inertias: Sequence[float]) -> int | None:
    """Find where more clusters begin to gain little; None if nowhere.

    References
    ----------
    .. [1] V. Satopaa, J. Albrecht, D. Irwin, B. Raghavan, "Finding a 'kneedle' in a
       haystack", 31st International Conference on Distributed Computing Systems
       Workshops (2011), 166-171.

    Examples
    --------
    >>> find_elbow([2, 3, 4, 5, 6], [100, 50, 10, 9, 8])
    4
    """
    return _find_bend(n_clusters, inertias, direction="decreasing")


def _fit(
    candidate: Candidate,
    points: np.ndarray,
    tree: np.ndarray | None,
    seed: int,
    n_starts: int,
) -> Fit:
    algorithm, parameters = candidate.algorithm, candidate.parameters
    if algorithm == "gaussian_mixture":
        return _fit_mixture(parameters, points, seed)
    if algorithm == "kmeans":
        clusterer = KMeans(**parameters, n_init=n_starts, random_state=seed)
        labels = clusterer.fit_predict(points)
    elif algorithm == "ward":
        labels = fcluster(tree, parameters["n_clusters"], "maxclust")
    elif algorithm == "dbscan":
        labels = DBSCAN(**parameters).fit_predict(points)
    else:
        labels = HDBSCAN(**parameters, copy=True).fit_predict(points)
    labels = _compact(labels)
    if labels.max() == NOISE:
        centers, owners = points.mean(axis=0)[None], np.zeros(1, dtype=int)
    else:
        centers, owners = _find_centers(
            points, labels, seed, is_ball=algorithm in ("kmeans", "ward")
        )
    return Fit(labels, _around(centers, owners, points))


def _fit_mixture(parameters: dict, points: np.ndarray, seed: int) -> Fit:
    """Fit a mixture; what holds nobody is no component."""
    mixture = GaussianMixture(
        **parameters,
        tol=1e-2,
        reg_covar=1e-3 * float(points.var(axis=0).mean()) + 1e-12,
        random_state=seed,
    ).fit(points)
    around = _around(mixture.means_, np.arange(mixture.n_components), points)
    partition = Partition(around.centers, around.labels, around.spread, mixture)
    return Fit(partition.assign(points), partition)


def _compact(labels: np.ndarray) -> np.ndarray:
    """Give clusters numbers from 0 without a gap; noise stays -1."""
    clusters = np.unique(labels[labels >= 0])
    return np.where(labels >= 0, np.searchsorted(clusters, labels), NOISE)


def _find_centers(
    points: np.ndarray, labels: np.ndarray, seed: int, *, is_ball: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Give the centres of clusters, and the cluster of each centre."""
    centers, owners = [], []
    for label in range(labels.max() + 1):
        members = points[labels == label]
        found = [members.mean(axis=0)] if is_ball else _centers_of(members, seed)
        centers += list(found)
        owners += [label] * len(found)
    return np.array(centers), np.array(owners)


def _around(centers: np.ndarray, labels: np.ndarray, points: np.ndarray) -> Partition:
    """Measure how far points lie from their nearest centre."""
    away = cdist(points, centers, "sqeuclidean").min(axis=1)
    return Partition(centers, labels, float(away.mean() / points.shape[1]))


def _centers_of(members: np.ndarray, seed: int) -> np.ndarray:
    """Part the members of one cluster, so that centres tell its shape."""
    n_parts = min(MOST_CENTERS, max(1, len(members) // (4 * FEWEST_AROUND_CENTER)))
    fitted = KMeans(n_parts, n_init=1, random_state=seed).fit(members)
    sizes = np.bincount(fitted.labels_, minlength=n_parts)
    return fitted.cluster_centers_[sizes >= min(FEWEST_AROUND_CENTER, sizes.max())]


def _find_bend(
    places: Sequence[int] | np.ndarray,
    heights: Sequence[float] | np.ndarray,
    *,
    direction: str,
) -> int | None:
    """Find where a convex curve bends; None if it is flat or too short to."""
    if len(places) < 3 or np.ptp(heights) == 0:
        return None
    from kneed import KneeLocator  # with matplotlib: a run that trains nothing has none

    bend = KneeLocator(places, heights, curve="convex", direction=direction).knee
    return None if bend is None else int(bend)


def _min_samples(points: np.ndarray) -> int:
    return max(5, 2 * points.shape[1])


def _reaches(points: np.ndarray) -> list[float]:
    """Give the distances within which DBSCAN is to look for neighbours."""
    n_neighbours = min(_min_samples(points), len(points)) - 1
    away = NearestNeighbors(n_neighbors=max(1, n_neighbours)).fit(points).kneighbors()
    furthest = np.sort(away[0][:, -1])
    reaches = set(np.quantile(furthest, REACHED_BY))
    bend = _find_bend(np.arange(len(furthest)), furthest, direction="increasing")
    if bend is not None:
        reaches.add(furthest[bend])
    return sorted({round(float(reach), 9) for reach in reaches if reach > 0})


def _least_sizes(points: np.ndarray) -> list[int]:
    sizes = {max(5, round(share * len(points))) for share in LEAST_DENSE_SHARES}
    return sorted(size for size in sizes if 1 < size <= len(points))
