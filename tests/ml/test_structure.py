"""`ml.structure` sees no groups in noise, and does where there are some."""

from collections.abc import Callable, Generator

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from ml.candidates import METHODS
from ml.clustering import ClusterModel, fit_clustering
from ml.structure import Verdict, choose_reduction, judge_structure


@pytest.fixture(autouse=True)
def _one_thread() -> Generator[None]:
    """Several threads cost more than they save with so few points."""
    with threadpool_limits(limits=1):
        yield


CLOUDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "normal": lambda rng: rng.normal(size=(300, 6)),
    "uniform": lambda rng: rng.uniform(size=(300, 6)),
    "exponential": lambda rng: rng.exponential(size=(300, 6)),
    "t3": lambda rng: rng.standard_t(3, size=(300, 6)),
    "correlated": lambda rng: rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6)),
}


def fit_cloud(name: str, seed: int, **options) -> ClusterModel:
    points = CLOUDS[name](np.random.default_rng(seed))
    index = [f"user_{i:03d}" for i in range(len(points))]
    return fit_clustering(
        pd.DataFrame(points, columns=list("abcdef"), index=index), **options
    )


def judge(points: np.ndarray, labels: np.ndarray, stability: float = 1.0) -> Verdict:
    return judge_structure(points, "principal", points, labels, stability=stability)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", CLOUDS)
def test_noise_has_no_structure(name: str, seed: int):
    verdict = fit_cloud(name, seed, methods=["kmeans"], k_range=range(2, 7)).verdict

    assert not verdict.is_structured
    assert verdict.message.startswith("no structure found: ")


def test_no_method_finds_structure_in_one_cloud():
    verdict = fit_cloud("correlated", 2, methods=METHODS, k_range=range(2, 6)).verdict

    assert not verdict.is_structured, verdict.message


def test_columns_that_have_nothing_to_do_with_each_other_are_no_structure(simulate):
    persons = simulate(300).drop(columns="archetype")
    rng = np.random.default_rng(0)
    shuffled = persons.apply(lambda column: rng.permutation(column))

    of_persons, of_columns = (
        fit_clustering(each, methods=["kmeans"], k_range=[6, 7]).verdict
        for each in (persons, shuffled)
    )

    assert of_persons.is_structured
    assert not of_columns.is_structured
    assert "nothing is stable" in of_columns.message


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", CLOUDS)
def test_few_of_fifty_clouds_are_taken_for_groups(name: str):
    alarms = [
        seed
        for seed in range(50)
        if fit_cloud(name, seed, methods=["kmeans", "ward"]).verdict.is_structured
    ]

    assert len(alarms) <= 1, f"{len(alarms)} of 50: {alarms}"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_planted_kinds_are_never_taken_for_noise(simulate: Callable):
    missed = [
        seed
        for seed in range(20)
        if not fit_clustering(
            simulate(400, seed=seed).drop(columns="archetype"),
            methods=["kmeans", "ward"],
        ).verdict.is_structured
    ]

    assert missed == []


@pytest.fixture
def cross() -> np.ndarray:
    """Four groups of 75 at the ends of a cross."""
    ends = np.repeat([[4, 0], [-4, 0], [0, 4], [0, -4]], 75, axis=0)
    return ends + np.random.default_rng(0).normal(size=(300, 2))


def test_groups_are_clearer_than_clouds(cross: np.ndarray):
    labels = np.repeat(range(4), 75)

    verdict = judge(cross, labels)

    assert verdict.is_structured
    assert verdict.silhouette > 0.6
    assert 0.3 < verdict.of_clouds < 0.5
    assert verdict == judge(cross, labels)


def test_what_another_sample_would_not_give_is_no_structure(cross: np.ndarray):
    verdict = judge(cross, np.repeat(range(4), 75), stability=0.7)

    assert not verdict.is_structured
    assert "nothing is stable, the best by 0.70" in verdict.message


def test_labels_at_random_are_no_structure_where_there_is_some(cross: np.ndarray):
    labels = np.random.default_rng(1).integers(0, 4, 300)

    verdict = judge(cross, labels)

    assert not verdict.is_structured
    assert verdict.silhouette < 0 < verdict.of_clouds


@pytest.mark.parametrize("labels", [np.zeros(300, dtype=int), np.arange(300)])
def test_one_cluster_or_one_for_each_is_no_structure(cross: np.ndarray, labels):
    verdict = judge(cross, labels)

    assert not verdict.is_structured
    assert "no test parts one cluster from another" in verdict.message


def test_where_the_cloud_lies_and_its_unit_do_not_matter(cross: np.ndarray):
    labels = np.repeat(range(4), 75)

    here = judge(cross, labels)
    there = judge(1e3 * cross + 7, labels)

    assert there.is_structured == here.is_structured
    assert there.of_clouds == pytest.approx(here.of_clouds, abs=1e-6)


def test_canonical_variables_are_taken_where_much_else_varies():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(300, 4)) * [2, 2, 2, 0.3]
    points[150:, 3] += 3

    assert choose_reduction(points, [2, 3]) == "canonical"
    assert choose_reduction(points[:, 3:], [2, 3]) == "principal"
    assert choose_reduction(rng.normal(size=(300, 4)), [2, 3]) == "principal"
    assert choose_reduction(points[142:160], [2, 3]) == "principal"
