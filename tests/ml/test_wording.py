"""`ml.wording` says numbers as a person would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.features import FEATURES
from ml.wording import format_level, tell_feature

NUMBERS = st.floats(-1e300, 1e300) | st.sampled_from([float("nan"), float("inf")])


@pytest.mark.parametrize(
    ("name", "here", "everybody", "told"),
    [
        (
            "n_sessions",
            30,
            10,
            "visit 3 times as often as everybody (30 against 10 visits)",
        ),
        (
            "n_sessions",
            12,
            10,
            "visit more often than everybody (12 against 10 visits)",
        ),
        ("n_sessions", 0.5, 1, "visit less often than everybody (0.5 against 1 visit)"),
        ("revenue", 0, 12.5, "have spent nothing that we know of (everybody: 12.50)"),
        ("mobile_share", 0.9, 0, "use a mobile in 90% of their visits (everybody: 0%)"),
        ("recency_days", 1, 2, "were last active 1 day ago (everybody: 2 days)"),
        (
            "session_minutes_mean",
            1,
            2,
            "stay less long than everybody (1 against 2 minutes)",
        ),
        ("n_wish_lists", 0, 2, "have no wish lists (everybody: 2)"),
        ("loyalty", 3, 2, "have 3 as loyalty (everybody: 2)"),
    ],
)
def test_a_comparison_is_said_in_words(
    name: str, here: float, everybody: float, told: str
):
    assert tell_feature(name, here, everybody) == told


def test_nothing_is_compared_with_an_average_of_zero():
    assert tell_feature("n_orders", 0, 0) is None


def test_features_without_plain_words_are_not_told():
    assert tell_feature("category_entropy", 2, 1) is None


@given(name=st.sampled_from([*FEATURES, "n_things", "x"]), here=NUMBERS, all_=NUMBERS)
def test_no_number_is_told_that_is_none(name: str, here: float, all_: float):
    told = (tell_feature(name, here, all_) or "").lower()

    assert "nan" not in told
    assert "inf" not in told


def test_one_is_singular_and_the_rest_is_plural():
    words = [format_level("n_orders", value) for value in (0, 0.5, 1, 1.04, 2)]

    assert words == ["0 orders", "0.5 orders", "1 order", "1 order", "2 orders"]
