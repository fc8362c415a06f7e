"""`ml.clustering` finds the groups that are there, and only what is there counts."""

from collections.abc import Callable
from time import perf_counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score

from ml.candidates import METHODS, list_candidates
from ml.clustering import (
    ClusterModel,
    assign_clusters,
    fit_clustering,
    locate_persons,
    silhouettes_by_cluster,
)
from ml.contest import hold_contest
from ml.errors import TooFewPersonsError

FEW = range(2, 7)
FEW_COLUMNS = [
    "average_order_value",
    "average_unit_price",
    "cart_abandonment_share",
    "n_orders",
    "n_sessions",
    "product_views_per_session",
    "recency_days",
    "revenue",
]


def make_blobs() -> pd.DataFrame:
    """Four groups of 25, apart for the eye."""
    rng = np.random.default_rng(0)
    corners = np.repeat([[1, 0.1], [1, 0.9], [90, 0.1], [90, 0.9]], 25, axis=0)
    return pd.DataFrame(
        corners * rng.uniform(0.95, 1.05, corners.shape),
        columns=["n_sessions", "cart_abandonment_share"],
        index=[f"user_{i:03d}" for i in range(100)],
    )


@pytest.fixture
def blobs() -> pd.DataFrame:
    return make_blobs()


def fit(features: pd.DataFrame, **options) -> ClusterModel:
    """Fit k-means alone to few numbers of clusters, which takes a second."""
    return fit_clustering(features, **{"methods": ["kmeans"], "k_range": FEW} | options)


def groups(features: pd.DataFrame, **options) -> pd.Series:
    return assign_clusters(fit(features, **options), features)


@pytest.fixture(scope="module")
def model() -> ClusterModel:
    """What is fitted to the blobs, for tests of what is done with a model."""
    return fit(make_blobs())


@pytest.fixture
def few_features(features: pd.DataFrame) -> pd.DataFrame:
    """Eight columns: a fit to all takes three times as long, and is no other test."""
    return features[FEW_COLUMNS]


def shuffle(features: pd.DataFrame, seed: int) -> pd.DataFrame:
    rows = features.sample(frac=1, random_state=seed)
    return rows.sample(frac=1, axis=1, random_state=seed)


@pytest.mark.parametrize("method", METHODS)
def test_four_groups_that_the_eye_sees_are_found(blobs: pd.DataFrame, method: str):
    model = fit(blobs, methods=[method])
    labels = assign_clusters(model, blobs)

    # HDBSCAN, which looks for five persons or more, sees one group as two
    assert model.n_clusters == (5 if method == "hdbscan" else 4)
    # and not the same in each sample: whoever is drawn twice makes it denser
    assert model.verdict.is_structured or method == "hdbscan"
    planted = pd.Series(np.repeat(range(4), 25), index=blobs.index)
    assert planted.groupby(labels).nunique().eq(1).all()
    assert set(model.scores["algorithm"]) == {method}


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))]
)
def test_planted_archetypes_are_recovered(simulate: Callable, seed: int):
    persons = simulate(1_000, seed=seed)
    model = fit(persons.drop(columns="archetype"), k_range=range(5, 10))
    labels = assign_clusters(model, persons)

    assert model.verdict.is_structured, model.verdict.message
    assert labels.nunique() == 7
    assert adjusted_rand_score(persons["archetype"], labels) > 0.68


@pytest.mark.parametrize(
    ("methods", "seed"),
    [
        (["kmeans"], 0),
        pytest.param(["kmeans"], 1, marks=pytest.mark.long),
        (METHODS, 2),
    ],
)
def test_order_of_rows_and_columns_does_not_matter(methods: list[str], seed: int):
    # where there are no groups, k-means takes any pretext for another answer
    noise = np.random.default_rng(seed).uniform(size=(200, 6))
    noise[:60] += 2
    index = [f"user_{i:03d}" for i in range(200)]
    features = pd.DataFrame(noise, columns=list("abcdef"), index=index)
    shuffled = shuffle(features, seed + 1)

    model = fit(features, methods=methods, k_range=[2, 3])
    of_shuffled = fit(shuffled, methods=methods, k_range=[2, 3])

    pd.testing.assert_frame_equal(of_shuffled.scores, model.scores, check_exact=True)
    assert of_shuffled.verdict == model.verdict
    pd.testing.assert_frame_equal(
        locate_persons(of_shuffled, shuffled).loc[index],
        locate_persons(model, features),
        rtol=1e-12,
    )


def test_another_run_says_the_same(few_features: pd.DataFrame):
    features = few_features.head(100)

    models = [fit(features, k_range=[3, 4]) for _ in range(2)]

    first, second = (locate_persons(model, features) for model in models)
    assert first.equals(second)
    assert models[0].scores.equals(models[1].scores)


