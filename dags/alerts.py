"""What a failing task says in its log: which it is, why, and what to do."""

import logging
from typing import Any

logger = logging.getLogger("tessera")

AGAIN = "run it again, which is always safe (in Airflow: clear the task)"


def say_what_failed(context: dict[str, Any]) -> None:
    """Log, when a task has failed for good, what to do about it; tell the webhook."""
    reason = _reason(context)
    logger.error(
        "%s failed: %s. %s",
        _task_in_words(context),
        _as_clause(reason),
        what_to_do(reason),
        extra={"failure": reason},
    )
    _send(context, reason)


def say_what_is_tried_again(context: dict[str, Any]) -> None:
    """Log, when a task has failed and will be tried again, that nothing is lost."""
    logger.warning(
        "%s did not work out: %s. Airflow tries it again by itself in a few minutes",
        _task_in_words(context),
        _as_clause(_reason(context)),
    )


def _send(context: dict[str, Any], reason: BaseException | str | None) -> None:
    """Send what failed to the webhook, if there is one; this fails no task."""
    from warehouse import alerting
    from warehouse.home import Home
    from warehouse.telling import why_it_failed

    ti = context["ti"]
    is_ours = isinstance(reason, BaseException) and not type(
        reason
    ).__module__.startswith("airflow")
    try:
        alert = alerting.Alert(
            "failed",
            where=f"{ti.dag_id}.{ti.task_id}",
            reason=why_it_failed(reason) if is_ours else _as_clause(reason)[:300],
            what_to_do=what_to_do(reason),
            dag=ti.dag_id,
            task=ti.task_id,
            run=getattr(ti, "run_id", None),
        )
        alerting.send(Home.at(), alert)
    except Exception as error:
        logger.warning("no alert was sent: %s", type(error).__name__)


def what_to_do(reason: BaseException | str | None) -> str:
    """Tell the reader's next step for a failure."""
    from warehouse.errors import (
        ConfigurationError,
        GateFailedError,
        WarehouseBusyError,
    )

    if isinstance(reason, GateFailedError):
        return (
            "Mend what was found and load again; or, if it is as it should be, accept "
            "it with the command that stands there, in the home of this warehouse"
        )
    if isinstance(reason, ConfigurationError):
        return f"Correct what is named there, then {AGAIN}"
    if isinstance(reason, WarehouseBusyError):
        return f"`tessera status` names who is writing; when that has ended, {AGAIN}"
    if type(reason).__name__ == "AirflowTaskTimeout":
        return (
            "The last good snapshot still stands. It took longer than a task may "
            f"(execution_timeout in dags/warehouse_tasks.py); {AGAIN}"
        )
    if not isinstance(reason, BaseException):
        return (
            "The last good snapshot still stands. Look whether memory or disk ran out "
            f"(`tessera status`; memory_limit in settings.yml), then {AGAIN}"
        )
    return (
        "The last good snapshot still stands. `tessera status` says what was done and "
        f"what was refused; after a fix, {AGAIN}"
    )


def _task_in_words(context: dict[str, Any]) -> str:
    """Name a task and which try it was."""
    ti = context["ti"]
    return f"{ti.dag_id}.{ti.task_id} (try {ti.try_number})"


def _reason(context: dict[str, Any]) -> BaseException | str | None:
    """Find what a task failed of, below what Airflow wraps it in."""
    from warehouse.errors import TesseraError

    error = context.get("exception")
    cause = getattr(error, "__cause__", None)
    if isinstance(cause, TesseraError) and not isinstance(error, TesseraError):
        return cause
    return error


def _as_clause(reason: BaseException | str | None) -> str:
    """Say a reason so that a sentence can go on after it."""
    said = " ".join(str(reason or "").split()).rstrip(".")
    if not said:
        kind = type(reason).__name__ if reason else "its process was killed"
        return kind
    if isinstance(reason, BaseException) and not type(reason).__module__.startswith(
        ("warehouse", "airflow")
    ):
        return f"{type(reason).__name__}: {said}"
    return said
