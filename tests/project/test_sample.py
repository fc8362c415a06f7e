"""What is planted in the sample is found, and what is published is as promised."""

import csv
import json
import re

import duckdb
import pytest
from running import query, truth
from sklearn.metrics import adjusted_rand_score

from warehouse import snapshots
from warehouse.connection import open_snapshot
from warehouse.home import Home

CONTRACT_TABLES = {
    "marts.association_rules",
    "marts.orders",
    "marts.sessions",
    "marts.user_features",
    "marts.user_identifiers",
    "marts.user_rfm",
    "marts.users",
    "ops.checks",
    "ops.loaded_files",
    "ops.quarantine_counts",
    "ops.run_stages",
    "ops.runs",
    "segments.personas",
    "segments.segment_catalog",
    "segments.segment_changes",
    "segments.segment_history",
    "segments.user_segments",
}


def test_the_snapshot_holds_the_tables_of_the_contract(sample: Home):
    found = query(
        sample,
        "select table_schema || '.' || table_name from information_schema.tables",
    )
    assert {table for (table,) in found} >= CONTRACT_TABLES
    parquet = sample.published / "parquet" / "current"
    assert {path.stem for path in parquet.glob("*.parquet")} == {
        table for (table,) in found
    }


def test_every_published_table_and_column_is_described(sample: Home):
    catalog = json.loads((sample.dbt / "target" / "catalog.json").read_text())
    manifest = json.loads((sample.dbt / "target" / "manifest.json").read_text())
    undescribed = [
        f"{node['name']}.{column}"
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model"
        and node["schema"] in snapshots.PUBLISHED_SCHEMAS
        for column in catalog["nodes"][unique_id]["columns"]
        if not node["columns"].get(column, {}).get("description")
        or not node["description"]
    ]
    assert undescribed == []


def test_planted_archetypes_are_recovered(sample: Home, record_property):
    archetypes = truth(sample, "users.csv")
    rows = duckdb.sql(
        "select archetype, segment_id from archetypes join "
        f"'{sample.published}/parquet/current/segments.user_segments.parquet' "
        "using (user_id)"
    ).fetchall()
    assert archetypes is not None
    planted, found = zip(*rows, strict=True)
    score = adjusted_rand_score(planted, found)
    record_property("adjusted_rand_index", score)
    assert score > 0.75


def test_planted_pairs_head_the_rules(sample: Home):
    pairs = truth(sample, "pairs.csv").select("antecedent", "consequent").fetchall()
    heads = query(
        sample,
        "select antecedent[1], consequent from marts.association_rules "
        f"order by lift desc limit {2 * len(pairs)}",
    )
    assert {frozenset(pair) for pair in heads} == {frozenset(pair) for pair in pairs}


def test_personas_say_who_they_are_in_words_and_finite_numbers(sample: Home):
    personas = query(
        sample, "select persona_name, narrative, traits from segments.personas"
    )
    assert len({name for name, _, _ in personas}) == len(personas) >= 3
    for _, narrative, traits in personas:
        assert narrative.count(".") >= 3
        json.loads(traits, parse_constant=lambda constant: pytest.fail(constant))


def test_no_published_number_is_infinite_or_not_a_number(sample: Home):
    with open_snapshot(sample.current) as connection:
        columns = connection.execute(
            "select table_schema || '.' || table_name, column_name "
            "from information_schema.columns where data_type = 'DOUBLE'"
        ).fetchall()
        faults = [
            (table, column)
            for table, column in columns
            if connection.execute(
                f"select 1 from {table} where not isfinite({column}) limit 1"
            ).fetchall()
        ]
    assert columns
    assert faults == []


def test_no_address_or_number_is_in_what_is_published_or_logged(sample: Home):
    canaries = set()
    with (sample.inbox / "crm" / "users.csv").open() as dump:
        for row in csv.DictReader(dump):
            values = (row["email"] or "", row["phone"] or "")
            canaries |= {v.strip().lower().encode() for v in values if len(v) > 8}
    assert len(canaries) > 1000
    some = sorted(canaries)[::20]
    places = [sample.published, sample.dbt]
    leaks = [
        (path.name, canary)
        for place in places
        for path in place.rglob("*")
        if path.is_file() and not path.is_symlink()
        for content in [path.read_bytes().lower()]
        for canary in some
        if canary in content
    ]
    assert leaks == []


def test_the_docs_page_has_an_overview_and_asks_no_network(sample: Home):
    page = (sample.published / "docs" / "index.html").read_text()

    assert '"send_anonymous_usage_stats": false' in page
    assert not re.search(
        r'<(script|link|img|iframe)[^>]* (src|href)="(https?:)?//', page
    )
    assert "__overview__" in page
    assert '"exposure.tessera.' in page
