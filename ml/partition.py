"""Where clusters lie, so that whoever comes can be told which is theirs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.mixture import GaussianMixture

CHUNK = 50_000
# Where all lie on their centres, the spread is no more than rounding.
LEAST_SPREAD = 1e-12


@dataclass(frozen=True)
class Partition:
    """Clusters by their centres, or by a Gaussian mixture; nobody is in it.

    Attributes
    ----------
    centers : ndarray of shape (n_centers, n_dimensions)
        Of a mixture, the means of its components.
    labels : ndarray of shape (n_centers,)
        The cluster of each centre, from 0 without a gap: a cluster that is no ball
        has several.
    spread : float
        The variance of persons around their centre, along one dimension.
    mixture : GaussianMixture, optional
        With its components in the order of `centers`.
    """

    centers: np.ndarray
    labels: np.ndarray
    spread: float
    mixture: GaussianMixture | None = None

    @property
    def n_clusters(self) -> int:
        """Count the clusters."""
        return int(self.labels.max()) + 1

    def assign(self, points: np.ndarray) -> np.ndarray:
        """Give the cluster of each point; shape (n_points,)."""
        found = [
            self._distances(points[place]).argmin(axis=1)
            if self.mixture is None
            else self._likely(points[place]).argmax(axis=1)
            for place in _chunks(len(points))
        ]
        return np.concatenate(found)

    def locate(self, points: np.ndarray) -> pd.DataFrame:
        """Tell where each point is among the clusters.

        Returns
        -------
        DataFrame of shape (n_points, 4)
            `label`; `distance` to the nearest centre of that cluster; `confidence`,
            the probability of the cluster, 0 to 1, if the mixture is right, or if
            persons lie around the centres as in balls of one size; `next_label`, the
            cluster that is the next likely (-1 if there is no other).
        """
        found = [self._locate(points[place]) for place in _chunks(len(points))]
        return pd.concat(found, ignore_index=True)

    def relabel(self, label_of: np.ndarray) -> "Partition":
        """Give cluster ``i`` the label ``label_of[i]``; equal ones become one."""
        new = np.asarray(label_of)[self.labels]
        return Partition(self.centers, new, self.spread, self.mixture)

    def without_few(self, points: np.ndarray, least_count: int) -> "Partition":
        """Forget centres that fewer points are nearest to; one stays at least.

        A mixture without one of its components is none: points then go to the nearest
        centre.
        """
        nearest = (
            cdist(points, self.centers).argmin(axis=1)
            if self.mixture is None
            else self.mixture.predict(points)
        )
        sizes = np.bincount(nearest, minlength=len(self.centers))
        kept = sizes >= min(least_count, sizes.max())
        if kept.all():
            return self
        labels = np.unique(self.labels[kept], return_inverse=True)[1]
        return Partition(self.centers[kept], labels, self.spread)

    def _locate(self, points: np.ndarray) -> pd.DataFrame:
        distances = self._distances(points)
        if self.mixture is None:
            odds = -(distances**2) / (2 * max(self.spread, LEAST_SPREAD))
            likely = np.exp(odds - odds.max(axis=1, keepdims=True, initial=-np.inf))
            likely /= likely.sum(axis=1, keepdims=True)
            order = np.argsort(distances, axis=1, kind="stable")
        else:
            likely = self._likely(points)
            order = np.argsort(-likely, axis=1, kind="stable")
        rows = np.arange(len(points))
        return pd.DataFrame(
            {
                "label": order[:, 0],
                "distance": distances[rows, order[:, 0]],
                "confidence": likely[rows, order[:, 0]],
                "next_label": order[:, 1] if self.n_clusters > 1 else -1,
            }
        )

    def _distances(self, points: np.ndarray) -> np.ndarray:
        """Measure how far each cluster's nearest centre is; (n_points, n_clusters)."""
        to_centers = cdist(points, self.centers)
        nearest = [to_centers[:, places].min(axis=1) for places in self._places()]
        return np.column_stack(nearest)

    def _likely(self, points: np.ndarray) -> np.ndarray:
        """Give the probability of each cluster by the mixture."""
        if self.mixture is None or len(points) == 0:
            return np.empty((len(points), self.n_clusters))
        likely = self.mixture.predict_proba(points)
        summed = [likely[:, places].sum(axis=1) for places in self._places()]
        # what the digits of a sum make more than certain is certain
        return np.column_stack(summed).clip(max=1)

    def _places(self) -> list[np.ndarray]:
        """List which centres each cluster has."""
        return [self.labels == label for label in range(self.n_clusters)]


def _chunks(n_points: int) -> list[slice]:
    """Part many points, so that their distances fit into memory; one part at least."""
    begins = range(0, max(n_points, 1), CHUNK)
    return [slice(begin, begin + CHUNK) for begin in begins]
