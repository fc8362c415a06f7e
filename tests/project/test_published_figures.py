"""Segments by RFM and rules of products are those that others published."""

from datetime import date, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from running import REFERENCE_DATA, query, query_built

from warehouse import stages
from warehouse.home import Home

pytestmark = pytest.mark.usefixtures("without_data_tests")

RFM_SEGMENTS = {
    "Champions": (35, 316, 31646),
    "Potential Loyalist": (342, 2211, 204856),
    "Loyal Customers": (170, 799, 76562),
    "Promising": (9, 28, 4249),
    "New Customers": (104, 329, 28837),
    "Can't Lose Them": (47, 274, 32446),
    "At Risk": (28, 216, 22227),
    "Need Attention": (10, 57, 4562),
    "About To Sleep": (102, 283, 23449),
    "Lost": (148, 393, 35324),
}


@pytest.fixture(scope="module")
def customers(make_home) -> Home:
    home = make_home(
        "customers", "rfm_orders", settings="rfm_binning: quantile_plus_one\n"
    )
    stages.load(home)
    stages.build(home, as_of=datetime(2006, 12, 31))
    return home


def test_the_ten_segments_have_their_thirty_numbers(customers: Home):
    rows = query_built(
        customers,
        "select rfm_segment, count(*), sum(frequency), sum(monetary_value) "
        "from marts.user_rfm group by rfm_segment",
    )
    assert {name: tuple(map(int, numbers)) for name, *numbers in rows} == (RFM_SEGMENTS)


@pytest.mark.parametrize(
    ("user_id", "score"),
    [
        ("Abbey O'Reilly", "343"),
        ("Add Senger", "412"),
        ("Aden Lesch", "323"),
        ("Aden Murphy", "544"),
        ("Admiral Senger", "433"),
    ],
)
def test_single_scores(customers: Home, user_id: str, score: str):
    scores = dict(
        query_built(customers, "select user_id, rfm_score from marts.user_rfm")
    )
    assert scores[user_id] == score


def test_cohorts_are_those_of_a_pivot_table(customers: Home):
    orders = pd.read_csv(REFERENCE_DATA / "rfm_orders" / "orders.csv")
    orders["month"] = pd.to_datetime(orders["order_date"]).dt.to_period("M")
    orders["cohort"] = orders.groupby("customer_id")["month"].transform("min")
    months = pd.period_range(orders["month"].min(), "2006-12", freq="M")

    def in_each_month(measure: str, how: str) -> dict[tuple[date, int], float]:
        table = orders.pivot_table(
            measure, "cohort", "month", aggfunc=how, fill_value=0
        ).reindex(columns=months, fill_value=0)
        return {
            (cohort.start_time.date(), (month - cohort).n): table.loc[cohort, month]
            for cohort in table.index
            for month in months
            if month >= cohort
        }

    rows = query_built(
        customers,
        "select cohort_month, month_number, n_active, n_orders, revenue::double, "
        "cumulative_revenue_per_user * n_users, n_users, retention, is_complete "
        "from marts.cohort_retention order by cohort_month, month_number",
    )
    found = {(cohort, number): measures for cohort, number, *measures in rows}
    n_active = in_each_month("customer_id", "nunique")
    revenue = in_each_month("revenue", "sum")

    assert len(rows) == len(found)
    assert {key: told[0] for key, told in found.items()} == n_active
    assert {key: told[1] for key, told in found.items()} == in_each_month(
        "order_id", "nunique"
    )
    so_far = 0.0
    for (cohort, number), told in found.items():
        so_far = revenue[cohort, number] + (so_far if number else 0)
        assert told[2:4] == pytest.approx([revenue[cohort, number], so_far])
        assert told[4] == n_active[cohort, 0]
        assert told[5] == n_active[cohort, number] / n_active[cohort, 0]
        is_in_december = 12 * cohort.year + cohort.month + number == 12 * 2006 + 12
        assert told[6] is not is_in_december  # the data ends a day before the month


@pytest.fixture(scope="module")
def grocer(make_home) -> Home:
    home = make_home(
        "grocer",
        "groceries",
        settings="rules_min_support: 0.006\nrules_min_confidence: 0.25\n",
    )
    stages.run(home)
    return home


def test_the_rules_of_two_products_are_those_of_another_implementation(grocer: Home):
    from efficient_apriori import apriori

    baskets = duckdb.sql(
        f"select list(distinct trim(product)) from "
        f"'{grocer.inbox}/groceries/order_lines.csv' group by order_id"
    ).fetchall()
    _, expected = apriori(
        [tuple(products) for (products,) in baskets],
        min_support=0.006,
        min_confidence=0.25,
        max_length=2,
    )
    rows = query(
        grocer,
        "select antecedent, consequent, support, confidence, lift "
        "from marts.association_rules",
    )
    found = {(tuple(left), right): measures for left, right, *measures in rows}

    assert len(found) == 150
    assert found.keys() == {(rule.lhs, rule.rhs[0]) for rule in expected}
    for rule in expected:
        measures = found[rule.lhs, rule.rhs[0]]
        assert measures == pytest.approx([rule.support, rule.confidence, rule.lift])


def test_nobody_is_segmented_and_all_else_is_published(grocer: Home):
    assert query(grocer, "select count(*) from segments.user_segments") == [(0,)]
    assert query(grocer, "select count(*), sum(n_lines) from marts.orders") == [
        (9835, 43367)
    ]
    report = Path(grocer.published / "report" / "index.html").read_text()
    assert "too few persons" in report


@pytest.mark.long
def test_misspelt_people_are_found(make_home, record_property):
    """Of who is published as one person, most are, and most who are."""
    home = make_home("people", "people")
    stages.load(home)
    stages.build(home)
    people = REFERENCE_DATA / "people" / "fake_1000.csv"
    ((n_right, n_found, n_true),) = query_built(
        home,
        f"""
        with people as (
            select unique_id, cluster, user_id
            from read_csv('{people}', all_varchar = true)
            inner join marts.user_identifiers on identifier = unique_id
        ),
        pairs as (
            select
                here.user_id = there.user_id as is_found,
                here.cluster = there.cluster as is_true
            from people as here
            inner join people as there on here.unique_id < there.unique_id
        )
        select
            count(*) filter (is_found and is_true),
            count(*) filter (is_found),
            count(*) filter (is_true)
        from pairs
        """,
    )

    precision, recall = n_right / n_found, n_right / n_true
    record_property("precision", precision)
    record_property("recall", recall)
    record_property("F1", 2 * precision * recall / (precision + recall))
    assert n_true == 2031
    assert precision > 0.98  # .9875 when measured
    assert recall > 0.925  # .9350
