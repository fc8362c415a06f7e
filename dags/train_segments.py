"""Fit the segments anew, on Sunday nights, to what was built last.

Between trainings `refresh_segments` assigns people with the model that is there. Safe
to run again: the same people give the same model, and segments keep their ids.
"""

import pendulum
from airflow.sdk import dag
from warehouse_tasks import TASK_DEFAULTS, publish, segment


@dag(
    schedule="30 3 * * 0",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args=TASK_DEFAULTS,
    doc_md=__doc__,
    tags=["tessera"],
)
def train_segments():
    """Walk the stages that follow a build, with a model fitted anew."""
    segment(train=True) >> publish()


train_segments()
