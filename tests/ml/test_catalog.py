"""`ml.catalog` reads names, and tells whoever edits them what is wrong."""

import re

import pandas as pd
import pytest

from ml.catalog import COLUMNS, THRESHOLDS, read_catalog
from ml.errors import CatalogRefusedError
from ml.features import FEATURES as MEANINGS

FEATURES = ("n_orders", "n_sessions", "revenue")
REGULARS = ("Regulars", "The Regular", 10, "n_orders", "repeat", None)


def catalog(*lines: tuple) -> pd.DataFrame:
    return pd.DataFrame(lines, columns=list(COLUMNS))


def test_names_come_by_priority_whatever_the_order_of_lines(
    segment_names: pd.DataFrame,
):
    names = read_catalog(segment_names, MEANINGS)

    assert [entry.name for entry in names[:2]] == ["Champions", "At Risk"]
    assert read_catalog(segment_names.sample(frac=1, random_state=0)) == names


def test_an_empty_threshold_is_the_usual_one():
    line = (*REGULARS[:3], "n_orders", "high", 0.5)

    (name,) = read_catalog(catalog(REGULARS, line), FEATURES)

    assert {each.direction: each.threshold for each in name.conditions} == {
        "high": 0.5,
        "repeat": THRESHOLDS["repeat"],
    }


def test_a_catalog_of_nothing_is_none():
    assert read_catalog(catalog()) == ()


def test_the_names_that_a_shop_expects_are_delivered(segment_names: pd.DataFrame):
    assert {entry.name for entry in read_catalog(segment_names)} >= {
        "At Risk",
        "Cart Abandoners",
        "Deal Seekers",
        "Frequent Buyers",
        "Mobile First",
        "New Buyers",
        "Newcomers",
        "Window Shoppers",
    }


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (
            [("Regulars", "The Regular", 10, "n_order", "repeat", None)],
            "Regulars,The Regular,10,n_order,repeat,: there is no feature 'n_order': "
            "did you mean 'n_orders'?",
        ),
        (
            [("Regulars", "The Regular", 10, "shoe_size", "repeat", None)],
            "there is no feature 'shoe_size': see marts.user_features",
        ),
        (
            [("Regulars", "The Regular", 10, "n_orders", "hgh", None)],
            "Regulars,The Regular,10,n_orders,hgh,: direction 'hgh' is unknown: "
            "write one of high, low, none, some, once and repeat",
        ),
        (
            [("Regulars", " ", 10, "n_orders", "high", None)],
            "Regulars,,10,n_orders,high,: persona_name must not be empty",
        ),
        (
            [("Regulars", "The Regular", None, "n_orders", "high", None)],
            "Regulars,The Regular,,n_orders,high,: priority must not be empty",
        ),
        (
            [("Regulars", "The Regular", "first", "n_orders", "high", None)],
            "Regulars,The Regular,first,n_orders,high,: priority must be a number",
        ),
        *(
            (
                [("Regulars", "The Regular", 10, "n_orders", "high", threshold)],
                "threshold must be above 0 and at most 1",
            )
            for threshold in (0, -0.1, 1.1, float("inf"), "much")
        ),
        (
            [REGULARS, ("Regulars", "The Guest", 10, "revenue", "high", None)],
            "segment 'Regulars' has more than one persona_name, "
            "The Guest and The Regular: write the same on all of its lines",
        ),
        (
            [REGULARS, ("Regulars", "The Regular", 20, "revenue", "high", None)],
            "segment 'Regulars' has more than one priority, 10 and 20",
        ),
        (
            [REGULARS, ("regulars ", "The Regular", 10, "revenue", "high", None)],
            "has more than one segment_name, Regulars and regulars",
        ),
        (
            [REGULARS, ("Others", "The Regular", 20, "revenue", "high", None)],
            "persona 'The Regular' is of 'Others' and 'Regulars'",
        ),
        (
            [REGULARS, (*REGULARS[:5], 0.9)],
            "Regulars,The Regular,10,n_orders,repeat,0.9: the condition stands twice",
        ),
        (
            [
                ("Regulars", "The Regular", 10, "n_orders", "low", None),
                ("Regulars", "The Regular", 10, "n_orders", "high", None),
            ],
            "n_orders,low,: 'n_orders' cannot be high as well",
        ),
    ],
)
def test_a_wrong_line_is_told_with_what_to_do(lines: list[tuple], fault: str):
    with pytest.raises(CatalogRefusedError, match=re.escape(fault)):
        read_catalog(catalog(*lines), FEATURES)


def test_of_many_faults_the_first_five_are_told():
    lines = [("A", "B", 1, f"feature_{number}", "high", None) for number in range(7)]

    with pytest.raises(CatalogRefusedError, match=r"'feature_4'.*; and 2 more$"):
        read_catalog(catalog(*lines), FEATURES)


def test_a_missing_column_is_told():
    with pytest.raises(CatalogRefusedError, match="lacks direction and threshold"):
        read_catalog(catalog(REGULARS).iloc[:, :4])
