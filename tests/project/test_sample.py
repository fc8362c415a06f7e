"""What is planted in the sample is found, and what is published is as promised."""

import base64
import csv
import json
import re
from pathlib import Path

import duckdb
import pytest
from running import query, truth
from sklearn.metrics import adjusted_rand_score

from warehouse import snapshots
from warehouse.connection import open_snapshot, open_work
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


def written_files(home: Home) -> list[Path]:
    """List what Tessera wrote, but for its keys; what it was given is not among it."""
    given = (home.inbox, home.secrets, home.root / "truth")
    return [
        path
        for path in home.root.rglob("*")
        if path.is_file() and not path.is_symlink()
        if not any(path.is_relative_to(folder) for folder in given)
    ]


def test_nobody_who_is_named_in_a_dump_is_named_in_what_is_written(sample: Home):
    canaries = set()
    with (sample.inbox / "crm" / "users.csv").open() as dump:
        for row in csv.DictReader(dump):
            named = ("email", "phone", "first_name", "last_name")
            canaries |= {(row[name] or "").strip().lower() for name in named}
    some = sorted(one for one in canaries if len(one) > 6)[::20]
    assert len(some) > 100

    files = {path: path.read_bytes().lower() for path in written_files(sample)}
    assert sample.work_database in files
    assert sample.vault in files
    assert [
        (path.name, canary)
        for path, content in files.items()
        for canary in some
        if canary.encode() in content
    ] == []

    any_of_them = "|".join(map(re.escape, some))
    with open_work(sample) as connection:  # its texts are packed: bytes do not tell
        tables = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables "
            "where table_type = 'BASE TABLE'"
        ).fetchall()
        found = [
            (table, row)
            for (table,) in tables
            for row in connection.execute(
                f"select t from {table} as t "
                "where regexp_matches(lower(t::varchar), ?) limit 1",
                [any_of_them],
            ).fetchall()
        ]
    assert len(tables) > 30
    assert found == []


def test_the_keys_are_nowhere_but_in_their_folder(sample: Home):
    keys = [path.read_bytes() for path in sample.secrets.glob("*.key")]
    assert len(keys) == 3
    forms = [
        form(key)
        for key in keys
        for form in (bytes, lambda k: k.hex().encode(), base64.b64encode)
    ]

    found = [
        path.name
        for path in written_files(sample)
        for content in [path.read_bytes()]
        if any(form in content for form in forms)
    ]

    assert found == []


def test_the_docs_page_has_an_overview_and_asks_no_network(sample: Home):
    page = (sample.published / "docs" / "index.html").read_text()

    assert '"send_anonymous_usage_stats": false' in page
    assert not re.search(
        r'<(script|link|img|iframe)[^>]* (src|href)="(https?:)?//', page
    )
    assert "__overview__" in page
    assert '"exposure.tessera.' in page
