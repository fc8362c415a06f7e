"""`ml.canonical` finds the directions that part groups, however much else varies."""

import numpy as np
import pytest
import skops.io
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from ml.canonical import CanonicalVariables
from ml.models import TRUSTED

PLANTED = np.repeat([0, 1], 150)


@pytest.fixture
def hidden() -> np.ndarray:
    """Two groups apart in the last column, which varies less than the others."""
    points = np.random.default_rng(0).normal(size=(300, 4)) * [2, 2, 2, 0.3]
    points[:, 3] += 3 * PLANTED
    return points


def agreement(reducer: PCA | CanonicalVariables, points: np.ndarray) -> float:
    found = KMeans(2, n_init=3, random_state=0).fit_predict(
        reducer.fit_transform(points)[:, :1]
    )
    return adjusted_rand_score(PLANTED, found)


def test_groups_are_found_that_the_largest_component_hides(hidden: np.ndarray):
    fitted = CanonicalVariables().fit(hidden)
    direction = fitted.components_[0] / np.linalg.norm(fitted.components_[0])

    assert direction[3] > 0.95
    assert agreement(CanonicalVariables(), hidden) > 0.95
    assert agreement(PCA(1), hidden) < 0.1


def test_a_turned_cloud_has_the_same_variables_turned(hidden: np.ndarray):
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    fitted = CanonicalVariables().fit(hidden)
    turned = CanonicalVariables().fit(hidden @ turn.T)

    assert np.allclose(turned.ratios_, fitted.ratios_)
    assert np.allclose(
        np.abs(turned.components_ @ turn), np.abs(fitted.components_), atol=1e-6
    )


def test_order_of_rows_does_not_matter(hidden: np.ndarray):
    order = np.random.default_rng(2).permutation(len(hidden))
    fitted = CanonicalVariables().fit(hidden)
    shuffled = CanonicalVariables().fit(hidden[order])

    assert np.allclose(shuffled.transform(hidden), fitted.transform(hidden))


def test_ratios_fall_and_a_larger_share_keeps_more(hidden: np.ndarray):
    few = CanonicalVariables(kept_share=0.3).fit(hidden)
    many = CanonicalVariables(kept_share=1.0).fit(hidden)

    assert len(few.components_) < len(many.components_) == 4
    assert (np.diff(many.ratios_) <= 0).all()
    assert few.transform(hidden).shape == (300, len(few.components_))


def test_a_drawing_is_learnt_from_if_there_are_many():
    points = np.random.default_rng(0).normal(size=(4_000, 2)) * [3, 1]

    first = CanonicalVariables(random_state=0).fit(points)
    again = CanonicalVariables(random_state=0).fit(points)
    other = CanonicalVariables(random_state=1).fit(points)

    assert np.array_equal(first.components_, again.components_)
    assert not np.array_equal(first.components_, other.components_)


@pytest.mark.filterwarnings("error")
def test_copies_of_a_few_points_make_no_nan():
    for n_each in (15, 100):
        points = np.repeat([[0.1, 0.7], [3.3, 1.0], [1.0, 4.1]], n_each, axis=0)

        assert np.isfinite(CanonicalVariables().fit_transform(points)).all()


def test_a_file_gives_back_the_same_variables(hidden: np.ndarray):
    fitted = CanonicalVariables().fit(hidden)

    opened = skops.io.loads(skops.io.dumps(fitted), trusted=list(TRUSTED))

    assert np.array_equal(opened.transform(hidden), fitted.transform(hidden))
