"""`ml.validation` keeps what is large and apart, and merges what is not."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kruskal
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from threadpoolctl import threadpool_limits

from ml import validation
from ml.preprocessing import build_preprocessor
from ml.validation import compare_features, join_small_clusters, merge_unparted


def cut(prepared: np.ndarray, n_clusters: int) -> pd.Series:
    """Cut a cloud by k-means, as a search for clusters would."""
    with threadpool_limits(limits=1):
        clusterer = KMeans(n_clusters, n_init=3, random_state=0)
        return pd.Series(clusterer.fit_predict(prepared))


def as_features(prepared: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(prepared, columns=[f"x{i}" for i in range(prepared.shape[1])])


def merge(prepared: np.ndarray, labels: pd.Series) -> tuple[pd.Series, pd.DataFrame]:
    return merge_unparted(as_features(prepared), prepared, labels)


def draw_cloud(n_persons: int, n_dimensions: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_persons, n_dimensions))


def at(*places: float) -> np.ndarray:
    return np.array(places, dtype=float)[:, None]


def test_a_small_cluster_joins_the_nearest():
    prepared = at(*[0] * 5, *[9] * 5, 7, 1, 1)
    labels = pd.Series([4] * 5 + [2] * 5 + [0, 8, 8])

    assert join_small_clusters(prepared, labels).tolist() == [4] * 5 + [2] * 6 + [4] * 2


def test_the_least_size_is_the_larger_of_share_and_count():
    prepared, labels = at(*[0] * 90, *[9] * 10), pd.Series([0] * 90 + [1] * 10)

    def n_left(share: float, count: int) -> int:
        joined = join_small_clusters(
            prepared, labels, least_share=share, least_count=count
        )
        return joined.nunique()

    assert n_left(0.1, 10) == 2
    assert n_left(0.11, 1) == 1
    assert n_left(0.01, 11) == 1


def test_small_neighbours_may_be_large_enough_together():
    prepared = at(*[0] * 5, *[8] * 2, *[9] * 3)
    labels = pd.Series([0] * 5 + [1] * 2 + [2] * 3)

    assert join_small_clusters(prepared, labels).tolist() == [0] * 5 + [2] * 5


def test_where_all_are_small_they_join_until_one_is_large_enough():
    prepared, labels = at(0, 1, 5, 6), pd.Series(range(4))

    assert len(set(join_small_clusters(prepared, labels, least_count=2))) == 2
    assert len(set(join_small_clusters(prepared, labels, least_count=9))) == 1


def test_noise_is_no_cluster_to_join():
    prepared, labels = (
        at(*[0] * 5, 6, 7, *[9] * 5),
        pd.Series([0] * 5 + [-1, 1, 2, *[2] * 4]),
    )

    assert join_small_clusters(prepared, labels).tolist() == [0] * 5 + [-1] + [2] * 6


def test_features_are_compared_by_ranks_or_by_counts():
    n_orders = pd.Series([1, 2, 3, 4, 5, 6] * 10)
    features = pd.DataFrame(
        {
            "n_orders": n_orders,
            "has_app": n_orders > 3,
            "device": np.where(n_orders > 3, "phone", None),
            "shop": "here",
            "n_visits": 7,
        }
    )
    labels = (n_orders > 4).astype(int)

    compared = compare_features(features, labels).set_index("feature")

    low, high = n_orders[labels == 0], n_orders[labels == 1]
    assert compared["test"].to_dict() == {
        "device": "chi_square",
        "has_app": "chi_square",
        "n_orders": "kruskal",
        "n_visits": "kruskal",
        "shop": "chi_square",
    }
    assert compared.loc["n_orders", "statistic"] == kruskal(low, high).statistic
    # of 60 persons, the 30 with four or more include all of cluster 1: 60 / 2 = 30
    assert compared.loc["device", "statistic"] == pytest.approx(30)
    # (30 / 60 - 1 / 59) / (1 - 1 / 59), its root
    assert compared.loc["has_app", "effect_size"] == pytest.approx(0.7009, abs=1e-4)
    assert (compared.loc[["n_orders", "has_app", "device"], "effect"] == "large").all()
    constant = compared.loc[["shop", "n_visits"]]
    assert constant["statistic"].isna().all()
    assert (constant[["p_value", "p_adjusted"]] == 1).all(axis=None)
    assert (constant["effect"] == "none").all()


def test_an_effect_is_told_only_if_it_is_sure_among_many():
    rng = np.random.default_rng(0)
    features = pd.DataFrame(rng.normal(size=(60, 40))).add_prefix("x")
    labels = pd.Series(np.arange(60) % 3)

    compared = compare_features(features, labels)

    assert (compared["p_value"] < 0.05).any()
    assert (compared["effect_size"] > 0.06).any()
    assert (compared["effect"] == "none").all()
    assert (compared["p_adjusted"] >= compared["p_value"]).all()


def test_features_that_hang_together_are_tested_as_strictly_as_any():
    n_orders = np.arange(60)
    features = pd.DataFrame({"n_orders": n_orders, "n_visits": n_orders, "shop": 1})
    labels = pd.Series(n_orders > 40).astype(int)

    compared = compare_features(features, labels).set_index("feature")

    # Benjamini and Yekutieli: of two alike, times 1 + 1 / 2; the constant is no third
    assert np.allclose(
        compared["p_adjusted"] / compared["p_value"], [1.5, 1.5, 1], rtol=1e-9, atol=0
    )


def test_effects_have_the_limits_that_are_told():
    labels = pd.Series([0] * 5_000 + [1] * 5_000)

    def effect(shift: float) -> str:
        n_orders = np.arange(10_000) % 5_000 / 5_000 + shift * labels
        (compared,) = compare_features(
            pd.DataFrame({"n_orders": n_orders}), labels
        ).itertuples()
        # a uniform one shifted by s has a Cliff's delta of 1 - (1 - s)^2
        delta = 1 - (1 - shift) ** 2
        assert compared.effect_size == pytest.approx(3 / 4 * delta**2, abs=0.001)
        assert compared.p_adjusted < 0.05
        return compared.effect

    assert [effect(shift) for shift in (0.04, 0.12, 0.2, 0.28)] == [
        "none",
        "small",
        "medium",
        "large",
    ]


def test_persons_for_whom_a_feature_has_no_meaning_are_left_out():
    n_orders = [1] * 20 + [0] * 10
    features = pd.DataFrame({"n_orders": n_orders, "returned_share": [0.1, 0.9] * 15})
    features.loc[20:, "returned_share"] = 0.0
    labels = pd.Series([0, 0, 1, 1] * 5 + [0] * 10)

    compared = compare_features(features, labels).set_index("feature")

    assert compared.loc["returned_share", "statistic"] == 0


def test_levels_that_are_too_rare_to_test_are_one():
    device = [f"model {i}" for i in range(30)] + ["phone"] * 30
    labels = pd.Series([0, 1] * 30)

    compared = compare_features(pd.DataFrame({"device": device}), labels)

    assert compared["statistic"][0] == 0  # two levels, both in both clusters alike


def test_no_effect_is_larger_than_one():
    features = pd.DataFrame({"revenue": [0.0] * 29 + [1e12]})
    labels = pd.Series([0] * 29 + [1])

    assert compare_features(features, labels)["effect_size"].tolist() == [1.0]


def test_one_cluster_alone_is_compared_with_nothing():
    compared = compare_features(pd.DataFrame({"age": [1, 2]}), pd.Series([0, 0]))

    assert compared[["p_value", "effect"]].to_numpy().tolist() == [[1, "none"]]


def test_a_number_that_is_missing_is_refused():
    features = pd.DataFrame({"age": [1.0, np.nan]})

    with pytest.raises(ValueError, match="'age' has missing"):
        compare_features(features, pd.Series([0, 1]))


def test_order_does_not_matter_to_who_is_compared(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(validation, "MOST_COMPARED", 50)
    features = as_features(draw_cloud(200, 3))
    labels = pd.Series(np.arange(200) % 2)
    shuffled = features.sample(frac=1, random_state=1)[["x2", "x0", "x1"]]

    pd.testing.assert_frame_equal(
        compare_features(shuffled, labels[shuffled.index]),
        compare_features(features, labels),
    )


@pytest.mark.parametrize(
    ("n_persons", "n_dimensions", "n_parts"),
    [(2_000, 2, 2), (2_000, 10, 2), (2_000, 5, 3), (200, 2, 2)],
)
def test_parts_of_one_cloud_become_one(n_persons: int, n_dimensions: int, n_parts: int):
    prepared = draw_cloud(n_persons, n_dimensions)

    labels, merges = merge(prepared, cut(prepared, n_parts))

    assert len(set(labels)) == 1
    assert set(merges["why"]) == {"no further apart than parts of one cloud"}


def test_few_persons_in_many_dimensions_only_seem_apart():
    prepared = draw_cloud(60, 10)

    labels, merges = merge(prepared, cut(prepared, 2))

    assert len(set(labels)) == 1
    assert merges["scatter"][0] < 0.85
    assert merges["why"][0] == "clouds of so few persons seem as far apart"


@pytest.mark.parametrize(("share", "distance"), [(0.5, 3), (0.5, 4), (0.09, 4)])
def test_clouds_that_are_apart_stay_apart(share: float, distance: float):
    prepared = draw_cloud(2_000, 5)
    prepared[: int(2_000 * share), 0] += distance

    labels = cut(prepared, 2)

    assert merge(prepared, labels)[0].equals(labels)


def test_pieces_of_clouds_are_put_together_again():
    prepared, planted = make_blobs(
        4_000, n_features=6, centers=7, center_box=(-4, 4), random_state=1
    )

    labels, merges = merge(prepared, cut(prepared, 10))

    assert len(merges) == 3
    assert merges["scatter"].is_monotonic_decreasing  # least apart, first
    assert pd.crosstab(labels, planted).max().sum() > 3_900


@pytest.mark.parametrize("seed", [0, 1])
def test_planted_archetypes_are_not_merged(simulate: Callable, seed: int):
    persons = simulate(1_500, seed=seed)
    features = persons.drop(columns="archetype")
    prepared = build_preprocessor(features).fit_transform(features)
    planted = pd.Series(persons["archetype"].factorize()[0], features.index)

    labels, merges = merge_unparted(features, prepared, planted)

    assert merges.empty
    assert labels.equals(planted)


def test_what_no_feature_tells_apart_is_merged():
    prepared = draw_cloud(400, 2)
    prepared[:200] += 9
    labels = pd.Series([0] * 200 + [1] * 200)
    little = np.arange(400) % 10 + labels  # Cliff's delta .19, and surely not 0
    alike = pd.DataFrame({"n_orders": little, "device": ["a", "b"] * 200})
    told = alike.assign(device=["a"] * 200 + ["b"] * 200)

    p_adjusted = compare_features(alike, labels).set_index("feature")["p_adjusted"]
    (merge,) = merge_unparted(alike, prepared, labels)[1].itertuples()

    assert p_adjusted["n_orders"] < 0.01
    assert (merge.label, merge.merged_into) == (1, 0)
    assert merge.why == "no feature differs by much"
    assert merge_unparted(told, prepared, labels)[1].empty


def test_the_larger_keeps_its_label_and_noise_stays_noise():
    prepared = draw_cloud(1_000, 2)
    labels = pd.Series(np.where(prepared[:, 0] > 0.3, 5, 7))
    labels[[3, 30]] = -1

    merged, merges = merge(prepared, labels)

    assert merges[["label", "merged_into"]].to_numpy().tolist() == [[5, 7]]
    assert merged[[3, 30]].tolist() == [-1, -1]
    assert (merged.drop([3, 30]) == 7).all()


def test_clusters_of_one_point_each_are_apart_unless_it_is_the_same():
    labels = pd.Series([0, 1, 2] * 20)
    prepared = np.array([[0.0, 1.0], [0.0, 1.0], [2.0, 1.0]] * 20)

    merged, _ = merge(prepared, labels)

    assert merged.tolist() == [0, 0, 2] * 20 or merged.tolist() == [1, 1, 2] * 20


def test_order_of_persons_and_columns_does_not_matter_to_merging():
    prepared = draw_cloud(600, 3)
    prepared[:200, 0] += 5
    labels = cut(prepared, 5)
    features = as_features(prepared)
    order = np.random.default_rng(1).permutation(600)

    merged, merges = merge_unparted(features, prepared, labels)
    shuffled, shuffled_merges = merge_unparted(
        features.iloc[order, ::-1], prepared[order], labels.iloc[order]
    )

    assert 2 <= merged.nunique() < 5
    assert shuffled.equals(merged.iloc[order])
    pd.testing.assert_frame_equal(shuffled_merges, merges, check_exact=True)
    renumbered = merge(prepared, 4 - labels)[0]
    assert renumbered.groupby(merged).nunique().eq(1).all()
    assert renumbered.nunique() == merged.nunique()


@pytest.mark.long
@pytest.mark.parametrize("n_dimensions", [2, 5, 10])
@pytest.mark.parametrize("n_persons", [60, 200, 1_000])
def test_halves_of_one_cloud_rarely_stay_apart(n_persons: int, n_dimensions: int):
    n_apart = 0
    for seed in range(60):
        prepared = draw_cloud(n_persons, n_dimensions, seed)
        n_apart += merge(prepared, cut(prepared, 2))[0].nunique() - 1

    assert n_apart <= 8  # of 60; one in twenty, and more as covariances are estimated
