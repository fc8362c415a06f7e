"""`ml.naming` calls segments what they are, each by a name of its own."""

from collections.abc import Callable

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.errors import CatalogRefusedError
from ml.naming import name_persona, name_segments


def test_planted_archetypes_get_the_names_that_they_deserve(
    simulate: Callable, names_for: Callable
):
    persons = simulate(1_500, seed=3)
    features, archetype = persons.drop(columns="archetype"), persons["archetype"]

    names = name_segments(features, archetype, names_for(features))["segment_name"]

    assert names.to_dict() == {
        "bargain hunters": "Deal Seekers",
        "cart abandoners": "Cart Abandoners",
        "champions": "Champions",
        "lapsed": "At Risk",
        "loyal": "Frequent Buyers",
        "one-timers": "Lapsed One-Time Buyers",
        "window shoppers": "Window Shoppers",
    }


def test_descriptions_come_with_names_and_say_numbers(
    simulate: Callable, names_for: Callable
):
    persons = simulate(600)
    features, archetype = persons.drop(columns="archetype"), persons["archetype"]

    named = name_segments(features, archetype, names_for(features))

    assert named.columns.tolist() == ["segment_name", "description"]
    assert named["description"].str.contains(r"\d").all()
    assert not named["description"].str.contains("nan|inf", case=False).any()


def test_of_two_segments_that_deserve_a_name_one_gets_it(names_for: Callable):
    features = pd.DataFrame(
        {"n_orders": [1] * 20 + [9] * 20, "n_sessions": [2] * 30 + [9] * 10}
    )
    labels = pd.Series([0] * 20 + [1] * 10 + [2] * 10)

    names = name_segments(features, labels, names_for(features))["segment_name"]

    assert names[0] == "One-Time Buyers"
    assert sorted(names[1:]) == ["Buyers", "Frequent Buyers"]


def test_a_segment_that_no_name_fits_is_called_by_what_is_most_telling(
    names_for: Callable,
):
    features = pd.DataFrame({"n_wishes": [1] * 20 + [9] * 20})
    labels = pd.Series([0] * 20 + [1] * 10 + [2] * 10)

    names = name_segments(features, labels, names_for(features))["segment_name"]

    assert names.tolist() == ["Few Wishes", "Many Wishes", "Many Wishes 2"]


def test_order_and_numbers_of_segments_do_not_matter(
    simulate: Callable, names_for: Callable
):
    persons = simulate(600)
    features, archetype = persons.drop(columns="archetype"), persons["archetype"]
    numbers = {name: -place for place, name in enumerate(sorted(archetype.unique()))}

    names = name_segments(features, archetype, names_for(features))["segment_name"]
    shuffled = features.sample(frac=1, random_state=1)
    by_number = name_segments(shuffled, archetype.map(numbers), names_for(features))[
        "segment_name"
    ]

    assert by_number.to_dict() == names.rename(numbers).to_dict()


def test_segments_without_any_difference_still_get_names_of_their_own(
    names_for: Callable,
):
    features = pd.DataFrame({"thing": [5.0] * 30})
    labels = pd.Series([0, 1, 2] * 10)

    names = name_segments(features, labels, names_for(features))["segment_name"]

    assert names.tolist() == ["Average Users", "Average Users 2", "Average Users 3"]


def test_features_and_labels_of_different_persons_are_refused(
    segment_names: pd.DataFrame,
):
    features = pd.DataFrame({"n_orders": [1, 2]})

    with pytest.raises(ValueError, match="different persons"):
        name_segments(features, pd.Series([0, 0, 1]), segment_names)


def test_names_that_go_on_are_kept_and_given_to_nobody_else(names_for: Callable):
    features = pd.DataFrame({"n_orders": [1] * 20 + [9] * 20})
    labels = pd.Series([0] * 20 + [1] * 20)

    def names(kept: dict) -> list[str]:
        catalog = names_for(features)
        return name_segments(features, labels, catalog, kept=kept)[
            "segment_name"
        ].tolist()

    assert names({}) == ["One-Time Buyers", "Frequent Buyers"]
    assert names({0: "Frequent Buyers"}) == ["Frequent Buyers", "Buyers"]
    assert names({0: "B", 1: "A"}) == ["B", "A"]


def test_a_catalog_of_nothing_leaves_names_to_features(segment_names: pd.DataFrame):
    features = pd.DataFrame({"n_orders": [1] * 20 + [9] * 20})
    labels = pd.Series([0] * 20 + [1] * 20)

    named = name_segments(features, labels, segment_names.head(0))

    assert named["segment_name"].tolist() == ["Few Orders", "Many Orders"]


def test_a_threshold_of_the_catalog_decides(names_for: Callable):
    features = pd.DataFrame({"n_orders": [0] * 20 + [0] * 8 + [1] * 12})
    labels = pd.Series([0] * 20 + [1] * 20)
    catalog = names_for(features)
    of_once = catalog["segment_name"] == "One-Time Buyers"

    def name(threshold: float) -> str:
        edited = catalog[of_once].assign(threshold=threshold)
        return name_segments(features, labels, edited)["segment_name"][1]

    assert name(0.6) == "One-Time Buyers"
    assert name(0.61) == "Many Orders"


def test_a_name_that_only_asks_for_something_done_can_be_given(
    segment_names: pd.DataFrame,
):
    features = pd.DataFrame({"n_orders": [1] * 20 + [9] * 20})
    catalog = segment_names.head(1).assign(direction="some")

    named = name_segments(features, pd.Series([0] * 40), catalog)

    assert named["segment_name"].tolist() == ["Champions"]


def test_a_feature_that_is_not_there_is_refused_and_not_never_met(
    segment_names: pd.DataFrame,
):
    features = pd.DataFrame({"n_order": [1, 2]})

    with pytest.raises(CatalogRefusedError, match="did you mean 'n_order'"):
        name_segments(features, pd.Series([0, 0]), segment_names)


def test_personas_are_named_after_their_segments(segment_names: pd.DataFrame):
    def persona(segment_name: str) -> str:
        return name_persona(segment_name, segment_names)

    assert persona("Champions") == "The Champion"
    assert persona("Champions 2") == "The Champion 2"
    assert persona("Average Users") == "The Average User"
    assert persona("Average Users 3") == "The Average User 3"
    assert persona("Few Visits") == "Somebody with Few Visits"


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 3), st.floats(0, 1e12)),
        min_size=1,
        max_size=40,
    )
)
def test_names_are_always_there_and_unique(rows: list, names_for: Callable):
    frame = pd.DataFrame(rows, columns=["label", "n_orders", "revenue"])
    features = frame.drop(columns="label")

    named = name_segments(features, frame["label"], names_for(features))

    assert named.index.tolist() == sorted(frame["label"].unique())
    assert named["segment_name"].str.len().gt(0).all()
    assert named["segment_name"].is_unique
