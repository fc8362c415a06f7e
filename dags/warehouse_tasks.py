"""One task a stage, and how each is run: alone, bounded in time, tried again."""

import logging
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

import as_of as as_of_rule
from airflow.sdk import task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from alerts import say_what_failed, say_what_is_tried_again
from warehouse_assets import PUBLISHED_SEGMENTS, RAW_EVENTS

logger = logging.getLogger("tessera")

TASK_DEFAULTS = {
    "pool": "warehouse_writer",  # of one slot: DuckDB admits one writer
    "retries": 3,  # after 1, 2 and 4 minutes: long enough for a run by hand to end
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": 2,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(hours=2),
    "on_failure_callback": say_what_failed,
    "on_retry_callback": say_what_is_tried_again,
}


@task(outlets=[RAW_EVENTS])
def load(*, dag_run: Any = None, ti: Any = None, outlet_events: Any = None) -> str:
    """Load what is new; hand it on if there is anything to build."""
    began = as_of_rule.when_load_began(dag_run.run_type, ti.start_date)
    result = run_stage("load", as_of=began)
    if not result.changed:
        raise AirflowSkipException("nothing new: the snapshot is up to date")
    outlet_events[RAW_EVENTS].extra = as_of_rule.hand_on(began)
    return result.message


@task
def build(*, triggering_asset_events: Any = None) -> str:
    """Build and test the models, as of the load that was handed on."""
    extras = [event.extra for event in triggering_asset_events.get(RAW_EVENTS, [])]
    try:
        as_of = as_of_rule.latest_handed_on(extras, datetime.now(UTC))
    except ValueError as error:
        raise AirflowFailException(str(error)) from error
    return run_stage("build", as_of=as_of).message


@task
def segment(*, train: bool = False) -> str:
    """Assign every person to a segment, or train first."""
    from warehouse.home import Home

    if train and not Home.at().current.exists():
        raise AirflowSkipException("nothing is published yet that could be trained on")
    return run_stage("segment", train=train).message


@task(outlets=[PUBLISHED_SEGMENTS])
def publish() -> str:
    """Check the finished build and let readers see it."""
    return run_stage("publish").message


def run_stage(stage: str, **options):
    """Run one stage on the home that ``$TESSERA_HOME`` names."""
    from warehouse import alerting, stages
    from warehouse.errors import ConfigurationError, GateFailedError
    from warehouse.home import Home

    # skops asks every module there is for its names, Airflow's deprecated ones too.
    warnings.filterwarnings("ignore", r"The `airflow\.", FutureWarning)
    logger.info("%s begins", stage)
    try:
        result = getattr(stages, stage)(Home.at(), progress=logger.info, **options)
    except (ConfigurationError, GateFailedError) as error:
        # To try again would not change the file, or what was found.
        raise AirflowFailException(str(error)) from error
    logger.info("%s: %s", stage, result.message, extra={"result": result})
    alerting.warn(Home.at(), result, where=stage)
    return result
