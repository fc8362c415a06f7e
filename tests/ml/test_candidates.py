"""`ml.candidates` clusters as the methods do whose names it bears."""

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering, KMeans
from sklearn.datasets import make_moons
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.mixture import GaussianMixture

from ml.candidates import (
    METHODS,
    Candidate,
    Fit,
    find_elbow,
    fit_candidates,
    list_candidates,
    rescale_candidate,
)
from ml.errors import TooFewPersonsError
from ml.partition import Partition

CORNERS = np.array([[0.0, 0], [10, 0], [0, 10]])


@pytest.fixture(scope="module")
def blobs() -> np.ndarray:
    """Three groups of 40, apart for the eye, and three strays."""
    rng = np.random.default_rng(0)
    groups = np.repeat(CORNERS, 40, axis=0) + rng.normal(size=(120, 2))
    return np.vstack([groups, [[30, 30], [-20, 20], [25, -25]]])


@pytest.fixture(scope="module")
def moons() -> tuple[np.ndarray, np.ndarray]:
    return make_moons(200, noise=0.05, random_state=0)


def fit(points: np.ndarray, algorithm: str, **parameters: float | str) -> Fit:
    (fitted,) = fit_candidates([Candidate("one", algorithm, parameters)], points)
    return fitted


def test_every_method_competes_over_a_range_and_has_a_name(blobs: np.ndarray):
    candidates = list_candidates(blobs, k_range=[2, 3, 4])

    ids = [one.candidate_id for one in candidates]
    assert len(set(ids)) == len(ids)
    assert list(dict.fromkeys(one.algorithm for one in candidates)) == list(METHODS)
    assert ids[:3] == ["kmeans-2", "kmeans-3", "kmeans-4"]
    assert "gaussian_mixture-tied-4" in ids
    assert "ward-2" in ids
    reaches = [one.parameters["eps"] for one in candidates if one.algorithm == "dbscan"]
    assert len(reaches) >= 3
    assert reaches == sorted(set(reaches))
    only = list_candidates(blobs, k_range=[5], methods=["ward", "kmeans"])
    assert [one.candidate_id for one in only] == ["kmeans-5", "ward-5"]
    with pytest.raises(ValueError, match="unknown methods: optics, wards"):
        list_candidates(blobs, k_range=[2], methods=["kmeans", "wards", "optics"])


@pytest.mark.parametrize(
    ("algorithm", "parameters", "theirs"),
    [
        ("kmeans", {"n_clusters": 4}, KMeans(4, n_init=10, random_state=0)),
        ("ward", {"n_clusters": 6}, AgglomerativeClustering(6)),
        ("dbscan", {"eps": 1.1, "min_samples": 5}, DBSCAN(eps=1.1, min_samples=5)),
        ("hdbscan", {"min_cluster_size": 6}, HDBSCAN(min_cluster_size=6, copy=True)),
        (
            "gaussian_mixture",
            {"n_components": 3, "covariance_type": "tied"},
            GaussianMixture(3, covariance_type="tied", random_state=0),
        ),
    ],
)
def test_labels_are_those_of_scikit_learn(
    blobs: np.ndarray, algorithm: str, parameters: dict, theirs
):
    labels = fit(blobs, algorithm, **parameters).labels

    expected = theirs.fit_predict(blobs)
    assert adjusted_rand_score(labels, expected) == 1
    assert ((labels == -1) == (expected == -1)).all()
    assert set(labels) - {-1} == set(range(labels.max() + 1))


@pytest.mark.parametrize("algorithm", ["kmeans", "ward"])
def test_a_ball_has_one_centre_the_mean_of_its_members(
    blobs: np.ndarray, algorithm: str
):
    fitted = fit(blobs, algorithm, n_clusters=5)

    means = [blobs[fitted.labels == label].mean(axis=0) for label in range(5)]
    assert fitted.partition.labels.tolist() == list(range(5))
    assert fitted.partition.centers == pytest.approx(np.array(means))
    away = ((blobs - np.array(means)[fitted.labels]) ** 2).mean()
    assert fitted.partition.spread == pytest.approx(away, rel=0.01)


