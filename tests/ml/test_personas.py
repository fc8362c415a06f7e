"""`ml.personas` tells about kinds of persons, and never about one of them."""

import json

import numpy as np
import pandas as pd
import pytest

from ml.personas import describe_personas

NAMES = {"segment_1": "One-Time Buyers", "segment_2": "Frequent Buyers"}
PERSONAS = {"segment_1": "The Guest", "segment_2": "The Regular"}


@pytest.fixture
def features() -> pd.DataFrame:
    return pd.DataFrame(
        {"n_orders": [1] * 30 + [6] * 10, "revenue": [10.0] * 30 + [1234.5] * 10},
        index=[f"user_{i}" for i in range(40)],
    )


@pytest.fixture
def segment_ids(features: pd.DataFrame) -> pd.Series:
    return pd.Series(["segment_1"] * 30 + ["segment_2"] * 10, index=features.index)


@pytest.fixture
def traits(features: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "main_category": ["shoes"] * 24 + ["bags"] * 6 + ["bags"] * 8 + [None] * 2,
            "second_category": [None] * 39 + ["tea"],
            "main_daypart": ["evening"] * 40,
            "main_weekday_type": ["weekend"] * 20 + ["weekday"] * 20,
            "main_channel": ["paid_search"] * 40,
            "main_device_type": ["mobile"] * 36 + ["desktop"] * 4,
            "main_country": [None] * 40,
        },
        index=features.index,
    )


def test_a_persona_says_who_what_when_and_where(features, traits, segment_ids):
    personas = describe_personas(features, traits, segment_ids, NAMES, PERSONAS)

    assert personas["persona_id"].tolist() == ["persona_1", "persona_2"]
    assert personas["persona_name"].tolist() == ["The Guest", "The Regular"]
    assert personas["n_users"].tolist() == [30, 10]
    assert personas["narrative"][1] == (
        "Frequent Buyers: 10 persons, 25% of everybody. "
        "They order 2.7 times as often as everybody (6 against 2.2 orders) and spend "
        "3.9 times as much as everybody (1,234.50 against 316.12). "
        "They mostly go for bags (89%, everybody: 36%). "
        "They mostly come in the evening (100%, everybody: 100%), "
        "on weekdays (100%, everybody: 50%). "
        "They mostly reach us through paid search (100%, everybody: 100%), "
        "on a mobile (60%, everybody: 90%)."
    )


def test_a_second_answer_is_told_only_if_it_is_telling(features, traits, segment_ids):
    personas = describe_personas(features, traits, segment_ids, NAMES, PERSONAS)
    assert "on weekends (67%, everybody: 50%)." in personas["narrative"][0]

    traits["main_weekday_type"] = ["weekend"] * 18 + ["weekday"] * 12 + ["weekend"] * 10
    personas = describe_personas(features, traits, segment_ids, NAMES, PERSONAS)
    assert personas["narrative"][0].count("on weekdays (40%, everybody: 30%)") == 1


def test_a_rare_answer_is_not_told_however_telling_it_is():
    features = pd.DataFrame({"n_orders": [1] * 100 + [9] * 20})
    traits = pd.DataFrame({"main_country": ["DE"] * 94 + ["FR"] * 6 + ["DE"] * 20})
    segment_ids = pd.Series(["segment_1"] * 100 + ["segment_2"] * 20)

    personas = describe_personas(features, traits, segment_ids, NAMES, PERSONAS)

    assert "from FR" not in personas["narrative"][0]
    assert '"FR"' in personas["traits"][0]


def test_traits_are_json_with_shares_against_everybody(features, traits, segment_ids):
    personas = describe_personas(features, traits, segment_ids, NAMES, PERSONAS)

    told = json.loads(personas["traits"][0])

    assert told["numbers"]["n_orders"] == {
        "persona": 1.0,
        "everybody": 2.25,
        "ratio": 0.444444,
    }
    assert told["buys"]["categories"] == [
        {"name": "shoes", "share": 0.8, "everybody": 0.615385, "lift": 1.3},
        {"name": "bags", "share": 0.2, "everybody": 0.358974, "lift": 0.557143},
    ]
    assert "countries" not in told["where"]
    assert personas["traits"][0] == json.dumps(told, sort_keys=True)


def test_answers_of_fewer_than_five_persons_are_not_told(features, traits, segment_ids):
    personas = describe_personas(features, traits, segment_ids, NAMES, PERSONAS)

    assert "desktop" not in personas["traits"][1]


def test_of_fewer_than_five_persons_only_their_number_is_told(features, traits):
    few = pd.Series(["segment_1"] * 36 + ["segment_2"] * 4, index=features.index)

    persona = describe_personas(features, traits, few, NAMES, PERSONAS).iloc[1]

    assert persona["narrative"].startswith("Frequent Buyers: 4 persons, 10%")
    assert "1,234" not in persona["narrative"]
    assert json.loads(persona["traits"]) == {
        "numbers": {},
        "buys": {},
        "when": {},
        "where": {},
    }


def test_persons_without_traits_are_told_by_their_numbers(features, segment_ids):
    personas = describe_personas(features, pd.DataFrame(), segment_ids, NAMES, PERSONAS)

    assert personas["narrative"].str.count(r"\. ").tolist() == [1, 1]


def test_order_of_persons_does_not_matter(features, traits, segment_ids):
    order = np.random.default_rng(0).permutation(40)

    shuffled = describe_personas(
        features.iloc[order],
        traits.iloc[order[::-1]],
        segment_ids,
        pd.Series(NAMES),
        PERSONAS,
    )

    assert shuffled.equals(
        describe_personas(features, traits, segment_ids, NAMES, PERSONAS)
    )


def test_personas_are_sorted_by_number(features, traits, segment_ids):
    many = segment_ids.replace({"segment_1": "segment_10"})

    names = {"segment_10": "Some", "segment_2": "Others"}
    personas = describe_personas(features, traits, many, names, names)

    assert personas["persona_id"].tolist() == ["persona_2", "persona_10"]


def test_a_segment_without_a_name_is_refused(features, traits, segment_ids):
    with pytest.raises(ValueError, match="no name: segment_2"):
        describe_personas(
            features, traits, segment_ids, {"segment_1": "Some"}, PERSONAS
        )


def test_a_person_without_a_segment_is_refused(features, traits, segment_ids):
    with pytest.raises(ValueError, match="2 persons have no segment"):
        describe_personas(features, traits, segment_ids.iloc[2:], NAMES, PERSONAS)
