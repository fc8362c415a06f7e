"""`make up`: Airflow with its scheduler and pages, on 127.0.0.1, until Ctrl-C.

Three processes, each with its own log: the reader of the DAG files, the API and its
pages, and the scheduler, which runs the tasks. It starts last: a task that cannot reach
the API yet would fail. If one of them ends, all are stopped.
"""

import argparse
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

import airflow_home
import psutil

from warehouse.errors import ConfigurationError, TesseraError, WarehouseBusyError
from warehouse.home import Home

COMMANDS = {
    "dag-processor": ["dag-processor"],
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],  # whose port is open to everybody
}
SECONDS_TO_START = 180
SECONDS_TO_STOP = 10


def main(arguments: list[str] | None = None) -> int:
    """Start Airflow, say where it is, and stop it when asked to."""
    parser = argparse.ArgumentParser(description="Start Airflow on 127.0.0.1.")
    parser.add_argument("--home", help="default: $TESSERA_HOME, else ./data")
    parser.add_argument("--port", type=int, default=8080, help="default: 8080")
    options = parser.parse_args(arguments)
    home = Home.at(options.home)
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if name != signal.SIGHUP or signal.getsignal(name) != signal.SIG_IGN:  # nohup
            signal.signal(name, signal.default_int_handler)
    try:
        home.settings  # noqa: B018 - a wrong settings.yml is an error before anything
        home.inbox.mkdir(parents=True, exist_ok=True)
        serve(home, options.port)
    except TesseraError as error:
        _say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _say("Airflow has stopped; `make up` goes on from here")
    return 0


def serve(home: Home, port: int) -> None:
    """Run Airflow's processes until one of them ends, or we are interrupted.

    Raises
    ------
    TesseraError
        If a process ends by itself, or Airflow is not up in time.
    """
    _refuse_taken_port(port)
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        stack.enter_context(_alone(home.root / "airflow" / "up.lock"))
        airflow = airflow_home.prepare(home.root, port=port)
        _say("starting Airflow ...")
        _keep_local_calls_off_proxies()
        _create_database(airflow / "logs" / "database.log")
        processes: dict[str, subprocess.Popen] = {}
        for name, command in COMMANDS.items():
            if name == "scheduler":
                _wait_for(lambda: _api_answers(url), processes, airflow)
            log = airflow / "logs" / f"{name}.log"
            processes[name] = stack.enter_context(_running(command, log))
        _wait_for(lambda: _is_healthy(url), processes, airflow)
        _say(
            f"Airflow is up: {url}\n"
            f"  log in   admin, with the password in {airflow / 'passwords.json'}\n"
            f"  dumps    {home.inbox}/<source>/, loaded every quarter of an hour\n"
            f"  logs     {airflow / 'logs'}\n"
            "Ctrl-C stops it."
        )
        while True:
            _refuse_ended(processes, airflow)
            time.sleep(1)


@contextmanager
def _running(command: list[str], log: Path) -> Generator[subprocess.Popen]:
    """Run one of Airflow's commands; at the end stop it and all that it started."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us, who pass it on in order
        )
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen) -> None:
    """Ask a process to end, then end it and every process that it started."""
    family: list[psutil.Process] = []
    try:
        parent = psutil.Process(process.pid)
        family = [parent, *parent.children(recursive=True)]
        process.terminate()
        process.wait(SECONDS_TO_STOP)
    except (psutil.NoSuchProcess, subprocess.TimeoutExpired):
        pass
    for member in family:
        try:
            member.kill()  # psutil knows a pid that was given to another since
        except psutil.NoSuchProcess:
            continue
    process.wait()


def _wait_for(
    condition: Callable[[], bool],
    processes: dict[str, subprocess.Popen],
    airflow: Path,
) -> None:
    """Wait until Airflow has come so far."""
    give_up_at = time.monotonic() + SECONDS_TO_START
    while not condition():
        _refuse_ended(processes, airflow)
        if time.monotonic() > give_up_at:
            raise TesseraError(
                f"Airflow was not up after {SECONDS_TO_START} s: see {airflow / 'logs'}"
            )
        time.sleep(0.5)


def _api_answers(url: str) -> bool:
    """Ask the API that tasks call; its first answer takes it seconds."""
    return _get(f"{url}/execution/health") is not None


def _is_healthy(url: str) -> bool:
    """Ask the API how its database, the scheduler and the DAG reader are."""
    health = _get(f"{url}/api/v2/monitor/health") or {}
    return all(
        health.get(part, {}).get("status") == "healthy"
        for part in ("metadatabase", "scheduler", "dag_processor")
    )


def _get(url: str) -> dict[str, Any] | None:
    """Read a JSON object from the API; None while it does not answer."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=60) as answer:
            return json.load(answer)
    except (OSError, ValueError):  # a refused connection is an OSError
        return None


def _refuse_ended(processes: dict[str, subprocess.Popen], airflow: Path) -> None:
    """Fail if a process has ended by itself, with its last words."""
    for name, process in processes.items():
        if process.poll() is not None:
            log = airflow / "logs" / f"{name}.log"
            last_lines = log.read_text(errors="replace").splitlines()[-5:]
            raise TesseraError(
                f"Airflow's {name} has ended by itself; its log, {log}, ends with:\n"
                + "\n".join(last_lines)
            )


def _create_database(log: Path) -> None:
    """Make or migrate Airflow's database, and the pool, in a process of its own."""
    with log.open("w") as output:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "import airflow_home; airflow_home.create_database_and_pool()",
            ],
            cwd=airflow_home.DAGS,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise TesseraError(f"Airflow's database could not be made: see {log}")


@contextmanager
def _alone(path: Path) -> Generator[TextIO]:
    """Let one Airflow run on a home at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WarehouseBusyError(
                f"Airflow is up already on {path.parents[1]}"
            ) from None
        yield file


def _refuse_taken_port(port: int) -> None:
    """Fail early, in words, if somebody else listens on the port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"port {port} of 127.0.0.1 cannot be had ({error}): choose another one"
            ) from None


def _keep_local_calls_off_proxies() -> None:
    """Let Airflow's processes call each other directly, whatever proxy is set."""
    for name in ("NO_PROXY", "no_proxy"):
        others = os.environ.get(name)
        os.environ[name] = f"{others},127.0.0.1" if others else "127.0.0.1"


def _say(message: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
