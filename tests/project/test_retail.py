"""A shop's real order lines and another's clickstream: the sums are the published ones.

541,909 order lines and 31,106 events of known sessions, in one inbox.
"""

import duckdb
import numpy as np
import pandas as pd
import pytest
from running import ROOT, query

from warehouse import stages
from warehouse.home import Home

SEEDS = ROOT / "dbt_project" / "seeds"


@pytest.fixture(scope="module")
def shop(make_home) -> Home:
    """A gift shop's order lines and another shop's clickstream in one inbox."""
    home = make_home("shop", "online_retail", "clickstream")
    stages.run(home)
    return home


def test_every_line_is_accounted_for(shop: Home):
    rows = query(
        shop,
        "select source, sum(n_lines), sum(n_accepted), sum(n_quarantined) "
        "from ops.loaded_files group by source order by source",
    )
    assert rows == [
        ("clickstream", 31106, 31106, 0),
        ("online_retail", 541909, 541909, 0),
    ]


def test_sessions_are_the_true_ones(shop: Home):
    clickstream = shop.inbox / "clickstream" / "ecom.csv.gz"
    counts = query(
        shop,
        f"""
        with true_sessions as (
            select
                session_id as true_id,
                user_id,
                min("timestamp") as started_at,
                max("timestamp") as ended_at
            from read_csv('{clickstream}')
            group by all
        )
        select
            (select count(*) from true_sessions),
            (select count(*) from marts.sessions),
            (select count(*) from true_sessions
             join marts.sessions using (user_id, started_at, ended_at))
        """,
    )
    assert counts == [(3605, 3605, 3605)]


def test_orders_are_counted_and_cancelled_by_the_rule(shop: Home):
    assert query(
        shop,
        """
        select count(*), count(*) filter (is_cancelled), sum(n_lines),
            count(*) filter (order_id like 'C%')
        from marts.orders where order_id not like 'event-%'
        """,
    ) == [(25900, 5940, 541909, 3836)]


def test_a_purchase_without_an_order_id_is_an_order_of_its_own(shop: Home):
    clickstream = shop.inbox / "clickstream" / "ecom.csv.gz"
    assert query(
        shop,
        f"""
        select
            (select count(*) from marts.orders where session_id is not null),
            (select count(distinct (user_id, "timestamp"))
             from read_csv('{clickstream}') where event = 'purchase')
        """,
    ) == [(470, 470)]


def test_money_adds_up_with_the_input(shop: Home):
    lines = shop.inbox / "online_retail" / "online_retail.parquet"
    ((positive, negative),) = duckdb.sql(
        f"""
        with lines as (
            select Quantity, Quantity * UnitPrice::decimal(18, 4) as line_value
            from '{lines}'
        )
        select
            sum(line_value) filter (line_value > 0 and Quantity > 0),
            -sum(line_value) filter (line_value < 0)
        from lines
        """
    ).fetchall()
    ((revenue, returned),) = query(
        shop, "select sum(revenue), sum(returned_value) from marts.orders"
    )
    assert revenue == positive
    assert returned == negative
    assert round(float(revenue - returned), 2) == 9747747.93


def test_every_customer_who_bought_has_rfm(shop: Home):
    ((n_scored, n_buyers),) = query(
        shop,
        "select (select count(*) from marts.user_rfm), "
        "(select count(distinct user_id) from marts.orders where not is_cancelled)",
    )
    assert n_scored == n_buyers > 4000


def test_scores_count_the_quantiles_that_a_measure_has_passed(shop: Home):
    """As by numpy's quantiles, and named by the seed's intervals tried one by one."""
    rows = query(
        shop,
        "select recency_days, frequency, monetary_value, "
        "rfm_score, rfm_segment from marts.user_rfm",
    )
    measures = np.array([row[:3] for row in rows], dtype=float)
    fifths = np.quantile(measures, [0.2, 0.4, 0.6, 0.8], axis=0).round(5)
    scores = 1 + (measures > fifths[:, np.newaxis]).sum(axis=0)
    scores[:, 0] = 6 - scores[:, 0]
    segments = pd.read_csv(SEEDS / "rfm_segments.csv").sort_values("segment_rank")
    kinds = ["recency", "frequency", "monetary"]
    least = segments[[f"min_{kind}_score" for kind in kinds]].to_numpy()
    greatest = segments[[f"max_{kind}_score" for kind in kinds]].to_numpy()

    def segment_of(three: np.ndarray) -> str:
        fits = ((least <= three) & (three <= greatest)).all(axis=1)
        return segments["rfm_segment"].iloc[fits.argmax()] if fits.any() else "Others"

    expected = [("".join(map(str, three)), segment_of(three)) for three in scores]
    assert [row[3:] for row in rows] == expected
    assert len({score for score, _ in expected}) > 50


def test_everybody_is_in_a_named_segment_and_has_a_persona(shop: Home):
    assert query(
        shop,
        """
        select
            (select count(*) from marts.users),
            count(*),
            count(distinct user_id),
            bool_and(segment_name is not null and persona_id is not null)
        from segments.user_segments
        """,
    ) == [(4972, 4972, 4972, True)]
    ((n_segments, n_users, share),) = query(
        shop,
        "select count(*), sum(n_users), sum(share) from segments.segment_catalog",
    )
    assert n_segments >= 2
    assert n_users == 4972
    assert share == pytest.approx(1)
    assert query(shop, "select sum(n_users) from segments.personas") == [(4972,)]


def test_rules_are_found_among_products_bought_together(shop: Home):
    ((n_rules, least_support, least_confidence),) = query(
        shop,
        "select count(*), min(support), min(confidence) from marts.association_rules",
    )
    assert n_rules > 100
    assert least_support >= 0.001
    assert least_confidence >= 0.2
