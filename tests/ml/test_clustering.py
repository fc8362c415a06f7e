"""`ml.clustering` finds the groups that are there, and only what is there counts."""

from collections.abc import Callable
from time import perf_counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from ml.clustering import assign_clusters, fit_clustering, silhouettes_by_cluster
from ml.errors import TooFewPersonsError


@pytest.fixture
def blobs() -> pd.DataFrame:
    """Four groups of 25, apart for the eye."""
    rng = np.random.default_rng(0)
    corners = np.repeat([[1, 0.1], [1, 0.9], [90, 0.1], [90, 0.9]], 25, axis=0)
    return pd.DataFrame(
        corners * rng.uniform(0.95, 1.05, corners.shape),
        columns=["n_sessions", "cart_abandonment_share"],
        index=[f"user_{i:03d}" for i in range(100)],
    )


def groups(features: pd.DataFrame) -> pd.Series:
    return assign_clusters(fit_clustering(features), features)


def test_four_groups_that_the_eye_sees_are_found(blobs: pd.DataFrame):
    model = fit_clustering(blobs)
    labels = assign_clusters(model, blobs)

    assert model.n_clusters == 4
    assert labels.groupby(np.repeat(range(4), 25)).nunique().tolist() == [1] * 4
    assert model.scores["n_clusters"].tolist() == [3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_archetypes_are_recovered(simulate: Callable, seed: int):
    persons = simulate(1_500, seed=seed)
    labels = groups(persons.drop(columns="archetype"))

    assert labels.nunique() == 7
    assert adjusted_rand_score(persons["archetype"], labels) > 0.68


def test_order_of_rows_and_columns_does_not_matter():
    # where there are no groups, k-means takes any pretext for another answer
    noise = np.random.default_rng(0).uniform(size=(300, 6))
    features = pd.DataFrame(noise, columns=list("abcdef"))
    shuffled = features.sample(frac=1, random_state=1).sample(
        frac=1, axis=1, random_state=1
    )

    assert groups(shuffled).loc[features.index].equals(groups(features))


def test_money_in_cents_makes_the_same_groups(features: pd.DataFrame):
    features = features.head(400)
    money = ["revenue", "average_order_value", "average_unit_price"]
    cents = features.assign(**{name: features[name] * 100 for name in money})

    assert groups(cents).equals(groups(features))


def test_one_absurd_person_does_not_move_the_others(features: pd.DataFrame):
    features = features.head(400).astype(float)
    absurd = features.copy()
    absurd.iloc[7] = 1e12
    others = features.index.delete(7)

    before, after = groups(features).loc[others], groups(absurd).loc[others]

    assert adjusted_rand_score(before, after) > 0.95


def test_the_same_persons_twice_make_the_same_groups(blobs: pd.DataFrame):
    twice = pd.concat([blobs, blobs.rename(index=lambda name: f"{name}_twin")])
    labels = groups(twice)

    assert labels.iloc[:100].tolist() == labels.iloc[100:].tolist()
    assert adjusted_rand_score(labels.iloc[:100], groups(blobs)) == 1


def test_clusters_are_numbered_by_falling_size(blobs: pd.DataFrame):
    fewer = pd.concat([blobs.iloc[:20], blobs.iloc[25:90]])

    sizes = groups(fewer).value_counts()

    assert sizes.sort_index().is_monotonic_decreasing
    assert sizes.max() > sizes.min()


def test_another_seed_numbers_the_same_groups_alike(blobs: pd.DataFrame):
    fewer = pd.concat([blobs.iloc[:20], blobs.iloc[25:65], blobs.iloc[75:90]])
    models = [fit_clustering(fewer, random_state=seed) for seed in (0, 5)]

    first, second = (assign_clusters(model, fewer) for model in models)

    assert adjusted_rand_score(first, second) == 1
    assert first.value_counts().equals(second.value_counts())


def test_the_largest_k_of_those_nearly_as_clear_is_taken():
    from ml.clustering import _choose

    scores = pd.DataFrame(
        {
            "n_clusters": [3, 4, 5, 6],
            "silhouette": [0.40, 0.39, 0.38, 0.37],
            "is_large_enough": True,
        }
    )

    assert _choose(scores) == 5
    assert _choose(scores.assign(is_large_enough=[True, True, False, True])) == 4
    assert _choose(scores.assign(is_large_enough=False)) == 5


def test_no_cluster_of_a_few_persons_is_made_if_it_can_be_helped(blobs: pd.DataFrame):
    strange = blobs.copy()
    strange.iloc[:3] = [9.5, 0.5]

    sizes = groups(strange).value_counts()

    assert sizes.min() >= 5


def test_new_persons_go_to_the_nearest_cluster_by_column_name(blobs: pd.DataFrame):
    model = fit_clustering(blobs)
    new = pd.DataFrame(
        {"extra": [1], "cart_abandonment_share": [0.9], "n_sessions": [88]},
        index=["somebody"],
    )

    assert (
        assign_clusters(model, new)["somebody"]
        == assign_clusters(model, blobs).iloc[-1]
    )
    assert assign_clusters(model, new.head(0)).empty


def test_a_missing_feature_is_named(blobs: pd.DataFrame):
    model = fit_clustering(blobs)

    with pytest.raises(ValueError, match="missing: n_sessions"):
        assign_clusters(model, blobs.drop(columns="n_sessions"))


def test_fewer_than_twenty_persons_are_refused(blobs: pd.DataFrame):
    with pytest.raises(TooFewPersonsError, match="19 persons are too few"):
        fit_clustering(blobs.head(19))


def test_fewer_different_persons_than_segments_are_refused():
    two_kinds = pd.DataFrame({"n_orders": [1] * 15 + [5] * 15})

    with pytest.raises(TooFewPersonsError, match="2 different persons cannot form 3"):
        fit_clustering(two_kinds)


@pytest.mark.parametrize("bad_value", [float("nan"), float("inf")])
def test_impossible_values_are_refused_by_name(blobs: pd.DataFrame, bad_value: float):
    blobs.iloc[3, 0] = bad_value

    with pytest.raises(ValueError, match="'n_sessions' has missing or infinite"):
        fit_clustering(blobs)


def test_text_and_repeated_persons_are_refused(blobs: pd.DataFrame):
    with pytest.raises(ValueError, match="'plan' is not a number"):
        fit_clustering(blobs.assign(plan="gold"))
    with pytest.raises(ValueError, match="'user_000' occurs more than once"):
        fit_clustering(pd.concat([blobs, blobs.head(1)]))


def test_silhouettes_tell_clear_clusters_from_blurred_ones(blobs: pd.DataFrame):
    blobs.iloc[50:75, 1] = np.linspace(0.1, 0.6, 25)
    model = fit_clustering(blobs, k_range=[4])
    labels = pd.Series(np.repeat(range(4), 25), index=blobs.index)

    silhouettes = silhouettes_by_cluster(model, blobs, labels)

    assert silhouettes.idxmin() == 2
    assert silhouettes.between(-1, 1).all()
    assert silhouettes.loc[[0, 1]].min() > 0.8


def test_silhouettes_of_a_sample_are_those_of_all(features: pd.DataFrame):
    model = fit_clustering(features)
    labels = assign_clusters(model, features)

    of_all = silhouettes_by_cluster(model, features, labels)
    of_some = silhouettes_by_cluster(model, features, labels, sample=700)

    assert of_some.index.tolist() == of_all.index.tolist()
    assert (of_some - of_all).abs().max() < 0.06


def test_one_cluster_alone_has_a_silhouette_of_zero(blobs: pd.DataFrame):
    model = fit_clustering(blobs)
    labels = pd.Series(0, index=blobs.index)

    assert silhouettes_by_cluster(model, blobs, labels).to_dict() == {0: 0.0}


@settings(max_examples=15, deadline=None)
@given(
    values=st.lists(
        st.tuples(st.integers(0, 3), st.floats(0, 1e12)),
        min_size=20,
        max_size=40,
    )
)
def test_whatever_the_values_everybody_gets_a_label_or_all_are_refused(values: list):
    features = pd.DataFrame(values, columns=["n_orders", "revenue"])
    try:
        model = fit_clustering(features)
    except TooFewPersonsError:
        return
    labels = assign_clusters(model, features)

    assert labels.between(0, model.n_clusters - 1).all()
    assert np.isfinite(model.scores.to_numpy(float)).all()


@pytest.mark.long
def test_a_hundred_thousand_persons_fit_within_a_minute(simulate: Callable):
    features = simulate(100_000).drop(columns="archetype")
    began = perf_counter()

    groups(features)

    assert perf_counter() - began < 60


def test_the_clusters_that_everybody_gets_are_those_that_were_judged(simulate):
    features = simulate(100, seed=8).drop(columns="archetype")

    model = fit_clustering(features)

    judged = model.scores.set_index("n_clusters")["inertia"][model.n_clusters]
    assert model.pipeline["cluster"].inertia_ == pytest.approx(judged, rel=1e-9)
