"""A failing task says which it is, why, and what to do, in plain words."""

import logging
from types import SimpleNamespace

import pytest
from alerts import say_what_failed, say_what_is_tried_again

from warehouse import alerting
from warehouse.errors import (
    ConfigurationError,
    GateFailedError,
    TesseraError,
    WarehouseBusyError,
)


def say(failure: BaseException | str | None, caplog: pytest.LogCaptureFixture) -> str:
    """Fail a task for a reason and return what is logged."""
    task = SimpleNamespace(dag_id="refresh_segments", task_id="build", try_number=4)
    say_what_failed({"ti": task, "exception": failure})
    record = caplog.records[-1]
    assert record.levelno == logging.ERROR
    return record.getMessage()


def test_a_failed_stage_is_named_with_its_reason_and_the_next_step(caplog):
    said = say(TesseraError("dbt: test unique_users_user_id: got 2 results"), caplog)

    assert said.startswith(
        "refresh_segments.build (try 4) failed: "
        "dbt: test unique_users_user_id: got 2 results. "
    )
    assert "The last good snapshot still stands" in said
    assert "`tessera status`" in said
    assert "clear the task" in said


def test_a_busy_warehouse_points_at_who_is_writing(caplog):
    said = say(WarehouseBusyError("process 4711 is writing"), caplog)

    assert "process 4711 is writing" in said
    assert "`tessera status` names who is writing" in said


def test_a_wrong_configuration_is_to_be_corrected(caplog):
    wrapped = RuntimeError("source.yml: kind: unknown")
    wrapped.__cause__ = ConfigurationError("source.yml: kind: unknown")

    assert "failed: source.yml: kind: unknown. Correct what is named" in say(
        wrapped, caplog
    )
    assert isinstance(caplog.records[-1].failure, ConfigurationError)


def test_a_failed_gate_is_to_be_mended_or_accepted(caplog):
    wrapped = RuntimeError("not published: volume_drop:web/events: 3")
    wrapped.__cause__ = GateFailedError("not published: volume_drop:web/events: 3")

    said = say(wrapped, caplog)

    assert "not published: volume_drop:web/events: 3. Mend what was found" in said
    assert "accept it" in said
    assert "clear the task" not in said


def test_a_stages_own_words_are_not_lost_to_what_caused_them(caplog):
    failure = TesseraError("dbt: model users: it broke")
    failure.__cause__ = ConfigurationError("something below")

    assert "dbt: model users: it broke" in say(failure, caplog)


def test_an_unforeseen_error_is_named_by_its_kind(caplog):
    assert "failed: KeyError: 'user_id'. " in say(KeyError("user_id"), caplog)


def test_a_reason_of_many_lines_becomes_one(caplog):
    said = say(TesseraError("LINE 4: order by all\n         ^\n"), caplog)

    assert "failed: LINE 4: order by all ^. The last" in said


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_killed_process_has_no_reason_but_is_spoken_of(caplog, nothing):
    assert "its process was killed" in say(nothing, caplog)


def test_a_retry_is_a_warning_and_asks_for_nothing(caplog):
    task = SimpleNamespace(dag_id="load_events", task_id="load", try_number=1)
    say_what_is_tried_again({"ti": task, "exception": WarehouseBusyError("busy")})

    assert caplog.records[-1].levelno == logging.WARNING
    assert "load_events.load (try 1)" in caplog.text
    assert "tries it again by itself" in caplog.text


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[alerting.Alert]:
    """What would be posted."""
    alerts: list[alerting.Alert] = []
    monkeypatch.setattr(alerting, "send", lambda home, alert: alerts.append(alert))
    return alerts


class AirflowTaskTimeout(BaseException):
    """As Airflow's, which is no Exception either."""


@pytest.mark.parametrize(
    ("failure", "reason", "next_step"),
    [
        (
            TesseraError("users: 'Ann' is no number"),
            "users: '...' is",
            "snapshot still",
        ),
        (ConfigurationError("kind: unknown"), "kind: unknown", "Correct what is"),
        (WarehouseBusyError("process 7"), "process 7", "names who is writing"),
        (KeyError("Ann"), "KeyError, which was not foreseen", "`tessera status`"),
        (AirflowTaskTimeout("PID: 7"), "AirflowTaskTimeout", "execution_timeout"),
        (None, "its process was killed", "memory or disk ran out"),
        ("heartbeat timeout", "heartbeat timeout", "memory or disk ran out"),
    ],
)
def test_a_final_failure_is_sent_once_and_a_retry_is_not(
    sent: list, failure, reason: str, next_step: str
):
    task = SimpleNamespace(dag_id="refresh", task_id="build", try_number=4, run_id="r1")
    say_what_is_tried_again({"ti": task, "exception": failure})
    assert sent == []
    say_what_failed({"ti": task, "exception": failure})

    (alert,) = sent
    assert (alert.dag, alert.task, alert.run) == ("refresh", "build", "r1")
    assert alert.where == "refresh.build"
    assert alert.reason.startswith(reason)
    assert next_step in alert.what_to_do
    assert "Ann" not in alert.reason


def test_an_alert_that_breaks_fails_no_task(caplog, monkeypatch):
    def break_down(home, alert):
        raise RuntimeError("https://chat.example/secret")

    monkeypatch.setattr(alerting, "send", break_down)

    task = SimpleNamespace(dag_id="refresh", task_id="build", try_number=4)
    say_what_failed({"ti": task, "exception": TesseraError("no")})

    assert "clear the task" in caplog.text
    assert "no alert was sent" in caplog.text
    assert "secret" not in caplog.text
