"""Airflow's real scheduler takes a dump to a snapshot, and leaves nothing behind."""

import fcntl
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import psutil
import pytest
from airflow_processes import DAGS, run_python
from running import fingerprints, refuse_loss, without_docs

from warehouse import stages
from warehouse.home import Home, lock_holder

DAG_IDS = ["load_events", "refresh_segments", "train_segments"]


def free_port() -> int:
    """Find a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def airflow_up(
    home: Path, environment: dict[str, str], **settings: str
) -> Iterator[subprocess.Popen]:
    """Run `make up`'s script; at the end press Ctrl-C."""
    command = [sys.executable, str(DAGS / "up.py"), "--home", str(home)]
    process = subprocess.Popen(
        [*command, "--port", str(free_port())],
        env={**environment, "TESSERA_LOAD_SCHEDULE": "@once", **settings},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        finally:
            process.kill()


def ask_airflow(home: Path, query: str) -> list[tuple]:
    """Read Airflow's database, if it is there already."""
    database = home / "airflow" / "airflow.db"
    if not database.exists():
        return []
    try:
        with closing(
            sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        ) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:  # not made yet, or just being written
        return []


def wait_for_every_dag(home: Path, process: subprocess.Popen, seconds: float) -> None:
    """Wait until each DAG has run once, well."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        assert process.poll() is None, process.stderr and process.stderr.read()
        states = ask_airflow(home, "select dag_id, state from dag_run")
        assert "failed" not in {state for _, state in states}, told_by_tasks(home)
        if {dag for dag, state in states if state == "success"} == set(DAG_IDS):
            return
        time.sleep(0.5)
    pytest.fail(f"not done in {seconds} s: {states} {told_by_tasks(home)}")


def told_by_tasks(home: Path) -> str:
    """Gather the ends of the tasks' logs, for whoever must find out."""
    logs = sorted((home / "airflow" / "logs").rglob("attempt=*.log"))
    return "\n".join(f"{log}:\n{log.read_text()[-2000:]}" for log in logs)


@pytest.mark.timeout(340)
def test_a_dump_becomes_a_snapshot_as_of_when_the_load_began(
    few: Path, environment: dict[str, str]
):
    """What comes of segments and docs is the matter of a run by hand."""
    without_docs(Home.at(few))
    with airflow_up(few, environment) as process:
        wait_for_every_dag(few, process, 270)
        started = psutil.Process(process.pid).children(recursive=True)
        listening = {
            connection.laddr.ip
            for member in started
            for connection in member.net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
        began = ask_airflow(
            few,
            "select run_type, task_instance.start_date from task_instance "
            "join dag_run using (dag_id, run_id) where task_id = 'load'",
        )
        triggered = ask_airflow(
            few, "select run_type from dag_run where dag_id = 'refresh_segments'"
        )
        slots = ask_airflow(
            few, "select slots from slot_pool where pool = 'warehouse_writer'"
        )

    assert process.returncode == 0
    assert len(started) >= 3
    assert [member for member in started if member.is_running()] == []
    assert listening == {"127.0.0.1"}
    ((run_type, started_at),) = began
    assert run_type == "scheduled"
    assert triggered == [("asset_triggered",)]
    assert slots == [(1,)]
    snapshot = (few / "published" / "current.duckdb").resolve()
    with duckdb.connect(str(snapshot), read_only=True) as published:
        assert published.execute("select count(*) from marts.users").fetchall() == [
            (10,)
        ]
        as_ofs = published.execute("select distinct as_of from ops.runs").fetchall()
    # The task tells its start before Airflow writes it down, or just after: the second
    # that it was cut down to may be the one before, or the next that had just begun.
    ((as_of,),) = as_ofs
    assert abs(as_of - datetime.fromisoformat(started_at)) < timedelta(seconds=1)


def test_a_taken_port_is_said_before_anything_starts(
    home: Path, environment: dict[str, str]
):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        done = run_python(
            *(str(DAGS / "up.py"), "--home", str(home), "--port", port),
            environment=environment,
        )

    assert done.returncode == 2
    assert f"port {port}" in done.stderr
    assert not (home / "airflow").exists()


def test_a_home_has_one_airflow_at_a_time(home: Path, environment: dict[str, str]):
    lock = home / "airflow" / "up.lock"
    lock.parent.mkdir()
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run_python(
            *(str(DAGS / "up.py"), "--home", str(home), "--port", str(free_port())),
            environment=environment,
        )

    assert done.returncode == 3
    assert "up already" in done.stderr


# How soon a scheduler takes tasks for dead whose process is; five minutes by default.
IMPATIENT = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
}


def wait_for_models(home: Path, process: subprocess.Popen, *, attempt: int) -> None:
    """Wait until `build` is in the midst of its models, at its n-th attempt."""
    logs = home / "airflow" / "logs" / "dag_id=refresh_segments"
    give_up_at = time.monotonic() + 300
    while not any(
        "OK created" in log.read_text()
        for log in logs.glob(f"run_id=*/task_id=build/attempt={attempt}.log")
    ):
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < give_up_at, told_by_tasks(home)
        time.sleep(0.1)
    assert lock_holder(Home.at(home)) is not None


def kill_all(process: subprocess.Popen) -> None:
    """Kill a process with all that it has started, as when the power goes."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for member in family:
        member.kill()
    psutil.wait_procs(family, timeout=30)


def lock_database(home: Path, *, seconds: float) -> None:
    """Keep Airflow from its database for so long."""
    path = home / "airflow" / "airflow.db"
    with closing(sqlite3.connect(path, timeout=60)) as database:
        database.execute("begin exclusive")
        time.sleep(seconds)
        database.rollback()


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_killed_scheduler_and_a_locked_database_lose_and_double_nothing(
    few: Path, environment: dict[str, str], tmp_path: Path
):
    """Both in the midst of a build."""
    home = Home.at(few)
    without_docs(home)
    undisturbed = Home.at(tmp_path / "undisturbed")
    shutil.copytree(few, undisturbed.root)
    with airflow_up(few, environment, **IMPATIENT) as process:
        wait_for_models(few, process, attempt=1)
        kill_all(process)
    assert lock_holder(home) is None
    assert not home.current.exists()

    with airflow_up(few, environment, **IMPATIENT) as process:
        wait_for_models(few, process, attempt=2)
        lock_database(few, seconds=20)
        wait_for_every_dag(few, process, 600)
        run_ids = ask_airflow(few, "select dag_id, run_id from dag_run order by id")
        tries = ask_airflow(
            few, "select task_id, try_number from task_instance where task_id = 'build'"
        )

    assert len(run_ids) == len(set(run_ids))
    assert tries[0][1] > 1
    refuse_loss(home)
    with duckdb.connect(str(home.current.resolve()), read_only=True) as published:
        (as_of,) = published.execute("select max(as_of) from ops.runs").fetchall()[0]
        assert published.execute(
            "select count(*) from ops.loaded_files"
        ).fetchall() == [(1,)]
    shutil.copytree(home.secrets, undisturbed.secrets)
    stages.run(undisturbed, as_of=as_of)
    assert marts(home) == marts(undisturbed)

    again = run_python(
        *("-m", "airflow", "dags", "trigger", "load_events"),
        *("--run-id", next(run for dag, run in run_ids if dag == "load_events")),
        environment={
            **environment,
            "AIRFLOW_HOME": str(few / "airflow"),
            "TESSERA_HOME": str(few),
        },
    )
    assert again.returncode != 0
    assert "already exists" in again.stderr + again.stdout
    after = ask_airflow(few, "select dag_id, run_id from dag_run order by id")
    assert after == run_ids


def marts(home: Home) -> dict[str, tuple]:
    """Leave out what a run by hand and three DAGs number otherwise."""
    found = fingerprints(home)
    return {table: told for table, told in found.items() if table.startswith("marts.")}
