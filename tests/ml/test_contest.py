"""`ml.contest` scores as scikit-learn does, and chooses by one rule."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_moons
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_score,
)
from threadpoolctl import threadpool_limits

from ml.candidates import Candidate, list_candidates
from ml.contest import choose, hold_contest

STRAYS = np.array([[40.0, 40], [41, 40], [40, 41]])
ROW = {
    "n_clusters": 4,
    "silhouette": 0.5,
    "calinski_harabasz": 100.0,
    "stability": 0.9,
    "davies_bouldin": 1.0,
    "inertia": 10.0,
    "noise_share": 0.0,
}
ONE = {"n_clusters": 1} | dict.fromkeys(
    ["silhouette", "calinski_harabasz", "davies_bouldin"], np.nan
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Keep several threads from waiting for each other over a hundred points."""
    with threadpool_limits(limits=1):
        yield


@pytest.fixture(scope="module")
def blobs() -> np.ndarray:
    """Four groups of 30, apart for the eye."""
    corners = np.repeat([[0.0, 0], [12, 0], [0, 12], [12, 12]], 30, axis=0)
    return corners + np.random.default_rng(0).normal(size=(120, 2))


def candidates(**changes: dict) -> pd.DataFrame:
    """Make scores of candidates, which differ from each other in `changes` alone."""
    return pd.DataFrame(
        [ROW | {"candidate_id": name} | change for name, change in changes.items()]
    )


def chosen(scores: pd.DataFrame) -> str:
    told = choose(scores)
    assert told["is_chosen"].sum() == 1
    return str(told.loc[told["is_chosen"], "candidate_id"].item())


def reasons(scores: pd.DataFrame) -> dict[str, str]:
    return choose(scores).set_index("candidate_id")["reason"].to_dict()


@pytest.mark.parametrize(
    ("winner", "scores"),
    [
        # the finest of what is as clear as any
        ("b", candidates(a={}, b={"n_clusters": 5, "silhouette": 0.475})),
        ("a", candidates(a={}, b={"n_clusters": 5, "silhouette": 0.474})),
        ("b", candidates(a={}, b={"n_clusters": 3, "silhouette": 0.527})),
        # a silhouette below zero is not better than itself
        ("a", candidates(a={"silhouette": -0.1}, b={"silhouette": -0.2})),
        # gates: clusters at all, noise, stability
        ("a", candidates(a={}, b={"n_clusters": 9, "noise_share": 0.101})),
        ("b", candidates(a={}, b={"n_clusters": 9, "noise_share": 0.1})),
        ("a", candidates(a={}, b={"n_clusters": 9, "stability": 0.799})),
        ("b", candidates(a={}, b={"n_clusters": 9, "stability": 0.8})),
        ("a", candidates(a={"stability": 0.1, "noise_share": 0.9}, b=ONE)),
        # where nothing is stable, the rest decides; then noise is no matter either
        ("b", candidates(a={"stability": 0.2}, b={"stability": 0.1, "n_clusters": 5})),
        (
            "a",
            candidates(a={"stability": 0.2}, b={"stability": 0.99, "noise_share": 0.2}),
        ),
        (
            "b",
            candidates(
                a={"noise_share": 0.2}, b={"noise_share": 0.3, "silhouette": 0.9}
            ),
        ),
        # of as many clusters, the best in ranks
        ("b", candidates(a={}, b={"calinski_harabasz": 101.0})),
        ("b", candidates(a={}, b={"davies_bouldin": 0.9})),
        ("b", candidates(a={}, b={"inertia": 9.9})),
        ("b", candidates(a={}, b={"stability": 0.91})),
        ("b", candidates(a={}, b={"silhouette": 0.501})),
        ("b", candidates(a={"silhouette": 0.501}, b={"inertia": 9, "stability": 1})),
        # the first of those that are alike to the last digits
        ("a", candidates(a={}, b={"inertia": 10 - 1e-9})),
        ("a", candidates(a=ONE, b=ONE)),
    ],
)
def test_the_rule(winner: str, scores: pd.DataFrame):
    assert chosen(scores) == winner


def test_the_order_of_candidates_does_not_matter():
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores = pd.DataFrame(rng.random((8, 7)), columns=list(ROW)).assign(
            n_clusters=rng.integers(1, 4, 8),
            noise_share=rng.random(8) / 5,
            stability=0.7 + 0.3 * rng.random(8),
            candidate_id=list("abcdefgh"),
        )
        assert chosen(scores.sample(frac=1, random_state=1)) == chosen(scores)


def test_everybody_is_told_why():
    told = reasons(
        candidates(
            winner={"n_clusters": 6, "inertia": 9.0},
            second={"n_clusters": 6},
            coarse={"n_clusters": 5},
            blurred={"n_clusters": 7, "silhouette": 0.4},
            shaky={"n_clusters": 7, "stability": 0.5},
            noisy={"n_clusters": 7, "noise_share": 0.25},
            one=ONE,
        )
    )

    assert told == {
        "winner": "the finest of what is as clear as any: silhouette 0.500, the best "
        "0.500; stability 0.90; the best in ranks of 2 as fine",
        "second": "is as fine and as clear, but not as good as winner",
        "coarse": "is coarser than 6 clusters that are as clear",
        "blurred": "is less clear: 0.400 of 0.500",
        "shaky": "is not stable: 0.500",
        "noisy": "leaves out 25% as noise",
        "one": "finds one cluster only",
    }