def test_what_is_noise_has_a_place_too(blobs: np.ndarray):
    fitted = fit(blobs, "dbscan", eps=1.5, min_samples=5)

    assert fitted.labels[-3:].tolist() == [-1, -1, -1]
    known = fitted.labels >= 0
    assigned = fitted.partition.assign(blobs)
    assert set(assigned) == {0, 1, 2}
    assert (assigned[known] == fitted.labels[known]).all()


@pytest.mark.parametrize(
    ("algorithm", "parameters"),
    [
        ("dbscan", {"eps": 1e-6, "min_samples": 5}),
        ("hdbscan", {"min_cluster_size": 110}),
    ],
)
def test_where_all_is_noise_there_is_one_cluster(
    blobs: np.ndarray, algorithm: str, parameters: dict
):
    fitted = fit(blobs, algorithm, **parameters)

    assert set(fitted.labels) == {-1}
    assert set(fitted.partition.assign(blobs)) == {0}
    assert fitted.partition.centers == pytest.approx(blobs.mean(axis=0)[None])


def test_several_centres_tell_the_shape_of_what_is_long_and_bent(moons):
    points, moon = moons

    fitted = fit(points, "hdbscan", min_cluster_size=5)

    assert adjusted_rand_score(fitted.labels, moon) == 1
    more, moon_of_more = make_moons(2_000, noise=0.05, random_state=1)
    told = fitted.partition.assign(more)
    assert adjusted_rand_score(told, moon_of_more) > 0.97
    assert np.bincount(fitted.partition.labels).max() <= 12
    one_centre_each = Partition(
        np.array([points[moon == one].mean(axis=0) for one in (0, 1)]),
        np.array([0, 1]),
        1.0,
    )
    assert adjusted_rand_score(one_centre_each.assign(more), moon_of_more) < 0.5


def test_no_centre_is_a_few_persons():
    crowd = np.random.default_rng(0).uniform(0, 1, (57, 1))
    queue = np.array([[2.0], [3.4], [4.8], [6.2]])

    fitted = fit(np.vstack([crowd, queue]), "dbscan", eps=1.5, min_samples=2)

    assert set(fitted.labels) == {0}
    assert fitted.partition.centers.max() < 1


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_a_mixture_that_fits_on_less_than_all_dimensions_is_no_error():
    points = np.repeat([[0.0, 1], [5, 1], [5, 2]], 20, axis=0)

    fitted = fit(points, "gaussian_mixture", n_components=4, covariance_type="full")

    assert len(set(map(tuple, points[fitted.labels == fitted.labels[0]]))) == 1
    assert np.isfinite(fitted.partition.locate(points).to_numpy(float)).all()


@pytest.mark.parametrize(
    ("inertias", "elbow"),
    [
        ([100, 50, 10, 9, 8], 4),
        ([100, 20, 15, 12, 10], 3),
        ([50, 40, 30, 20, 10], None),
    ],
)
def test_the_elbow_is_where_more_clusters_begin_to_gain_little(inertias, elbow):
    assert find_elbow([2, 3, 4, 5, 6], inertias) == elbow
    assert find_elbow([2, 3], inertias[:2]) is None


def test_where_most_are_alike_there_is_nothing_for_dbscan_to_try():
    points = np.repeat([[0.0, 0.0], [1.0, 1.0]], 50, axis=0)

    with pytest.raises(TooFewPersonsError, match="dbscan cannot tell these persons"):
        list_candidates(points, k_range=[2], methods=["dbscan"])


def test_parameters_of_density_mean_the_same_for_fewer_points():
    points = np.random.default_rng(0).normal(size=(4_000, 2))
    few = points[:500]
    spread = Candidate("dbscan-1", "dbscan", {"eps": 0.2, "min_samples": 10})
    dense = Candidate("hdbscan-200", "hdbscan", {"min_cluster_size": 200})

    reach = rescale_candidate(spread, points, 500).parameters["eps"]

    def count_within(cloud: np.ndarray, eps: float) -> float:
        return (pairwise_distances(cloud) <= eps).sum(axis=1).mean()

    assert count_within(few, reach) == pytest.approx(count_within(points, 0.2), rel=0.2)
    assert rescale_candidate(dense, points, 500).parameters == {"min_cluster_size": 25}
    ward = Candidate("ward-3", "ward", {"n_clusters": 3})
    assert rescale_candidate(ward, points, 500) == ward
