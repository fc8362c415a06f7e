"""The dbt project keeps its conventions, and each model its edges."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from warehouse.connection import open_work
from warehouse.home import Home
from warehouse.raw_tables import create_tables

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dbt's target folder, after models were built of nothing and unit-tested."""
    home = Home.at(tmp_path_factory.mktemp("dbt_project"))
    with open_work(home) as connection:
        create_tables(connection)
    project = str(ROOT / "dbt_project")
    outcome = subprocess.run(
        [
            *(BIN / "dbt", "--quiet", "build", "--no-use-colors"),
            *("--exclude-resource-type", "test"),
            *("--project-dir", project, "--profiles-dir", project),
            *("--target-path", home.dbt / "target", "--log-path", home.dbt / "logs"),
        ],
        env=os.environ
        | {
            "TESSERA_WORK_DATABASE": str(home.work_database),
            "TESSERA_SPILL": str(home.spill),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    results = home.dbt / "target" / "run_results.json"
    assert results.exists(), outcome.stdout[-4000:] + outcome.stderr[-4000:]
    return home.dbt / "target"


def test_every_model_builds_of_nothing_and_passes_its_unit_tests(built: Path):
    results = json.loads((built / "run_results.json").read_text())["results"]

    refused = {
        result["unique_id"]: result["message"]
        for result in results
        if result["status"] not in ("success", "pass", "no-op")
    }

    assert refused == {}
    assert any(result["unique_id"].startswith("unit_test.") for result in results)


def test_the_conventions_of_the_dbt_project_hold(built: Path, tmp_path: Path):
    conventions = yaml.safe_load((ROOT / "dbt-bouncer.yml").read_text())
    conventions["dbt_artifacts_dir"] = str(built)
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
