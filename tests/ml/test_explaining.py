"""`ml.explaining` writes rules that hold as they are written."""

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

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

    rules = explain_segments(features, ids)["rule_text"]

    assert rule(rules["segment_1"]) == "Orders at most 2"
    assert rule(rules["segment_2"]) == "Orders at least 3"


def test_what_lies_between_two_limits_is_said_so():
    ids = segments(10, 10, 10)
    features = frame(ids, mobile_share=[0.1] * 10 + [0.5] * 10 + [0.9] * 10)

    rules = explain_segments(features, ids)["rule_text"]

    assert rule(rules["segment_2"]) == (
        "Share of visits on a mobile above 30% and at most 70%"
    )


def test_none_and_exactly_are_said_in_words():
    ids = segments(10, 10, 10)
    features = frame(ids, n_orders=[0] * 10 + [1] * 10 + [2] * 10)

    rules = explain_segments(features, ids)["rule_text"]

    assert rule(rules["segment_1"]) == "No orders"
    assert rule(rules["segment_2"]) == "Orders exactly 1"


def test_two_ways_into_a_segment_are_joined_by_or():
    ids = segments(10, 10)
    features = frame(ids, n_sessions=[1] * 5 + [9] * 5 + [5] * 10)

    assert rule(explain_segments(features, ids)["rule_text"]["segment_1"]) == (
        "Visits at most 3; or visits at least 8"
    )


def test_fidelity_is_that_of_the_rule_as_written():
    ids = segments(10, 10)
    features = frame(ids, n_orders=[1] * 9 + [5] + [5] * 9 + [1])

    text = explain_segments(features, ids)["rule_text"]["segment_1"]

    assert text == (
        "Orders at most 3. Right for 90% of all persons: it fits 90% of this segment, "
        "and 90% of those it fits belong to it."
    )


def test_all_but_one_person_is_not_said_to_be_everybody():
    ids = segments(500, 500)
    features = frame(ids, n_orders=[1] * 499 + [5] + [5] * 500)

    assert (
        "99% of this segment"
        in explain_segments(features, ids)["rule_text"]["segment_1"]
    )


def test_rules_on_orders_do_not_fit_those_who_never_ordered():
    ids = segments(10, 10, 10)
    features = frame(
        ids,
        n_orders=[1] * 20 + [0] * 10,
        days_since_last_order=[5] * 10 + [50] * 10 + [5] * 10,  # the last are imputed
    )

    text = explain_segments(features, ids)["rule_text"]["segment_1"]

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
    assert explain_segments(features, archetype)["rule_accuracy"].min() >= 0.85


def test_a_segment_of_everybody_and_one_of_a_few_are_not_explained():
    everybody, few = segments(20), segments(20, 3)

    of_everybody = explain_segments(frame(everybody, n_orders=range(20)), everybody)
    of_few = explain_segments(frame(few, n_orders=[1] * 20 + [777] * 3), few)

    assert of_everybody.loc["segment_1", "rule_text"].startswith("Everybody")
    assert of_everybody.loc["segment_1", "rule_sql"] == "true"
    assert of_few.loc["segment_2", "rule_text"].startswith("Too few persons")
    assert of_few.loc["segment_2", "rule_sql"] == "false"
    assert of_few.loc["segment_2", "rule_accuracy":].isna().all()


def test_segments_that_nothing_tells_apart_have_no_rule():
    ids = segments(10, 10)

    rules = explain_segments(frame(ids, n_orders=[1] * 20), ids)["rule_text"]

    assert rules["segment_1"] == "No short rule tells this segment from the others."


def test_features_without_plain_words_make_no_rule():
    ids = segments(10, 10)
    features = frame(ids, category_entropy=[0.0] * 10 + [2.0] * 10)

    rules = explain_segments(features, ids)["rule_text"]

    assert rules["segment_1"] == "No short rule tells this segment from the others."


def test_persons_without_a_segment_are_refused():
    ids = segments(10, 10)

    with pytest.raises(ValueError, match="1 persons have no segment"):
        explain_segments(frame(ids, n_orders=range(20)), ids.iloc[1:])


def selected(features: pd.DataFrame, rule_sql: str, *types: str) -> pd.Series:
    """Ask DuckDB whom a rule selects; `types` are other types for some columns."""
    people = features.rename_axis("user_id").reset_index()  # noqa: F841
    replaced = f"replace ({', '.join(types)})" if types else ""
    rows = duckdb.sql(
        f"select user_id from (select * {replaced} from people) where {rule_sql}"
    ).fetchall()
    return features.index.to_series().isin([user_id for (user_id,) in rows])


def assert_fidelity(rule: pd.Series, is_selected: pd.Series, is_member: pd.Series):
    assert rule["rule_accuracy"] == (is_selected == is_member).mean()
    assert rule["rule_precision"] == is_member[is_selected].mean()
    assert rule["rule_recall"] == is_selected[is_member].mean()