def test_money_in_cents_makes_the_same_groups(few_features: pd.DataFrame):
    features = few_features.head(100)
    money = ["revenue", "average_order_value", "average_unit_price"]
    cents = features.assign(**{name: features[name] * 100 for name in money})

    assert groups(cents, k_range=[4]).equals(groups(features, k_range=[4]))


def test_one_absurd_person_does_not_move_the_others(features: pd.DataFrame):
    features = features.head(200).astype(float)
    absurd = features.copy()
    absurd.iloc[7] = 1e12
    others = features.index.delete(7)

    before = groups(features, k_range=[6])
    located = locate_persons(fit(absurd, k_range=[6]), absurd)

    assert np.isfinite(located[["distance", "confidence"]]).all(axis=None)
    assert adjusted_rand_score(before.loc[others], located["label"].loc[others]) > 0.95


def test_the_same_persons_twice_make_the_same_groups(
    model: ClusterModel, blobs: pd.DataFrame
):
    twice = pd.concat([blobs, blobs.rename(index=lambda name: f"{name}_twin")])
    labels = groups(twice)

    assert labels.iloc[:100].tolist() == labels.iloc[100:].tolist()
    once = assign_clusters(model, blobs)
    assert adjusted_rand_score(labels.iloc[:100], once) == 1


def test_clusters_are_numbered_by_falling_size(blobs: pd.DataFrame):
    fewer = pd.concat([blobs.iloc[:20], blobs.iloc[25:90]])

    sizes = groups(fewer).value_counts()

    assert sizes.sort_index().is_monotonic_decreasing
    assert sizes.max() > sizes.min()


def test_another_seed_numbers_the_same_groups_alike(blobs: pd.DataFrame):
    fewer = pd.concat([blobs.iloc[:20], blobs.iloc[25:65], blobs.iloc[75:90]])
    models = [fit(fewer, random_state=seed) for seed in (0, 5)]

    first, second = (assign_clusters(model, fewer) for model in models)

    assert adjusted_rand_score(first, second) == 1
    assert first.value_counts().equals(second.value_counts())


def test_silhouettes_of_iris_are_those_that_are_known():
    points = load_iris().data
    candidates = list_candidates(points, k_range=range(2, 6), methods=["kmeans"])

    scores = hold_contest(points, candidates).scores

    assert scores["silhouette"].round(3).tolist() == [0.681, 0.553, 0.498, 0.489]
    assert scores["inertia"].is_monotonic_decreasing
    assert scores.loc[scores["is_elbow"], "n_clusters"].tolist() == [3]


def test_no_cluster_of_a_few_persons_is_made_if_it_can_be_helped(blobs: pd.DataFrame):
    strange = blobs.copy()
    strange.iloc[:3] = [9.5, 0.5]

    sizes = groups(strange).value_counts()

    assert sizes.min() >= 5


def test_new_persons_go_to_the_nearest_cluster_by_column_name(
    model: ClusterModel, blobs: pd.DataFrame
):
    new = pd.DataFrame(
        {"extra": [1], "cart_abandonment_share": [0.9], "n_sessions": [88]},
        index=["somebody"],
    )

    assert (
        assign_clusters(model, new)["somebody"]
        == assign_clusters(model, blobs).iloc[-1]
    )
    assert assign_clusters(model, new.head(0)).empty


def test_a_missing_feature_is_named(model: ClusterModel, blobs: pd.DataFrame):
    with pytest.raises(ValueError, match="missing: n_sessions"):
        assign_clusters(model, blobs.drop(columns="n_sessions"))


def test_fewer_than_twenty_persons_are_refused(blobs: pd.DataFrame):
    with pytest.raises(TooFewPersonsError, match="19 persons are too few"):
        fit_clustering(blobs.head(19))


def test_fewer_different_persons_than_segments_are_refused():
    two_kinds = pd.DataFrame({"n_orders": [1] * 15 + [5] * 15})

    with pytest.raises(TooFewPersonsError, match="2 different persons cannot form 3"):
        fit(two_kinds, k_range=[3, 4])
    with pytest.raises(ValueError, match="numbers of 2 or more"):
        fit(two_kinds, k_range=[1, 2])
    with pytest.raises(ValueError, match="unknown methods: birch"):
        fit(two_kinds, methods=["birch"])


@pytest.mark.parametrize("bad_value", [float("nan"), float("inf")])
def test_impossible_values_are_refused_by_name(blobs: pd.DataFrame, bad_value: float):
    blobs.iloc[3, 0] = bad_value

    with pytest.raises(ValueError, match="'n_sessions' has missing or infinite"):
        fit_clustering(blobs)


def test_repeated_persons_are_refused(blobs: pd.DataFrame):
    with pytest.raises(ValueError, match="'user_000' occurs more than once"):
        fit_clustering(pd.concat([blobs, blobs.head(1)]))


