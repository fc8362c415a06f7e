"""Read the DAGs as Airflow does and write what they are, as JSON, for `test_dags`."""

import json
import sys
import time
from pathlib import Path

import airflow_home

airflow_home.prepare(Path(sys.argv[1]))

from airflow.configuration import conf  # noqa: E402 - its home comes first
from airflow.dag_processing.dagbag import DagBag  # noqa: E402
from airflow.sdk import Asset  # noqa: E402

began = time.perf_counter()
bag = DagBag(airflow_home.DAGS, collect_dags=True)
seconds = time.perf_counter() - began


def names(assets) -> list[str]:
    """Name the assets among what a DAG waits for or a task hands on."""
    return [asset.name for asset in assets if isinstance(asset, Asset)]


dags = {
    dag.dag_id: {
        "file": Path(dag.fileloc).stem,
        "schedule": dag.schedule
        if isinstance(dag.schedule, str)
        else names(dag.schedule),
        "starts_in_utc": dag.start_date.tzname() == "UTC",
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "doc": dag.doc_md,
        "tasks": {
            task.task_id: {
                "pool": task.pool,
                "retries": task.retries,
                "retry_delay": task.retry_delay.total_seconds(),
                "timeout": task.execution_timeout.total_seconds(),
                "on_failure": [call.__name__ for call in task.on_failure_callback],
                "on_retry": [call.__name__ for call in task.on_retry_callback],
                "after": sorted(task.upstream_task_ids),
                "hands_on": names(task.outlets),
            }
            for task in dag.tasks
        },
    }
    for dag in bag.dags.values()
}
heavy = {"duckdb", "dbt", "pandas", "sklearn", "scipy", "warehouse.stages"}
settings = {
    f"{section}.{name}": conf.get(section, name)
    for section, options in airflow_home.SETTINGS.items()
    for name in options
}
answer = {
    "errors": bag.import_errors,
    "seconds": seconds,
    "heavy": sorted(heavy & set(sys.modules)),
    "dags": dags,
    "settings": settings,
}
Path(sys.argv[2]).write_text(json.dumps(answer))
