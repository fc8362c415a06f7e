"""`ml.partition` tells whoever comes to which cluster they belong, and how surely."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from ml import partition
from ml.partition import Partition

POINTS = np.random.default_rng(0).normal(size=(60, 2)) * 3


@pytest.fixture
def bent() -> Partition:
    """Three clusters, of which the first has three centres along an angle."""
    centers = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4], [-4, -4]])
    return Partition(centers, np.array([0, 0, 0, 1, 2]), 1.5)


@pytest.fixture
def mixed() -> Partition:
    """Two clusters, of which the second has two components of a mixture."""
    points = np.repeat([[0.0, 0], [6, 0], [9, 1]], 20, axis=0) + POINTS / 3
    mixture = GaussianMixture(3, random_state=0).fit(points)
    first = int(mixture.predict([[0.0, 0]])[0])
    labels = np.where(np.arange(3) == first, 0, 1)
    return Partition(mixture.means_, labels, 1.0, mixture)


def test_everybody_goes_to_the_cluster_of_the_nearest_centre(bent: Partition):
    located = bent.locate(POINTS)

    for place, point in enumerate(POINTS):
        away = np.sqrt(((bent.centers - point) ** 2).sum(axis=1))
        of_clusters = [away[bent.labels == label].min() for label in range(3)]
        nearest, second, _ = np.argsort(of_clusters)
        odds = np.exp(-(np.array(of_clusters) ** 2) / (2 * bent.spread))
        told = located.loc[place]
        assert told["label"] == nearest
        assert told["next_label"] == second
        assert told["distance"] == pytest.approx(of_clusters[nearest])
        assert told["confidence"] == pytest.approx(odds[nearest] / odds.sum())


def test_a_mixture_tells_the_probability_of_all_components_of_a_cluster(
    mixed: Partition,
):
    located = mixed.locate(POINTS)

    assert mixed.mixture is not None
    first = mixed.mixture.predict_proba(POINTS)[:, mixed.labels == 0].sum(axis=1)
    assert located["label"].tolist() == (first < 0.5).astype(int).tolist()
    likely = np.maximum(first, 1 - first)
    assert located["confidence"].tolist() == pytest.approx(likely.tolist())
    away = np.linalg.norm(POINTS[:, None] - mixed.centers, axis=2)
    own = mixed.labels == located["label"].to_numpy()[:, None]
    nearest = np.where(own, away, 99).min(axis=1)
    assert located["distance"].tolist() == pytest.approx(nearest.tolist())


@pytest.mark.parametrize("kind", ["bent", "mixed"])
def test_the_label_alone_is_the_same(kind: str, request: pytest.FixtureRequest):
    known = request.getfixturevalue(kind)
    tied = np.vstack([POINTS, [[2, 2], [2, 4], [0, 2]], known.centers])

    assert known.assign(tied).tolist() == known.locate(tied)["label"].tolist()


def test_of_two_clusters_that_are_as_near_the_lower_is_told():
    halves = Partition(np.array([[0.0], [2]]), np.array([1, 0]), 1.0)
    middle = np.array([[1.0]])

    assert halves.assign(middle).tolist() == [0]
    assert halves.locate(middle).to_numpy().tolist() == [[0, 1.0, 0.5, 1]]


@pytest.mark.parametrize("spread", [0.0, 1e-300, 1e-9, 1.0, 1e9])
@pytest.mark.filterwarnings("error")
def test_confidence_is_a_probability_however_far_and_however_small_the_spread(
    bent: Partition, spread: float
):
    far = np.vstack([POINTS, bent.centers, [[1e6, 1e6], [-1e9, 3]]])

    confidence = replace(bent, spread=spread).locate(far)["confidence"]

    assert confidence.between(1 / 3, 1).all()
    # with no spread, where is nearer is where somebody belongs; with much, who knows
    surest, unsure = (replace(bent, spread=size).locate(POINTS) for size in (0.0, 1e9))
    assert (surest["confidence"] > 0.999).mean() > 0.9
    assert unsure["confidence"].max() < 0.34


def test_no_sum_of_a_mixture_is_more_than_certain(mixed: Partition):
    both = replace(mixed, labels=np.zeros(3, dtype=int))
    points = np.vstack([POINTS * scale for scale in (0.1, 0.3, 1, 3, 10)])

    located = both.locate(points)

    assert located["confidence"].max() <= 1
    assert located["confidence"].min() > 0.999999
    assert set(located["next_label"]) == {-1}


@pytest.mark.parametrize("kind", ["bent", "mixed"])
def test_many_are_located_in_parts_as_at_once(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
):
    known = request.getfixturevalue(kind)
    at_once, labels = known.locate(POINTS), known.assign(POINTS)

    monkeypatch.setattr(partition, "CHUNK", 7)

    assert known.locate(POINTS).equals(at_once)
    assert known.assign(POINTS).tolist() == labels.tolist()
    assert known.assign(POINTS[:0]).shape == (0,)
    nobody = known.locate(POINTS[:0])
    assert nobody.empty
    assert list(nobody) == list(at_once)


def test_clusters_that_get_one_label_become_one(bent: Partition):
    one = bent.relabel(np.array([1, 0, 1]))

    assert one.n_clusters == 2
    was, is_now = bent.assign(POINTS), one.assign(POINTS)
    assert is_now.tolist() == [{0: 1, 1: 0, 2: 1}[label] for label in was]
    alone = bent.relabel(np.zeros(3, dtype=int)).locate(POINTS)
    assert set(alone["label"]) == {0}
    assert set(alone["next_label"]) == {-1}
    assert (alone["confidence"] == 1).all()


def test_centres_that_few_are_nearest_to_are_forgotten():
    points = np.array([[0.0]] * 6 + [[5.0]] * 2 + [[9.0]] * 7)
    partition = Partition(np.array([[0.0], [5.0], [9.0]]), np.array([0, 1, 2]), 1.0)

    settled = partition.without_few(points, 5)

    assert settled.centers.ravel().tolist() == [0, 9]
    assert settled.assign(points).tolist() == [0] * 6 + [1] * 9
    assert partition.without_few(points, 2) is partition
    assert partition.without_few(points, 100).centers.tolist() == [[9.0]]


def test_a_mixture_that_loses_a_component_goes_by_its_centres():
    points = np.concatenate([np.linspace(-1, 1, 30), [50.0, 50.1]])[:, None]
    mixture = GaussianMixture(2, random_state=0).fit(points)
    partition = Partition(mixture.means_, np.array([0, 1]), 1.0, mixture)

    settled = partition.without_few(points, 5)

    assert settled.mixture is None
    assert settled.centers == pytest.approx(np.zeros((1, 1)), abs=1e-6)
