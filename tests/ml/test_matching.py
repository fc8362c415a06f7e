"""`ml.matching` lets ids follow persons."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from ml.matching import find_successors, match_segments
from ml.preprocessing import build_preprocessor

NOBODY = pd.Series(dtype=object)


def persons(groups: str) -> pd.Series:
    return pd.Series([int(group) for group in groups])


def old(groups: str) -> pd.Series:
    return pd.Series([f"segment_{group}" for group in groups])


def test_on_a_first_fit_ids_go_by_falling_value():
    value = pd.Series({2: 5.0, 1: 50.0, 0: 5.0})

    assert match_segments(NOBODY, persons("0011222"), value) == {
        0: "segment_2",
        1: "segment_1",
        2: "segment_3",
    }


def test_relabelled_clusters_keep_their_ids():
    value = pd.Series({0: 1.0, 1: 2.0, 2: 3.0})

    assert match_segments(old("111222333"), persons("222000111"), value) == {
        0: "segment_2",
        1: "segment_3",
        2: "segment_1",
    }


def test_an_overlap_of_more_than_a_third_is_enough():
    value = pd.Series({0: 1.0})

    enough = match_segments(old("11112233445"), persons("0" * 11), value)
    too_little = match_segments(old("111122334455"), persons("0" * 12), value)

    assert enough == {0: "segment_1"}
    assert too_little == {0: "segment_6"}


def test_halves_that_have_nothing_to_do_with_each_other_are_not_matched():
    value = pd.Series({0: 1.0, 1: 2.0})

    assert match_segments(old("1212"), persons("0011"), value) == {
        0: "segment_4",
        1: "segment_3",
    }


def test_the_larger_part_of_a_segment_that_fell_in_two_keeps_its_id():
    before = old("1" * 10 + "2" * 10)
    value = pd.Series({0: 9.0, 1: 1.0, 2: 1.0})

    assert match_segments(before, persons("0" * 4 + "1" * 6 + "2" * 10), value) == {
        0: "segment_3",
        1: "segment_1",
        2: "segment_2",
    }


def test_of_two_that_became_one_the_larger_hands_its_id_on():
    before, labels = old("1" * 4 + "2" * 6 + "3" * 5), persons("0" * 10 + "1" * 5)
    ids = match_segments(before, labels, pd.Series({0: 1.0, 1: 2.0}))
    became = find_successors(before, labels.map(ids)).set_index("segment_id")

    assert ids == {0: "segment_2", 1: "segment_3"}
    assert became.loc["segment_1"].tolist() == ["segment_2", "succeeded", 4, 1.0]
    assert became.loc["segment_2"].tolist() == ["segment_2", "kept", 6, 1.0]


def test_where_nobody_is_in_both_fits_the_old_model_tells():
    today = pd.Series([0, 0, 1, 1], index=list("abcd"))
    by_old_model = old("2211").set_axis(list("abcd"))
    value = pd.Series({0: 1.0, 1: 2.0})

    matched = match_segments(old("1122"), today, value, by_old_model=by_old_model)

    assert matched == {0: "segment_2", 1: "segment_1"}


def test_members_and_the_old_model_are_weighed_together():
    labels, value = persons("000"), pd.Series({0: 1.0})

    def matched(by_members: str, by_model: str) -> str:
        return match_segments(
            old(by_members), labels, value, by_old_model=old(by_model)
        )[0]

    assert matched("111", "122") == "segment_1"
    assert matched("112", "222") == "segment_2"
    assert matched("123", "456") == "segment_7"


def test_a_segment_is_succeeded_by_who_took_most_of_its_members():
    before = old("1" * 6 + "2" * 2 + "3" * 2)
    after = old("5" * 2 + "4" * 3 + "2" * 1 + "2" * 1 + "4" * 1).reindex(range(9))

    became = find_successors(before, after)

    assert became.fillna("").to_numpy().tolist() == [
        ["segment_1", "segment_4", "succeeded", 3, 0.5],
        ["segment_2", "segment_2", "kept", 1, 0.5],
        ["segment_3", "", "ended", 0, 0.0],
    ]


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))]
)
def test_refits_on_overlapping_persons_keep_all_ids(simulate: Callable, seed: int):
    everybody = simulate(1_440, seed=seed).drop(columns="archetype")
    before, after = everybody.head(1_200), everybody.tail(1_200)

    def fit(features: pd.DataFrame) -> Pipeline:
        clusterer = KMeans(7, n_init=10, random_state=seed)
        return Pipeline(
            [("prepare", build_preprocessor(features)), ("cluster", clusterer)]
        ).fit(features)

    def assign(model: Pipeline, features: pd.DataFrame) -> pd.Series:
        return pd.Series(model.predict(features), index=features.index)

    with threadpool_limits(limits=1):
        old_model, new_model = fit(before), fit(after)
    names = {label: f"segment_{label + 1}" for label in range(7)}
    ids = match_segments(
        assign(old_model, before).map(names),
        assign(new_model, after),
        pd.Series(range(7)),
        by_old_model=assign(old_model, after).map(names),
    )

    assert set(ids.values()) == set(names.values())


def test_a_new_segment_takes_no_number_that_was_ever_used():
    value = pd.Series({0: 1.0, 1: 2.0})

    matched = match_segments(
        old("1111"), pd.Series([0, 0, 0, 0, 1, 1]), value, retired=["segment_8"]
    )

    assert matched == {0: "segment_1", 1: "segment_9"}


def test_people_who_came_since_do_not_weaken_a_match():
    labels = pd.Series([0, 0, 1, 1] + [0, 1] * 100)
    value = pd.Series({0: 1.0, 1: 2.0})

    assert match_segments(old("1122"), labels, value) == {
        0: "segment_1",
        1: "segment_2",
    }


def test_the_whole_is_matched_best_even_if_one_pair_is_not():
    # label 0 shares most with segment 1, but only segment 1 is left for label 1
    previous = old("1" * 6 + "2" * 4 + "1" * 5)
    labels = persons("0" * 6 + "0" * 4 + "1" * 5)
    value = pd.Series({0: 1.0, 1: 2.0})

    assert match_segments(previous, labels, value) == {0: "segment_2", 1: "segment_1"}


def test_order_of_persons_does_not_matter():
    previous, labels = old("111222333"), persons("220001111")
    value = pd.Series({0: 1.0, 1: 2.0, 2: 3.0})
    order = np.random.default_rng(0).permutation(9)

    assert match_segments(previous.iloc[order], labels, value[::-1]) == match_segments(
        previous, labels, value
    )


def test_a_label_without_a_value_is_refused():
    with pytest.raises(ValueError, match=r"no value: \[1\]"):
        match_segments(NOBODY, persons("01"), pd.Series({0: 1.0}))


@settings(max_examples=40, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 5)), max_size=40),
    seed=st.integers(0, 9),
)
def test_every_label_gets_one_id_of_its_own(pairs: list, seed: int):
    previous = pd.Series([f"segment_{old_id}" for old_id, _ in pairs], dtype=object)
    labels = pd.Series([label for _, label in pairs], dtype=int)
    rng = np.random.default_rng(seed)
    value = pd.Series(rng.random(6))
    by_old_model = previous.sample(frac=0.7, random_state=seed)

    matched = match_segments(
        previous, labels, value, by_old_model=by_old_model, retired=["segment_7"]
    )
    order = rng.permutation(len(pairs))

    assert list(matched) == list(range(6))
    assert len(set(matched.values())) == 6
    assert "segment_7" not in matched.values()
    assert matched == match_segments(
        previous.iloc[order],
        labels.iloc[order[::-1]],
        value,
        by_old_model=by_old_model[::-1],
        retired=["segment_7"],
    )


@settings(max_examples=40, deadline=None)
@given(pairs=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 7)), max_size=40))
def test_every_old_segment_is_accounted_for(pairs: list):
    before = pd.Series([f"segment_{number}" for number, _ in pairs], dtype=object)
    after = pd.Series([f"segment_{number}" for _, number in pairs], dtype=object)
    after = after.iloc[len(pairs) // 2 :]

    became = find_successors(before, after)

    assert set(became["segment_id"]) == set(before)
    assert set(became["successor_id"].dropna()) <= set(after)
    assert ((became["kind"] == "kept") == became["segment_id"].isin(after)).all()
    assert ((became["kind"] == "ended") == became["successor_id"].isna()).all()
    assert became["shared_share"].between(0, 1).all()
    assert became["n_shared"].sum() <= len(after)
