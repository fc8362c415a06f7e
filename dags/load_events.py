"""Load what is new in the inbox, every quarter of an hour.

The rows are handed on, with the moment the load began, only when there is something
new to build. Safe to run again: a file is loaded once, in one transaction.
"""

import os

import pendulum
from airflow.sdk import dag
from warehouse_tasks import TASK_DEFAULTS, load


@dag(
    schedule=os.environ.get("TESSERA_LOAD_SCHEDULE", "*/15 * * * *"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args=TASK_DEFAULTS,
    doc_md=__doc__,
    tags=["tessera"],
)
def load_events():
    """One task: load."""
    load()


load_events()
