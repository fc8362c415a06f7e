"""Published figures are reproduced on real data."""

from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from running import query

from warehouse import stages
from warehouse.connection import open_snapshot
from warehouse.home import Home

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
def shop(make_home) -> Home:
    """A gift shop's order lines and another shop's clickstream in one inbox."""
    home = make_home("shop", "online_retail", "clickstream")
    stages.run(home)
    return home


@pytest.mark.xdist_group("shop")
class TestOnlineRetailAndClickstream:
    """541,909 order lines and 31,106 events, whose sums and sessions are known."""

    def test_every_line_is_accounted_for(self, shop: Home):
        rows = query(
            shop,
            "select source, sum(n_lines), sum(n_accepted), sum(n_quarantined) "
            "from ops.loaded_files group by source order by source",
        )
        assert rows == [
            ("clickstream", 31106, 31106, 0),
            ("online_retail", 541909, 541909, 0),
        ]

    def test_sessions_are_the_true_ones(self, shop: Home):
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

    def test_orders_are_counted_and_cancelled_by_the_rule(self, shop: Home):
        assert query(
            shop,
            "select count(*), count(*) filter (is_cancelled), sum(n_lines) "
            "from marts.orders",
        ) == [(25900, 5940, 541909)]
        marked = query(
            shop, "select count(*) from marts.orders where order_id like 'C%'"
        )
        assert marked == [(3836,)]

    def test_money_adds_up_with_the_input(self, shop: Home):
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

    def test_every_customer_who_bought_has_rfm(self, shop: Home):
        ((n_scored, n_buyers),) = query(
            shop,
            "select (select count(*) from marts.user_rfm), "
            "(select count(distinct user_id) from marts.orders where not is_cancelled)",
        )
        assert n_scored == n_buyers > 4000

    def test_everybody_is_in_a_named_segment_and_has_a_persona(self, shop: Home):
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

    def test_rules_are_found_among_products_bought_together(self, shop: Home):
        ((n_rules, least_support, least_confidence),) = query(
            shop,
            "select count(*), min(support), min(confidence) "
            "from marts.association_rules",
        )
        assert n_rules > 100
        assert least_support >= 0.001
        assert least_confidence >= 0.2


@pytest.fixture(scope="module")
def customers(make_home) -> Home:
    home = make_home(
        "customers", "rfm_orders", settings="rfm_binning: quantile_plus_one\n"
    )
    stages.run(home, as_of=datetime(2006, 12, 31))
    return home


@pytest.mark.xdist_group("customers")
class TestRfmOrders:
    """The ten segments that the R package rfm documents."""

    def test_the_ten_segments_have_their_thirty_numbers(self, customers: Home):
        rows = query(
            customers,
            "select rfm_segment, count(*), sum(frequency), sum(monetary_value) "
            "from marts.user_rfm group by rfm_segment",
        )
        assert {name: tuple(map(int, numbers)) for name, *numbers in rows} == (
            RFM_SEGMENTS
        )

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
    def test_single_scores(self, customers: Home, user_id: str, score: str):
        with open_snapshot(customers.current) as connection:
            found = connection.execute(
                "select rfm_score from marts.user_rfm where user_id = ?", [user_id]
            ).fetchall()
        assert found == [(score,)]


@pytest.fixture(scope="module")
def grocer(make_home) -> Home:
    home = make_home(
        "grocer",
        "groceries",
        settings="rules_min_support: 0.006\nrules_min_confidence: 0.25\n",
    )
    stages.run(home)
    return home


@pytest.mark.xdist_group("customers")
class TestGroceries:
    """Baskets of nobody: rules are found, and the run says that none is segmented."""

    def test_the_rules_of_two_products_are_those_of_another_implementation(
        self, grocer: Home
    ):
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

    def test_nobody_is_segmented_and_all_else_is_published(self, grocer: Home):
        assert query(grocer, "select count(*) from segments.user_segments") == [(0,)]
        assert query(grocer, "select count(*), sum(n_lines) from marts.orders") == [
            (9835, 43367)
        ]
        report = Path(grocer.published / "report" / "index.html").read_text()
        assert "too few persons" in report
