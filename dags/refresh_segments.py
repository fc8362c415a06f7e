"""Build, segment and publish whenever something was loaded.

Counts what happened before the load began. Safe to run again: each stage replaces what
it made before, and readers see nothing until all of it is checked.
"""

import pendulum
from airflow.sdk import dag
from warehouse_assets import RAW_EVENTS
from warehouse_tasks import TASK_DEFAULTS, build, publish, segment


@dag(
    schedule=[RAW_EVENTS],
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args=TASK_DEFAULTS,
    doc_md=__doc__,
    tags=["tessera"],
)
def refresh_segments():
    """Walk the stages that follow a load."""
    build() >> segment() >> publish()


refresh_segments()
