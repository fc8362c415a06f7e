"""`ml.explaining` writes rules that hold as they are written."""

import pandas as pd
import pytest

from ml.explaining import explain_segments


def segments(*sizes: int) -> pd.Series:
    ids = [f"segment_{i}" for i, size in enumerate(sizes, 1) for _ in range(size)]
    return pd.Series(ids, index=[f"user_{i:03d}" for i in range(len(ids))])


def frame(ids: pd.Series, **columns: list) -> pd.DataFrame:
    return pd.DataFrame(columns, index=ids.index)


def rule(text: str) -> str:
    return text.split(". Right")[0]


def test_limits_of_counts_are_whole_numbers():
    ids = segments(10, 10)
    features = frame(ids, n_orders=[0] * 5 + [1] * 5 + [4] * 5 + [9] * 5)

    rules = explain_segments(features, ids)

    assert rule(rules["segment_1"]) == "Orders at most 2"
    assert rule(rules["segment_2"]) == "Orders at least 3"


def test_what_lies_between_two_limits_is_said_so():
    ids = segments(10, 10, 10)
    features = frame(ids, mobile_share=[0.1] * 10 + [0.5] * 10 + [0.9] * 10)

    rules = explain_segments(features, ids)

    assert rule(rules["segment_2"]) == (
        "Share of visits on a mobile above 30% and at most 70%"
    )


def test_none_and_exactly_are_said_in_words():
    ids = segments(10, 10, 10)
    features = frame(ids, n_orders=[0] * 10 + [1] * 10 + [2] * 10)

    rules = explain_segments(features, ids)

    assert rule(rules["segment_1"]) == "No orders"
    assert rule(rules["segment_2"]) == "Orders exactly 1"


def test_two_ways_into_a_segment_are_joined_by_or():
    ids = segments(10, 10)
    features = frame(ids, n_sessions=[1] * 5 + [9] * 5 + [5] * 10)

    assert rule(explain_segments(features, ids)["segment_1"]) == (
        "Visits at most 3; or visits at least 8"
    )


def test_fidelity_is_that_of_the_rule_as_written():
    ids = segments(10, 10)
    features = frame(ids, n_orders=[1] * 9 + [5] + [5] * 9 + [1])

    text = explain_segments(features, ids)["segment_1"]

    assert text == (
        "Orders at most 3. Right for 90% of all persons: it fits 90% of this segment, "
        "and 90% of those it fits belong to it."
    )


def test_all_but_one_person_is_not_said_to_be_everybody():
    ids = segments(500, 500)
    features = frame(ids, n_orders=[1] * 499 + [5] + [5] * 500)

    assert "99% of this segment" in explain_segments(features, ids)["segment_1"]


def test_rules_on_orders_do_not_fit_those_who_never_ordered():
    ids = segments(10, 10, 10)
    features = frame(
        ids,
        n_orders=[1] * 20 + [0] * 10,
        days_since_last_order=[5] * 10 + [50] * 10 + [5] * 10,  # the last are imputed
    )

    text = explain_segments(features, ids)["segment_1"]

    assert rule(text) == "Days since the last order at most 16"
    assert "Right for 100%" in text


def test_order_of_rows_and_columns_does_not_matter(
    features: pd.DataFrame, archetype: pd.Series, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ml.explaining.GROWN_FROM", 300)
    shuffled = features.sample(frac=1, random_state=2)[features.columns[::-1]]

    assert explain_segments(shuffled, archetype).equals(
        explain_segments(features, archetype)
    )


def test_planted_archetypes_are_explained_well(
    features: pd.DataFrame, archetype: pd.Series
):
    right = explain_segments(features, archetype).str.extract(r"Right for (\d+)%")[0]

    assert right.astype(int).min() >= 85


def test_a_segment_of_everybody_and_one_of_a_few_are_not_explained():
    everybody, few = segments(20), segments(20, 3)

    assert explain_segments(frame(everybody, n_orders=range(20)), everybody)[
        "segment_1"
    ].startswith("Everybody")
    assert explain_segments(frame(few, n_orders=[1] * 20 + [777] * 3), few)[
        "segment_2"
    ].startswith("Too few persons")


def test_segments_that_nothing_tells_apart_have_no_rule():
    ids = segments(10, 10)

    rules = explain_segments(frame(ids, n_orders=[1] * 20), ids)

    assert rules["segment_1"] == "No short rule tells this segment from the others."


def test_features_without_plain_words_make_no_rule():
    ids = segments(10, 10)
    features = frame(ids, category_entropy=[0.0] * 10 + [2.0] * 10)

    rules = explain_segments(features, ids)

    assert rules["segment_1"] == "No short rule tells this segment from the others."


def test_persons_without_a_segment_are_refused():
    ids = segments(10, 10)

    with pytest.raises(ValueError, match="1 persons have no segment"):
        explain_segments(frame(ids, n_orders=range(20)), ids.iloc[1:])
