"""Directions along which persons part, told from how alike neighbours are."""

import numpy as np
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.neighbors import NearestNeighbors

MOST_LEARNT_FROM = 3_000
FEWEST_NEIGHBOURS = 10
SAME = 1e-9  # of the whole variance: what is left of it by rounding alone


class CanonicalVariables(TransformerMixin, BaseEstimator):
    """Canonical variables of clusters that nobody has named yet.

    Principal components are the directions of much variance, whether it parts groups
    or is noise within them. Here the scatter within groups is guessed from pairs of
    neighbours, who are mostly of one group [1]_, and directions are ordered by how
    much of the whole variance there is for each unit of that scatter: what linear
    discriminant analysis does when groups are known. Neighbours are looked for anew in
    the space so found, `rounds` times. (SAS has the method as ACECLUS.)

    Parameters
    ----------
    kept_share : float, default=0.8
        Of the sum of these ratios, the share that the directions kept must hold.
    neighbour_share : float, default=0.04
        Of the persons, how many are neighbours of one; 10 at least.
    ridge : float, default=0.2
        How far the scatter is drawn to that of a ball: at 1, principal components on
        their own scale are left. It bounds what a feature of few values can weigh.
    rounds : int, default=3
    random_state : int, default=0
        Seed of the drawing of at most 3,000 rows that it learns from.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
    components_ : ndarray of shape (n_components, n_features)
    ratios_ : ndarray of shape (n_components,)
        Whole variance over that among neighbours, falling.

    References
    ----------
    .. [1] D. Art, R. Gnanadesikan, J. R. Kettenring, "Data-based metrics for cluster
       analysis", Utilitas Mathematica 21A (1982), 75-99.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> persons = rng.normal(size=(200, 2)) * [5, 1]
    >>> persons[:100, 1] += 8
    >>> found = CanonicalVariables(kept_share=0.5).fit(persons)
    >>> bool(abs(found.components_[0, 1]) > abs(found.components_[0, 0]))
    True
    """

    def __init__(
        self,
        *,
        kept_share: float = 0.8,
        neighbour_share: float = 0.04,
        ridge: float = 0.2,
        rounds: int = 3,
        random_state: int = 0,
    ) -> None:
        self.kept_share = kept_share
        self.neighbour_share = neighbour_share
        self.ridge = ridge
        self.rounds = rounds
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: None = None) -> "CanonicalVariables":  # noqa: ARG002, N803
        """Learn the directions from points; shape (n_persons, n_features)."""
        points = np.asarray(X, dtype=float)
        drawn = np.random.default_rng(self.random_state).permutation(len(points))
        points = points[np.sort(drawn[:MOST_LEARNT_FROM])]
        self.mean_ = points.mean(axis=0)
        points = points - self.mean_
        whole = points.T @ points / len(points)
        ball = np.eye(len(whole)) * np.trace(whole) / len(whole)
        wanted = max(FEWEST_NEIGHBOURS, int(self.neighbour_share * len(points)))
        n_neighbours = min(wanted, len(points) - 1)
        directions = np.eye(len(whole))
        ratios = np.ones(len(whole))
        for _ in range(self.rounds):
            within = _scatter_of_neighbours(points, points @ directions, n_neighbours)
            size = np.trace(within)
            is_seen = size > SAME * n_neighbours * len(points) * np.trace(whole)
            within = within * np.trace(whole) / size if is_seen else ball
            within = (1 - self.ridge) * within + self.ridge * ball
            ratios, directions = eigh(whole, within)
            ratios, directions = ratios[::-1], directions[:, ::-1]
        held = np.cumsum(ratios) / ratios.sum()
        kept = 1 + int(np.searchsorted(held, self.kept_share))
        self.ratios_ = ratios[:kept]
        self.components_ = _point_upwards(directions[:, :kept].T)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Give points in these directions; shape (n_persons, n_components)."""
        return (np.asarray(X, dtype=float) - self.mean_) @ self.components_.T


def _scatter_of_neighbours(
    points: np.ndarray, seen: np.ndarray, n_neighbours: int
) -> np.ndarray:
    """Sum the products of differences between neighbours, who are near in `seen`."""
    near = NearestNeighbors(n_neighbors=n_neighbours).fit(seen).kneighbors_graph()
    both = near + near.T
    times = np.asarray(both.sum(axis=1)).ravel()
    return (points * times[:, None]).T @ points - points.T @ (both @ points)


def _point_upwards(components: np.ndarray) -> np.ndarray:
    """Turn each direction so that its largest part is positive."""
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[np.arange(len(components)), largest])
    return components * np.where(signs == 0, 1, signs)[:, None]