def test_text_parts_persons_and_a_new_category_is_no_error(blobs: pd.DataFrame):
    blobs = blobs.assign(device=["phone", "desktop"] * 50, n_sessions=5.0)
    model = fit(blobs)
    strangers = blobs.head(3).assign(device=["fridge", "", None])

    located = locate_persons(model, strangers)

    assert model.n_clusters == 4
    assert blobs["device"].groupby(assign_clusters(model, blobs)).nunique().eq(1).all()
    assert located["label"].between(0, model.n_clusters - 1).all()
    assert np.isfinite(located[["distance", "confidence"]]).all(axis=None)


def test_silhouettes_tell_clear_clusters_from_blurred_ones(blobs: pd.DataFrame):
    blobs.iloc[50:75, 1] = np.linspace(0.1, 0.6, 25)
    model = fit(blobs, k_range=[4])
    labels = pd.Series(np.repeat(range(4), 25), index=blobs.index)

    silhouettes = silhouettes_by_cluster(model, blobs, labels)

    assert silhouettes.idxmin() == 2
    assert silhouettes.between(-1, 1).all()
    assert silhouettes.loc[[0, 1]].min() > 0.8


def test_silhouettes_of_a_sample_are_those_of_all(features: pd.DataFrame):
    features = features.head(1_200)
    model = fit(features.head(300), k_range=[7])
    labels = assign_clusters(model, features)

    of_all = silhouettes_by_cluster(model, features, labels)
    of_some = silhouettes_by_cluster(model, features, labels, sample=400)

    assert of_some.index.tolist() == of_all.index.tolist()
    assert 0 < (of_some - of_all).abs().max() < 0.06


def test_one_cluster_alone_has_a_silhouette_of_zero(
    model: ClusterModel, blobs: pd.DataFrame
):
    labels = pd.Series(0, index=blobs.index)

    assert silhouettes_by_cluster(model, blobs, labels).to_dict() == {0: 0.0}


def odd_frames() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(0)
    usual = pd.DataFrame(
        {"n_orders": rng.poisson(3, 40), "revenue": rng.lognormal(3, 1, 40)}
    )
    outlier = usual.copy()
    outlier.loc[5, "revenue"] = 1e12
    kinds = pd.DataFrame({"n_orders": [1] * 17 + [5] * 3, "revenue": [0.0] * 20})
    return {
        "one outlier": outlier,
        "one column": usual[["revenue"]],
        "two kinds": kinds,
        "three kinds ten times": pd.concat([usual.head(3)] * 10, ignore_index=True),
        "too small to scale": usual.head(20).assign(revenue=[0.0, 5e-324] * 10),
        "rare texts alone": usual.head(20).assign(device=list("abcdefghijklmnopqrst")),
    }


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", odd_frames())
def test_odd_persons_get_a_label_and_no_warning(name: str):
    features = odd_frames()[name]

    model = fit(features, methods=METHODS, k_range=[2, 3, 4])
    located = locate_persons(model, features)

    assert located["label"].between(0, model.n_clusters - 1).all()
    assert located["confidence"].between(0, 1).all()
    assert np.isfinite(located["distance"]).all()
    assert not model.scores["reason"].str.contains("nan").any()
    assert model.verdict.is_structured == (name == "three kinds ten times")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("last", [3.0, 4.0, 1e12])
def test_persons_who_are_all_alike_but_one_are_refused(last: float):
    alike = pd.DataFrame({"n_orders": [3.0] * 29 + [last], "revenue": 9.5})

    with pytest.raises(TooFewPersonsError, match="all persons are alike"):
        fit_clustering(alike)


@settings(max_examples=8, deadline=None)
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
        model = fit(features, k_range=[2, 3])
    except TooFewPersonsError:
        return
    located = locate_persons(model, features)
    scores = model.scores[model.scores["n_clusters"] > 1]

    assert located["label"].between(0, model.n_clusters - 1).all()
    assert np.isfinite(located[["distance", "confidence"]]).all(axis=None)
    assert np.isfinite(scores.select_dtypes("number")).all(axis=None)


@pytest.mark.long
def test_a_hundred_thousand_persons_fit_within_two_minutes(simulate: Callable):
    features = simulate(100_000).drop(columns="archetype")
    began = perf_counter()

    locate_persons(fit_clustering(features), features)

    assert perf_counter() - began < 120


def test_the_clusters_that_everybody_gets_are_those_that_were_judged(simulate):
    features = simulate(300, seed=8).drop(columns="archetype")

    model = fit(features)

    judged = model.scores.set_index("candidate_id").loc[model.winner.candidate_id]
    distance = locate_persons(model, features)["distance"]
    assert len(model.merges) == 0
    assert model.n_clusters == judged["n_clusters"]
    assert (distance**2).sum() == pytest.approx(judged["inertia"], rel=1e-6)
