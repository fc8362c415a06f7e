"""`ml.preprocessing` makes distances that no unit, outlier or copy distorts."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist

from ml.errors import TooFewPersonsError
from ml.preprocessing import build_preprocessor


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "revenue": rng.lognormal(3, 1, 200) * rng.integers(0, 2, 200),
            "n_sessions": rng.poisson(4, 200),
            "cart_abandonment_share": rng.uniform(size=200),
        }
    )


def distances(features: pd.DataFrame) -> np.ndarray:
    return pdist(build_preprocessor(features).fit_transform(features))


def test_none_one_two_and_four_orders_are_equal_steps():
    features = pd.DataFrame({"n_orders": [0] * 50 + [1] * 30 + [2] * 15 + [4] * 5})

    scaled = build_preprocessor(features)["scale"].fit_transform(features)
    steps = np.diff(np.unique(scaled.round(9)))

    assert len(steps) == 3
    assert np.allclose(steps, steps[0])


@pytest.mark.parametrize("factor", [0.001, 100])
def test_the_unit_of_money_does_not_matter(frame: pd.DataFrame, factor: float):
    other_unit = frame.assign(revenue=frame["revenue"] * factor)

    assert np.allclose(distances(frame), distances(other_unit))


def test_an_absurd_value_counts_no_more_than_the_next_one(frame: pd.DataFrame):
    richest = frame["revenue"].idxmax()
    absurd = frame.copy()
    absurd.loc[richest, "revenue"] = 1e12

    assert np.allclose(distances(frame), distances(absurd))


def test_constant_columns_change_nothing(frame: pd.DataFrame):
    assert np.allclose(distances(frame), distances(frame.assign(shop=7)))


def test_columns_are_read_by_name(frame: pd.DataFrame):
    preprocessor = build_preprocessor(frame).fit(frame)
    turned = frame[frame.columns[::-1]]

    assert np.array_equal(preprocessor.transform(frame), preprocessor.transform(turned))


def test_copies_of_a_column_share_its_weight(frame: pd.DataFrame):
    copies = frame.assign(n_events=frame["n_sessions"], active_days=frame["n_sessions"])

    assert np.allclose(distances(frame), distances(copies))


def test_persons_who_are_all_alike_are_refused():
    alike = pd.DataFrame({"n_orders": [3] * 30, "revenue": [9.5] * 30})

    with pytest.raises(TooFewPersonsError, match="all persons are alike"):
        build_preprocessor(alike)


def test_texts_are_columns_for_what_several_have_and_nothing_else_is_kept():
    rare = [f"town of user {i}" for i in range(10)]
    texts = pd.DataFrame({"town": ["Ulm"] * 120 + ["Bonn"] * 70 + rare})

    preparer = build_preprocessor(texts).fit(texts)
    scaled = preparer["scale"].transform(texts)

    assert scaled.shape == (200, 2)
    assert len(np.unique(scaled.round(9), axis=0)) == 3
    unknown = preparer["scale"].transform(pd.DataFrame({"town": ["Rome"]}))
    assert np.array_equal(unknown[0], scaled[-1])
    kept = preparer["scale"].named_transformers_["town"]["encode"].categories_
    assert [list(one) for one in kept] == [["Bonn", "Ulm"]]
    assert "town of user" not in repr(vars(preparer["scale"]))
