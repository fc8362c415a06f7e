"""`ml.contrasts` measures and says what sets a segment apart."""

import numpy as np
import pandas as pd

from ml.contrasts import average_segments, contrast_segments, describe_segments

LABELS = pd.Series([0] * 10 + [1] * 10)


def test_contrasts_go_from_all_below_to_all_above():
    features = pd.DataFrame({"n_orders": [1] * 10 + [2] * 10, "n_sessions": 3})

    deltas = contrast_segments(features, LABELS)

    assert deltas["n_orders"].tolist() == [-1, 1]
    assert deltas["n_sessions"].tolist() == [0, 0]


def test_half_above_and_half_below_is_no_contrast():
    features = pd.DataFrame({"n_orders": [2] * 10 + [1, 3] * 5})

    assert contrast_segments(features, LABELS)["n_orders"].tolist() == [0, 0]


def test_an_absurd_value_counts_as_one_person():
    features = pd.DataFrame({"n_orders": [2] * 10 + [1] * 9 + [1e12]})

    assert np.allclose(contrast_segments(features, LABELS)["n_orders"], [0.8, -0.8])


def test_order_of_persons_does_not_matter():
    features = pd.DataFrame({"n_orders": range(20), "n_sessions": [1, 2] * 10})
    shuffled = features.sample(frac=1, random_state=0)

    assert contrast_segments(shuffled, LABELS).equals(
        contrast_segments(features, LABELS)
    )


def test_averages_leave_out_whom_a_feature_has_no_meaning_for():
    features = pd.DataFrame(
        {
            "n_orders": [1] * 5 + [0] * 5 + [1] * 4 + [0] * 6,
            "returned_share": [0.5] * 5 + [0.0] * 5 + [0.9] * 4 + [0.0] * 6,
        }
    )

    averages, everybody = average_segments(features, LABELS)

    assert averages.loc[0, "returned_share"] == 0.5
    assert np.isnan(averages.loc[1, "returned_share"])  # four persons are too few
    assert everybody["n_orders"] == 0.45


def test_descriptions_give_numbers_against_everybody():
    features = pd.DataFrame(
        {"n_orders": [1] * 10 + [9] * 10, "revenue": [10.0] * 10 + [50.0] * 10}
    )

    descriptions = describe_segments(features, LABELS)

    assert descriptions[1] == (
        "They order 1.8 times as often as everybody (9 against 5 orders) and spend 1.7 "
        "times as much as everybody (50.00 against 30.00)."
    )


def test_an_average_that_one_absurd_value_turned_round_is_not_told():
    features = pd.DataFrame({"n_orders": [2] * 10 + [1] * 9 + [1e12]})

    assert (
        describe_segments(features, LABELS).tolist()
        == ["They are much like everybody."] * 2
    )


def test_a_difference_of_less_than_a_tenth_is_not_told():
    features = pd.DataFrame({"n_orders": [10] * 10 + [11] * 10})

    assert describe_segments(features, LABELS)[1] == "They are much like everybody."


def test_a_feature_that_is_zero_for_everybody_is_not_told():
    features = pd.DataFrame({"n_orders": [0] * 20})

    assert describe_segments(features, LABELS)[0] == "They are much like everybody."


def test_of_fewer_than_five_persons_nothing_is_told():
    features = pd.DataFrame({"revenue": [10.0] * 16 + [4321.0] * 4})
    labels = pd.Series([0] * 16 + [1] * 4)

    assert "4,321" not in describe_segments(features, labels)[1]
    assert describe_segments(features, labels)[1].startswith("Too few persons")
