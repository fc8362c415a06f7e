"""`ml.naming` calls segments what they are, each by a name of its own."""

from collections.abc import Callable

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.naming import CATALOG, THRESHOLDS, name_persona, name_segments


def test_planted_archetypes_get_the_names_that_they_deserve(simulate: Callable):
    persons = simulate(1_500, seed=3)
    features, archetype = persons.drop(columns="archetype"), persons["archetype"]

    names = name_segments(features, archetype)["segment_name"]

    assert names.to_dict() == {
        "bargain hunters": "Deal Seekers",
        "cart abandoners": "Cart Abandoners",
        "champions": "Champions",
        "lapsed": "At Risk",
        "loyal": "Frequent Buyers",
        "one-timers": "Lapsed One-Time Buyers",
        "window shoppers": "Window Shoppers",
    }


def test_descriptions_come_with_names_and_say_numbers(simulate: Callable):
    persons = simulate(600)

    named = name_segments(persons.drop(columns="archetype"), persons["archetype"])

    assert named.columns.tolist() == ["segment_name", "description"]
    assert named["description"].str.contains(r"\d").all()
    assert not named["description"].str.contains("nan|inf", case=False).any()


def test_of_two_segments_that_deserve_a_name_one_gets_it():
    features = pd.DataFrame(
        {"n_orders": [1] * 20 + [9] * 20, "n_sessions": [2] * 30 + [9] * 10}
    )
    labels = pd.Series([0] * 20 + [1] * 10 + [2] * 10)

    names = name_segments(features, labels)["segment_name"]

    assert names[0] == "One-Time Buyers"
    assert sorted(names[1:]) == ["Buyers", "Frequent Buyers"]


def test_a_segment_that_no_name_fits_is_called_by_what_is_most_telling():
    features = pd.DataFrame({"n_wishes": [1] * 20 + [9] * 20})
    labels = pd.Series([0] * 20 + [1] * 10 + [2] * 10)

    names = name_segments(features, labels)["segment_name"]

    assert names.tolist() == ["Few Wishes", "Many Wishes", "Many Wishes 2"]


def test_order_and_numbers_of_segments_do_not_matter(simulate: Callable):
    persons = simulate(600)
    features, archetype = persons.drop(columns="archetype"), persons["archetype"]
    numbers = {name: -place for place, name in enumerate(sorted(archetype.unique()))}

    names = name_segments(features, archetype)["segment_name"]
    shuffled = features.sample(frac=1, random_state=1)
    by_number = name_segments(shuffled, archetype.map(numbers))["segment_name"]

    assert by_number.to_dict() == names.rename(numbers).to_dict()


def test_segments_without_any_difference_still_get_names_of_their_own():
    features = pd.DataFrame({"thing": [5.0] * 30})
    labels = pd.Series([0, 1, 2] * 10)

    names = name_segments(features, labels)["segment_name"]

    assert names.tolist() == ["Average Users", "Average Users 2", "Average Users 3"]


def test_features_and_labels_of_different_persons_are_refused():
    with pytest.raises(ValueError, match="different persons"):
        name_segments(pd.DataFrame({"n_orders": [1, 2]}), pd.Series([0, 0, 1]))


def test_no_name_stands_twice_in_the_catalog():
    assert len({entry.name for entry in CATALOG}) == len(CATALOG)
    assert len({entry.persona for entry in CATALOG}) == len(CATALOG)


def test_every_condition_of_the_catalog_is_about_a_feature_that_we_have(
    features: pd.DataFrame,
):
    conditions = {condition for entry in CATALOG for condition in entry.conditions}

    assert {name for name, _ in conditions} <= set(features)
    assert {direction for _, direction in conditions} <= set(THRESHOLDS)


def test_personas_are_named_after_their_segments():
    assert name_persona("Champions") == "The Champion"
    assert name_persona("Average Users") == "The Average User"
    assert name_persona("Few Visits") == "Somebody with Few Visits"


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 3), st.floats(0, 1e12)),
        min_size=1,
        max_size=40,
    )
)
def test_names_are_always_there_and_unique(rows: list):
    frame = pd.DataFrame(rows, columns=["label", "n_orders", "revenue"])

    named = name_segments(frame[["n_orders", "revenue"]], frame["label"])

    assert named.index.tolist() == sorted(frame["label"].unique())
    assert named["segment_name"].str.len().gt(0).all()
    assert named["segment_name"].is_unique
