"""Read the DAGs as Airflow does and write what they are, as JSON, for `test_dags`.

Run as ``describe_dags.py HOME JSON_FILE``, with the DAGs' folder on the path.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

HEAVY = {"duckdb", "dbt", "pandas", "sklearn", "scipy", "warehouse.stages"}


def main(home: Path, answer: Path) -> None:
    """Write what Airflow sees with the settings of `home`."""
    import airflow_home

    airflow_home.prepare(home)
    from airflow.configuration import conf
    from airflow.dag_processing.dagbag import DagBag

    began = time.perf_counter()
    bag = DagBag(airflow_home.DAGS, collect_dags=True)
    seconds = time.perf_counter() - began
    described = {
        "errors": bag.import_errors,
        "seconds": seconds,
        "heavy": sorted(HEAVY & set(sys.modules)),
        "dags": {dag.dag_id: describe_dag(dag) for dag in bag.dags.values()},
        "settings": {
            f"{section}.{name}": conf.get(section, name)
            for section, options in airflow_home.SETTINGS.items()
            for name in options
        },
    }
    answer.write_text(json.dumps(described))


def describe_dag(dag: Any) -> dict:
    """Say what the conventions are about: when a DAG runs, and its tasks."""
    is_timed = isinstance(dag.schedule, str)
    return {
        "file": Path(dag.fileloc).stem,
        "schedule": dag.schedule if is_timed else names(dag.schedule),
        "starts_in_utc": dag.start_date.tzname() == "UTC",
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "doc": dag.doc_md,
        "tasks": {task.task_id: describe_task(task) for task in dag.tasks},
    }


def describe_task(task: Any) -> dict:
    """Say how a task is run."""
    return {
        "pool": task.pool,
        "retries": task.retries,
        "retry_delay": task.retry_delay.total_seconds(),
        "timeout": task.execution_timeout.total_seconds(),
        "on_failure": [call.__name__ for call in task.on_failure_callback],
        "on_retry": [call.__name__ for call in task.on_retry_callback],
        "after": sorted(task.upstream_task_ids),
        "hands_on": names(task.outlets),
    }


def names(assets: Any) -> list[str]:
    """Name assets."""
    return [asset.name for asset in assets]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