def test_who_passes_the_gates_is_eligible_and_nobody_else():
    scores = candidates(a={}, b={"stability": 0.5}, c={"noise_share": 0.5}, d=ONE)

    assert choose(scores)["is_eligible"].tolist() == [True, False, False, False]
    assert choose(scores.iloc[1:])["is_eligible"].tolist() == [True, False, False]
    assert choose(scores.iloc[2:])["is_eligible"].tolist() == [True, False]


def test_scores_are_those_of_scikit_learn_and_blobs_are_found(blobs: np.ndarray):
    contest = hold_contest(
        blobs, list_candidates(blobs, k_range=range(2, 7), methods=["kmeans", "ward"])
    )

    scores = contest.scores.set_index("candidate_id")
    assert scores.loc["kmeans-4", "is_elbow"]
    assert scores["is_elbow"].sum() == 1
    assert contest.winner.candidate_id == "kmeans-4"
    assert scores.loc["kmeans-4", "stability"] == pytest.approx(1)
    assert scores.loc["kmeans-4", "smallest_share"] == 0.25
    for k in (2, 4, 6):
        clusterer = KMeans(k, n_init=10, random_state=0)
        labels = clusterer.fit_predict(blobs)
        expected = {
            "n_clusters": k,
            "silhouette": silhouette_score(blobs, labels),
            "calinski_harabasz": calinski_harabasz_score(blobs, labels),
            "davies_bouldin": davies_bouldin_score(blobs, labels),
            "inertia": clusterer.inertia_,
        }
        for name, number in expected.items():
            assert scores.loc[f"kmeans-{k}", name] == pytest.approx(number), name
    labels = contest.partition.assign(blobs)
    assert adjusted_rand_score(labels, np.repeat(range(4), 30)) == 1


def test_clusters_too_small_join_the_nearest_before_anything_is_scored(blobs):
    points = np.vstack([blobs, STRAYS])
    five = [Candidate("kmeans-5", "kmeans", {"n_clusters": 5})]

    (with_strays,) = hold_contest(points, five, least_count=3).scores.to_dict("records")
    contest = hold_contest(points, five, least_count=4)

    (joined,) = contest.scores.to_dict("records")
    assert with_strays["n_clusters"] == 5
    assert with_strays["smallest_share"] == pytest.approx(3 / 123)
    assert joined["n_clusters"] == 4
    labels = contest.partition.assign(points)
    assert set(labels[-3:]) == {labels[119]}
    assert joined["silhouette"] == pytest.approx(silhouette_score(points, labels))
    by_share = hold_contest(points, five, least_count=1, least_share=0.03).scores
    assert by_share["n_clusters"].tolist() == [4]


def test_noise_is_counted_and_goes_to_the_nearest(blobs: np.ndarray):
    rng = np.random.default_rng(1)
    points = np.vstack([blobs, rng.uniform(-60, -20, (20, 2))])
    dense = Candidate("dbscan-1", "dbscan", {"eps": 2.0, "min_samples": 5})

    contest = hold_contest(points, [dense])

    (row,) = contest.scores.to_dict("records")
    assert row["noise_share"] == pytest.approx(20 / 140)
    assert row["n_clusters"] == 4
    assert (
        contest.partition.assign(points[-20:]).tolist()
        == [contest.partition.assign(blobs)[0]] * 20
    )
    assert not row["is_elbow"]


def test_one_cluster_has_no_scores_and_is_chosen_only_if_all_have_one(blobs):
    all_noise = Candidate("dbscan-1", "dbscan", {"eps": 1e-6, "min_samples": 5})
    two = Candidate("kmeans-2", "kmeans", {"n_clusters": 2})

    scores = hold_contest(blobs, [all_noise, two]).scores

    assert scores["n_clusters"].tolist() == [1, 2]
    assert scores.loc[0, ["silhouette", "calinski_harabasz"]].isna().all()
    assert scores["is_chosen"].tolist() == [False, True]
    alone = hold_contest(blobs, [all_noise])
    assert alone.winner == all_noise
    assert set(alone.partition.assign(blobs)) == {0}


def test_what_refits_do_not_find_again_is_not_stable(blobs: np.ndarray):
    square = np.random.default_rng(2).uniform(0, 12, blobs.shape)
    seven = [Candidate("kmeans-7", "kmeans", {"n_clusters": 7})]

    (stability,) = hold_contest(square, seven).scores["stability"]

    assert stability < 0.7
    again = hold_contest(square, seven).scores["stability"]
    assert again.tolist() == [stability]


def test_silhouettes_rule_and_moons_are_cut_though_density_finds_them():
    """The rule wants balls: a segment is told by averages, and a moon has no middle."""
    points, moon = make_moons(200, noise=0.05, random_state=0)
    listed = [
        Candidate("kmeans-4", "kmeans", {"n_clusters": 4}),
        Candidate("hdbscan-10", "hdbscan", {"min_cluster_size": 10}),
    ]

    contest = hold_contest(points, listed)

    assert contest.winner.candidate_id == "kmeans-4"
    found = hold_contest(points, listed[1:]).partition
    assert adjusted_rand_score(found.assign(points), moon) == 1
    silhouettes = contest.scores["silhouette"].tolist()
    assert silhouettes[1] < 0.95 * silhouettes[0]
