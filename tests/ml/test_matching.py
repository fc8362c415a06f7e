"""`ml.matching` lets ids follow persons."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.matching import match_segments

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


def test_an_overlap_of_three_in_ten_is_enough_and_less_is_not():
    value = pd.Series({0: 1.0})

    enough = match_segments(old("1112233445"), persons("0" * 10), value)
    too_little = match_segments(old("11122334455"), persons("0" * 11), value)

    assert enough == {0: "segment_1"}
    assert too_little == {0: "segment_6"}


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


@given(
    pairs=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 5)), max_size=40),
    seed=st.integers(0, 9),
)
def test_every_label_gets_one_id_of_its_own(pairs: list, seed: int):
    previous = pd.Series([f"segment_{old_id}" for old_id, _ in pairs], dtype=object)
    labels = pd.Series([label for _, label in pairs], dtype=int)
    value = pd.Series(np.random.default_rng(seed).random(6))

    matched = match_segments(previous, labels, value)

    assert list(matched) == list(range(6))
    assert len(set(matched.values())) == 6
