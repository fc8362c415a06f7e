"""The dbt project keeps its conventions, and each model its edges."""

import csv
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from warehouse import transform
from warehouse.connection import open_work
from warehouse.home import Home
from warehouse.raw_tables import create_tables

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CHANNEL_CASES = [
    tuple(cell.strip() or None for cell in line.strip("|").split("|"))
    for line in (ROOT / "docs" / "channels.md")
    .read_text()
    .partition("## Cases")[2]
    .splitlines()
    if line.startswith("|")
][2:]
SQL_FILES = list((ROOT / "dbt_project" / "models").rglob("*.sql"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose raw tables are there and empty."""
    home = Home.at(tmp_path_factory.mktemp("dbt_project"))
    with open_work(home) as connection:
        create_tables(connection)
    return home


@pytest.fixture(scope="module")
def built(home: Home) -> list:
    """What dbt says of each model, built of nothing, and of each unit test."""
    with pytest.MonkeyPatch.context() as patch:
        # dbt wants a query's first `with`: no need to group all that follows, which
        # takes a quarter of a unit test's time.
        patch.setattr("sqlparse.engine.grouping.group", lambda statement: statement)
        return transform.call_dbt(
            home, ["build", "--exclude-resource-type", "test", "--no-write-json"], {}
        )


def test_every_model_builds_of_nothing_and_passes_its_unit_tests(built: list):
    refused = {
        result.node.unique_id: result.message
        for result in built
        if result.status not in ("success", "pass", "no-op")
    }

    assert refused == {}
    kinds = Counter(result.node.resource_type for result in built)
    assert kinds["unit_test"] >= kinds["model"] >= len(SQL_FILES)


def test_the_conventions_of_the_dbt_project_hold(home: Home, tmp_path: Path):
    transform.parse(home).write(str(tmp_path / "manifest.json"))
    conventions = yaml.safe_load((ROOT / "dbt-bouncer.yml").read_text())
    conventions["dbt_artifacts_dir"] = str(tmp_path)
    config = tmp_path / "dbt-bouncer.yml"
    config.write_text(yaml.safe_dump(conventions))

    outcome = subprocess.run(
        [BIN / "dbt-bouncer", "run", "--config-file", config, "--show-all-failures"],
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.returncode == 0, outcome.stdout[-4000:] + outcome.stderr[-2000:]


@pytest.fixture(scope="module")
def channels(home: Home, built: list) -> dict[int, str]:
    """The channel of each case of the docs, as it stands and then in upper case."""
    models = home.dbt / "target" / "compiled" / "tessera" / "models" / "intermediate"
    classified = (models / "int_traffic_sources_classified.sql").read_text()
    told = ["utm_source", "utm_medium", "utm_campaign", "click_id", "referrer_host"]
    cases = [case[:5] for case in CHANNEL_CASES]
    cases += [tuple(word and word.upper() for word in case) for case in cases]
    with open_work(home) as connection:
        connection.execute("begin")
        connection.executemany(
            "insert into raw.events (row_key, file_id, line_number, load_id, source, "
            "namespace, occurred_at, utm_source, utm_medium, utm_campaign, page_url, "
            "referrer) values (?, 1, 1, 1, 'web', '', '2026-01-01', ?, ?, ?, "
            "'https://shop.example/?q=1&' || ?, ?)",
            [
                (number, *tags, f"{click_id or 'page'}=1", host and f"https://{host}/x")
                for number, (*tags, click_id, host) in enumerate(cases)
            ],
        )
        same = " and ".join(
            f"events.{name} is not distinct from classified.{name}" for name in told
        )
        found = connection.execute(
            f"select event_key, coalesce(channel, 'direct') from staging.stg_events "
            f"as events left join ({classified}) as classified on {same}"
        ).fetchall()
        connection.execute("rollback")
    return dict(found)


@pytest.mark.parametrize("number", range(len(CHANNEL_CASES)))
def test_every_case_of_the_docs_has_its_channel(number: int, channels: dict[int, str]):
    *_, channel = CHANNEL_CASES[number]

    assert channels[number] == channel, CHANNEL_CASES[number]
    assert channels[number + len(CHANNEL_CASES)] == channel, "in upper case"


def test_the_docs_have_a_case_of_every_channel_that_dbt_accepts():
    text = (ROOT / "dbt_project/models/marts/behaviour/sessions.yml").read_text()
    (sessions,) = yaml.safe_load(text)["models"]
    (channel,) = (one for one in sessions["columns"] if one["name"] == "channel")
    (accepted,) = channel["data_tests"]

    assert {case[-1] for case in CHANNEL_CASES} == set(
        accepted["accepted_values"]["arguments"]["values"]
    )


def test_the_click_ids_that_staging_reads_are_those_of_the_seed():
    macro = (ROOT / "dbt_project/macros/click_id.sql").read_text()
    lists = [
        re.findall(r'"(\w+)"', names) for names in re.findall(r"\[(.*?)\]", macro, re.S)
    ]
    with (ROOT / "dbt_project/seeds/click_ids.csv").open() as seed:
        rows = list(csv.DictReader(seed))

    of_campaigns, of_any_link = (
        [row["parameter"] for row in rows if row["is_campaign_only"] == answer]
        for answer in ("true", "false")
    )
    assert lists == [of_campaigns, of_any_link]
