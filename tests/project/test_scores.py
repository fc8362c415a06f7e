"""Scores are what their weights say, and each part can be seen."""

import re

import duckdb
import pandas as pd
import pytest
from running import ROOT, query

from warehouse.connection import open_snapshot
from warehouse.home import Home

DBT = ROOT / "dbt_project"
SCORES = ("engagement", "behaviour", "context", "demographics")
RANKED = {
    "recency": "-recency_days",
    "active_days": "active_days",
    "visits": "n_sessions",
    "session_depth": "if(n_sessions > 0, events_per_session, null)",
    "session_minutes": "if(n_sessions > 0, session_minutes_mean, null)",
    "emails_opened": "n_emails_opened",
    "orders": "n_orders",
    "product_views": "if(n_sessions > 0, product_views_per_session, null)",
    "cart_additions": "if(n_sessions > 0, add_to_carts_per_session, null)",
    "categories": "n_categories",
    "visit_rhythm": "if(active_days > 0, active_days / (tenure_days + 30), null)",
}


def frame(home: Home, question: str) -> pd.DataFrame:
    """Ask the current snapshot for a frame, by person."""
    with open_snapshot(home.current) as connection:
        return connection.sql(question).df().set_index("user_id").sort_index()


def test_ranks_are_those_of_pandas(small_sample: Home):
    parts = frame(small_sample, "select * from marts.user_score_parts")
    measures = frame(
        small_sample,
        "select user_id, "
        + ", ".join(f"{sql} as {part}" for part, sql in RANKED.items())
        + " from marts.user_features",
    )

    ahead_of = (measures.rank(method="min") - 1) / (measures.notna().sum() - 1)

    for part in RANKED:
        pd.testing.assert_series_equal(
            parts[f"{part}_value"].astype(float),
            ahead_of[part].round(4),
            check_names=False,
            atol=1.01e-4,  # of halves, one side rounds up
        )


def test_points_are_value_times_weight_and_add_up_to_the_score(small_sample: Home):
    weights = pd.read_csv(DBT / "seeds" / "score_weights.csv")
    parts = frame(small_sample, "select * from marts.user_score_parts").astype(float)
    scores = frame(small_sample, "select * from marts.user_scores").astype(float)
    parts = parts.join(scores.drop(columns="n_unknown_parts"))
    for score in SCORES:
        parts[f"{score}_value"] = scores[f"{score}_score"] / 100

    for score, of_score in weights.groupby("score"):
        shares = of_score["weight"] / of_score["weight"].sum()
        for row, share in zip(of_score.itertuples(), shares, strict=True):
            value = parts[f"{row.part}_value"].fillna(row.when_unknown)
            assert parts[f"{row.part}_points"].to_numpy() == pytest.approx(
                100 * share * value, abs=0.011
            )
        points = parts[[f"{part}_points" for part in of_score["part"]]].sum(axis=1)
        assert points.to_numpy() == pytest.approx(parts[f"{score}_score"], abs=1e-9)
        assert scores[f"{score}_score"].between(0, 100).all()
        assert scores[f"{score}_score"].std() > 0


def test_every_person_has_scores_and_the_docs_say_why(small_sample: Home):
    ((n_persons, n_scored),) = query(
        small_sample,
        "select (select count(*) from marts.users), (select count(*) from "
        "marts.user_scores)",
    )
    assert n_persons == n_scored

    ((question,),) = [
        re.findall(r"```sql\n(.*?)```", text, flags=re.DOTALL)
        for text in [(ROOT / "docs" / "scores.md").read_text()]
    ]
    ((user_id, score),) = query(
        small_sample,
        "select user_id, engagement_score from marts.user_scores "
        "order by engagement_score desc, user_id limit 1",
    )
    rows = query(small_sample, question.replace("u-1", user_id))
    told = [row for row in rows if row[0] == "engagement"]
    assert len(rows) == 23
    assert sum(points for *_, points in told) == score
    assert sum(max_points for _, _, max_points, _, _ in told) == 100


@pytest.fixture
def seeds():
    """The seeds of scores in a warehouse of their own, to be spoilt."""
    with duckdb.connect() as connection:
        connection.execute("create schema seeds")
        for seed in ("score_weights", "score_values"):
            connection.execute(
                f"create table seeds.{seed} as from '{DBT / 'seeds' / seed}.csv'"
            )
        yield connection


def faults(seeds: duckdb.DuckDBPyConnection, seed: str) -> list[tuple]:
    """Run the data test of a seed."""
    text = (DBT / "tests" / f"{seed}_can_be_used.sql").read_text()
    text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    text = re.sub(r"\{\{ ref\('(\w+)'\) \}\}", r"seeds.\1", text)
    text = text.replace(
        "{{ event_alias('category') }}",
        "regexp_replace(lower(category), '[^a-z0-9]', '', 'g')",
    )
    return seeds.execute(text).fetchall()


@pytest.mark.parametrize(
    ("seed", "mistake"),
    [
        ("score_weights", "update {} set weight = 0 where score = 'context'"),
        ("score_weights", "update {} set weight = -1 where part = 'country'"),
        ("score_weights", "update {} set weight = null where part = 'country'"),
        ("score_weights", "update {} set direction = 'up' where part = 'country'"),
        ("score_weights", "update {} set when_unknown = 2 where part = 'country'"),
        ("score_weights", "update {} set part = 'gender' where part = 'country'"),
        ("score_weights", "delete from {} where part = 'country'"),
        ("score_values", "update {} set value = 2 where part = 'country'"),
        ("score_values", "update {} set value = null where category = 'work'"),
        ("score_values", "update {} set part = 'gender' where part = 'country'"),
        ("score_values", "insert into {} values ('channels', 'E-Mail', 1, 'twice')"),
    ],
)
def test_a_seed_that_cannot_be_used_is_refused(seeds, seed: str, mistake: str):
    assert faults(seeds, seed) == []

    seeds.execute(mistake.format(f"seeds.{seed}"))

    assert len(faults(seeds, seed)) >= 1


def test_every_channel_has_a_value_under_its_own_name(seeds):
    """One under another name would be worth what nothing is known of."""
    channels = re.findall(
        r"^\| `(\w+)` \|", (ROOT / "docs" / "channels.md").read_text(), re.MULTILINE
    )
    valued = seeds.execute(
        "select category from seeds.score_values where part = 'channels'"
    ).fetchall()

    assert len(channels) > 15
    assert {category for (category,) in valued} - {"*"} == {*channels} - {"unassigned"}


def test_by_default_nobody_is_scored_by_age_or_where_they_live(seeds):
    """Nor by gender, which is in no published table."""
    of_age = "select weight from seeds.score_weights where part = 'age_band'"
    worth = "select distinct value from seeds.score_values where part = '{}'"

    assert seeds.execute(of_age).fetchall() == [(0,)]
    assert len(seeds.execute(worth.format("age_band")).fetchall()) == 1
    assert seeds.execute(worth.format("country")).fetchall() == [(1,)]
