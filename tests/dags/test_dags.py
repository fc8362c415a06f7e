"""The DAGs as Airflow reads them: whole, quickly, and by the house's conventions."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from airflow_processes import DAGS, run_python
from running import refuse_loss

from warehouse import stages
from warehouse.home import Home

TASKS = [
    ("load_events", "load"),
    ("refresh_segments", "build"),
    ("refresh_segments", "segment"),
    ("refresh_segments", "publish"),
    ("train_segments", "segment"),
    ("train_segments", "publish"),
]
LINES_OF_A_SCREEN = 40


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What Airflow sees, in a process of its own, with a broken file among ours."""
    folder = tmp_path_factory.mktemp("dags")
    dags = folder / "dags"
    shutil.copytree(DAGS, dags, ignore=shutil.ignore_patterns("__pycache__"))
    (dags / "broken.py").write_text("from airflow.sdk import dag\nraise ValueError(7)")
    script = str(Path(__file__).with_name("describe_dags.py"))
    environment = {"PYTHONPATH": str(dags), "PATH": "/usr/bin:/bin"}
    done = run_python(
        *(script, str(folder / "home"), str(folder / "dags.json")),
        environment=environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "dags.json").read_text())


def test_every_dag_is_read_whatever_lies_beside_it_and_a_broken_file_is_named(
    described: dict,
):
    assert {dag for dag, _ in TASKS} == set(described["dags"])
    ((file, told),) = described["errors"].items()
    assert file.endswith("broken.py")
    assert "ValueError: 7" in told


def test_reading_the_dags_is_quick_and_imports_nothing_heavy(described: dict):
    assert described["heavy"] == []
    assert described["seconds"] < 2


def test_a_dag_has_its_files_name_fits_a_screen_and_says_what_it_is(described: dict):
    for dag_id, dag in described["dags"].items():
        source = (DAGS / f"{dag_id}.py").read_text()
        assert dag["file"] == dag_id
        assert len(source.splitlines()) <= LINES_OF_A_SCREEN
        assert "afe to run again" in " ".join(dag["doc"].split()), dag_id


def test_no_dag_catches_up_or_runs_beside_itself(described: dict):
    for dag in described["dags"].values():
        assert dag["starts_in_utc"]
        assert dag["catchup"] is False
        assert dag["max_active_runs"] == 1


def test_dags_meet_through_assets_alone(described: dict):
    dags = described["dags"]

    assert dags["load_events"]["schedule"] == "*/15 * * * *"
    assert dags["load_events"]["tasks"]["load"]["hands_on"] == ["raw.events"]
    assert dags["refresh_segments"]["schedule"] == ["raw.events"]
    for dag_id in ("refresh_segments", "train_segments"):
        assert dags[dag_id]["tasks"]["publish"]["hands_on"] == ["published.segments"]
        assert dags[dag_id]["tasks"]["publish"]["after"] == ["segment"]
    assert dags["refresh_segments"]["tasks"]["segment"]["after"] == ["build"]


@pytest.mark.parametrize(("dag_id", "task_id"), TASKS)
def test_every_task_is_alone_bounded_tried_again_and_speaks_up(
    described: dict, dag_id: str, task_id: str
):
    task = described["dags"][dag_id]["tasks"][task_id]

    assert task["pool"] == "warehouse_writer"
    assert task["retries"] >= 1
    assert task["retry_delay"] >= 60
    assert 0 < task["timeout"] <= 4 * 3600
    assert task["on_failure"] == ["say_what_failed"]
    assert task["on_retry"] == ["say_what_is_tried_again"]


def test_there_are_no_tasks_beside_those(described: dict):
    found = {
        (dag, task) for dag, said in described["dags"].items() for task in said["tasks"]
    }

    assert found == set(TASKS)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("api.host", "127.0.0.1"),
        ("core.load_examples", "False"),
        ("core.dag_run_conf_overrides_params", "False"),
        ("core.default_task_retries", "3"),
        ("api.expose_config", "False"),
    ],
)
def test_airflow_understands_our_settings(described: dict, setting: str, value: str):
    assert described["settings"][setting] == value


SECOND_COPY = """
import sys
from pathlib import Path
import airflow_home
home = Path(sys.argv[1])
airflow_home.prepare(home)
from warehouse_tasks import run_stage
for settings in ("", "", "threads: none of them"):
    Path(home, "settings.yml").write_text(settings)
    try:
        print("told:", run_stage("load").message, flush=True)
    except Exception as error:
        print("told:", type(error).__name__, error, flush=True)
    sys.stdin.readline()
"""


def test_a_second_copy_is_told_who_writes_and_tried_again_a_wrong_setting_is_not(
    home: Path, environment: dict[str, str]
):
    """As when Airflow starts a task again while its first copy still lives."""
    told: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", SECOND_COPY, str(home)],
        env={**environment, "PYTHONPATH": str(DAGS)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as second:
        assert second.stdin
        assert second.stdout
        lines = iter(second.stdout)

        def hear() -> None:
            told.append(next(line for line in lines if line[:5] == "told:"))

        first = stages.load(
            Home.at(home), progress=lambda _line: None if told else hear()
        )
        for _ in range(2):
            second.stdin.write("\n")
            second.stdin.flush()
            hear()

    assert first.n_rows == 90
    assert told[0].startswith("told: WarehouseBusyError the warehouse at")
    assert f"process {os.getpid()} is writing" in told[0]
    assert "1 loaded before" in told[1]
    assert told[2].startswith("told: AirflowFailException ")
    (home / "settings.yml").unlink()
    refuse_loss(Home.at(home))
