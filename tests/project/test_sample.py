"""What is planted in the sample is found, and what is published is as promised."""

import base64
import csv
import json
import re
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from running import query, truth
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import pair_confusion_matrix

from warehouse import snapshots
from warehouse.connection import open_snapshot, open_work
from warehouse.home import Home
from warehouse.keys import Keyring
from warehouse.vault import vault_of

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


@pytest.fixture(scope="module")
def planted_persons(sample: Home) -> dict[tuple[str, str], str]:
    """Give the person of each type and identifier; machines are nobody's."""
    planted = truth(sample, "identifiers.csv").filter("user_id is not null")
    return {(kind, one): user_id for kind, one, user_id in planted.fetchall()}


@pytest.fixture(scope="module")
def found_persons(sample: Home) -> dict[tuple[str, str], str]:
    """Give the person of each published identifier, addresses and numbers in clear."""
    with (
        open_work(sample) as connection,
        vault_of(sample, connection, Keyring(sample, connection)) as vault,
    ):
        rows = vault.open().execute("select hash, value from vault.contacts").fetchall()
    in_clear = dict(rows)
    published = query(
        sample,
        "select identifier_type, identifier, user_id from marts.user_identifiers",
    )
    return {(kind, in_clear.get(one, one)): user_id for kind, one, user_id in published}


def test_devices_of_one_person_are_found_and_no_others(
    planted_persons, found_persons, record_property
):
    devices = sorted(key for key in planted_persons if key[0] == "anonymous_id")
    pairs = pair_confusion_matrix(
        [planted_persons[device] for device in devices],
        [found_persons.get(device, device[1]) for device in devices],
    )
    (_, n_wrong), (n_missed, n_right) = (pairs // 2).tolist()  # each is there twice
    precision = n_right / (n_right + n_wrong)
    recall = n_right / (n_right + n_missed)
    record_property("device_pairs", n_right + n_missed)
    record_property("device_precision", precision)
    record_property("device_recall", recall)
    record_property("device_f1", 2 * precision * recall / (precision + recall))

    # Each device of an account logs in once, and who has no account has one device: by
    # the written rules, none is out of reach.
    assert n_right + n_missed > 300
    assert (precision, recall) == (1.0, 1.0)


def test_every_identifier_is_of_its_planted_person(planted_persons, found_persons):
    kinds = {kind for kind, _ in planted_persons}

    assert kinds == {"anonymous_id", "user_id", "email", "phone"}
    assert found_persons == planted_persons


def test_every_event_is_a_persons_or_a_bots_or_a_copy(sample: Home):
    """The crawler and the monitor that are planted are the only bots."""
    with open_work(sample) as connection:
        sent = dict(
            connection.execute(
                "select source, count(*) from raw.events "
                "where occurred_at < (select max(as_of) from ledger.runs) group by all"
            ).fetchall()
        )
        counted = connection.execute(
            """
            select source, n_events from (
                select source, count(*) as n_events
                from intermediate.int_events_identified where not is_bot group by all
                union all select source, n_events from ops.bot_events
                union all select source, n_duplicates from ops.duplicate_events
            )
            """
        ).fetchall()

    found: Counter[str] = Counter()
    for source, n_events in counted:
        found[source] += n_events
    assert found == sent
    assert query(
        sample, "select source, bot_reason, n_devices from ops.bot_events"
    ) == [("web", "user_agent", 2)]


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