def made_up(seed: int, n_persons: int) -> tuple[pd.DataFrame, pd.Series]:
    """Make features of many kinds, and segments that some of them make."""
    rng = np.random.default_rng(seed)
    n_orders = rng.poisson(1, n_persons)
    scale = 10.0 ** rng.integers(-6, 9)
    features = pd.DataFrame(
        {
            "n_orders": n_orders,
            "revenue": np.round(n_orders * rng.lognormal(3, 1, n_persons), 2),
            "days_since_last_order": rng.integers(0, 400, n_persons),
            "average_order_value": rng.lognormal(3, 1, n_persons).astype("float32"),
            "mobile_share": rng.integers(0, 8, n_persons) / rng.integers(8, 17),
            "viewed_price_level": rng.beta(2, 2, n_persons).round(3),
            "has_viewed_prices": rng.integers(0, 2, n_persons),
            'wish "list"_share': rng.uniform(-1, 1, n_persons) * scale,
            "n_limits": rng.integers(2**55, 2**55 + 300, n_persons),
            "order": rng.integers(0, 9, n_persons) * 0.1,
            "country": rng.choice(["de", "fr"], n_persons),
        },
        index=[f"user_{i:03d}" for i in rng.permutation(n_persons)],
    )
    told = features.drop(columns="country").rank(pct=True)
    chosen = told[rng.choice(told.columns, 2, replace=False)].sum(axis=1)
    noise = rng.normal(0, rng.choice([0.0, 0.3]), n_persons)
    cuts = pd.qcut(chosen + noise, int(rng.integers(1, 5)), labels=False)
    return features, "segment_" + (cuts + 1).astype(str)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), n_persons=st.integers(20, 300))
@example(seed=0, n_persons=300)
def test_the_rule_in_sql_selects_whom_the_fidelity_is_of(seed: int, n_persons: int):
    features, ids = made_up(seed, n_persons)

    for segment_id, rule in explain_segments(features, ids).iterrows():
        is_selected = selected(
            features, rule["rule_sql"], "revenue::decimal(18, 2) as revenue"
        )
        if rule["rule_sql"] == "false":
            assert not is_selected.any()
            assert rule["rule_accuracy":].isna().all()
        else:
            assert_fidelity(rule, is_selected, ids == segment_id)


def test_a_rule_in_sql_can_be_negated_and_joined(
    features: pd.DataFrame, archetype: pd.Series
):
    for rule_sql in explain_segments(features, archetype)["rule_sql"]:
        others = selected(features, f"not {rule_sql} and true")

        assert (others == ~selected(features, rule_sql)).all()


def test_sql_and_words_have_the_same_limits():
    ids = segments(10, 10, 10, 10)
    features = frame(
        ids,
        mobile_share=[0.01] * 10 + [0.0147] * 10 + [0.5] * 20,
        revenue=[7] * 30 + [12_345_678] * 10,
    )

    rules = explain_segments(features, ids)

    assert rules["rule_sql"].tolist() == [
        "mobile_share <= 0.0123e0",
        "(mobile_share > 0.0123e0 and mobile_share <= 0.257e0)",
        "(mobile_share > 0.257e0 and revenue <= 6172842)",
        "revenue >= 6172843",
    ]
    assert rules["rule_text"].map(rule).tolist() == [
        "Share of visits on a mobile at most 1.23%",
        "Share of visits on a mobile above 1.23% and at most 25.7%",
        "Share of visits on a mobile above 25.7% and money spent at most 6,172,842.00",
        "Money spent at least 6,172,843.00",
    ]


def test_sql_says_whom_a_feature_has_a_meaning_for():
    ids = segments(10, 10, 10)
    features = frame(
        ids,
        n_orders=[1] * 20 + [0] * 10,
        days_since_last_order=[5] * 10 + [50] * 10 + [5] * 10,  # the last are imputed
    )

    rule_sql = explain_segments(features, ids)["rule_sql"]["segment_1"]

    assert rule_sql == "(n_orders > 0 and days_since_last_order <= 16)"


def test_two_ways_are_joined_by_or_in_sql():
    ids = segments(10, 10)
    features = frame(ids, n_sessions=[1] * 5 + [9] * 5 + [5] * 10)

    rule_sql = explain_segments(features, ids)["rule_sql"]["segment_1"]

    assert rule_sql == "(n_sessions <= 3 or n_sessions >= 8)"


def test_absurd_numbers_are_borne():
    ids = segments(10, 10)
    features = frame(ids, revenue=[1] * 10 + [1e300] * 10)

    explained = explain_segments(features, ids)

    assert explained["rule_accuracy"].tolist() == [1, 1]
    assert selected(features, explained["rule_sql"]["segment_2"]).sum() == 10
    assert rule(explained["rule_text"]["segment_2"]) == "Money spent above 1.5e+38"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_missing_numbers_are_refused(value: float):
    ids = segments(10, 10)

    with pytest.raises(ValueError, match="'revenue' has missing or infinite values"):
        explain_segments(frame(ids, revenue=[value] + [1.0] * 19), ids)


def test_a_person_who_is_there_twice_is_refused():
    ids = segments(10, 10)
    features = frame(ids, n_orders=range(20))

    with pytest.raises(ValueError, match="'user_000' occurs more than once"):
        explain_segments(pd.concat([features, features.head(1)]), ids)
