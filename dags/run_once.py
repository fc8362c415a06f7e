"""`make run`: the DAGs once, in this process, from the inbox to published segments.

It is Airflow that runs the tasks, without its scheduler. Airflow's own log goes to a
file; what the stages say goes to standard error, where the results are to standard
output. Exit status: 0 done, 1 a stage failed, 2 wrong configuration, 3 busy.
"""

import argparse
import importlib
import logging
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

import airflow_home

from warehouse.errors import TesseraError
from warehouse.home import Home, writer_lock

SAMPLE = airflow_home.DAGS.parent / "data" / "sample"


class Narrator(logging.Handler):
    """Tell a person what the stages log: a line each, and why one failed."""

    def __init__(self, screen: TextIO):
        super().__init__()
        self.screen = screen
        self.failure: BaseException | str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, or, on a terminal, a passing word."""
        if result := getattr(record, "result", None):
            self.say(f"{result.stage:<8}{result.seconds:>7.1f} s  {result.message}")
            for warning in result.details.get("warnings", []):
                self.say(f"{'':<19}warning: {warning}")
        elif record.levelno >= logging.ERROR:
            self.failure = getattr(record, "failure", None)
            self.say(record.getMessage())
        else:
            self.say_in_passing(record.getMessage())

    def say_in_passing(self, line: str) -> None:
        """Write a line that the next one replaces, if there is a terminal for it."""
        if self.screen.isatty():
            width = os.get_terminal_size(self.screen.fileno()).columns or 80
            self.screen.write(f"\r\033[K{line[: width - 1]}")
            self.screen.flush()

    def say(self, line: str) -> None:
        """Write a line that stays."""
        start = "\r\033[K" if self.screen.isatty() else ""
        self.screen.write(f"{start}{line}\n")
        self.screen.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run the DAGs once and say where the results are."""
    parser = argparse.ArgumentParser(description="Run Tessera's Airflow DAGs once.")
    parser.add_argument("--home", help="default: $TESSERA_HOME, else ./data")
    home = Home.at(parser.parse_args(arguments).home)
    results = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    narrator = Narrator(os.fdopen(os.dup(sys.stderr.fileno()), "w"))
    log = home.root / "airflow" / "logs" / "run.log"
    try:
        home.settings  # noqa: B018 - a wrong settings.yml is an error before anything
        with writer_lock(home):  # who is busy is said before Airflow takes its seconds
            fill_empty_inbox(home, narrator)
        airflow_home.prepare(home.root)
        _send_output_to(log)
        run_dags(narrator)
    except TesseraError as error:
        narrator.say(str(error))
        return error.exit_code
    except DagFailedError as failed:
        if narrator.failure is None:
            narrator.say(str(failed))
        narrator.say(f"Airflow's log: {log}")
        return getattr(narrator.failure, "exit_code", 1)
    except KeyboardInterrupt:
        narrator.say("stopped; run it again to go on from here")
        return 130
    except Exception as error:
        traceback.print_exc()  # into Airflow's log
        narrator.say(f"failed: {type(error).__name__}: {error}\nAirflow's log: {log}")
        return 1
    published = home.published
    results.write(
        f"snapshot  {home.current}\n"
        f"report    {published / 'report' / 'index.html'}\n"
        f"docs      {published / 'docs' / 'index.html'}\n"
    )
    results.flush()
    return 0


class DagFailedError(Exception):
    """A DAG's run did not end well."""


def fill_empty_inbox(home: Home, narrator: Narrator) -> None:
    """Put the sample, as a whole, into an empty inbox; its truth goes beside it."""
    if home.inbox.exists() and any(home.inbox.iterdir()):
        return
    narrator.say(
        f"the inbox is empty: writing the sample to {home.inbox}, a made-up shop whose "
        "dumps are as dirty as real ones, on purpose (what is true of it is in truth/)"
    )
    sys.path.insert(0, str(SAMPLE))
    sample = importlib.import_module("generate")
    beside = home.root / ".sample"
    for old in (beside, home.root / "truth"):
        shutil.rmtree(old, ignore_errors=True)
    sample.write_sample(beside)
    (beside / "truth").rename(home.root / "truth")
    (beside / "inbox").rename(home.inbox)
    beside.rmdir()


def run_dags(narrator: Narrator) -> None:
    """Run `load_events` and, if it loaded anything, `refresh_segments`.

    Raises
    ------
    DagFailedError
        If one does not end well.
    """
    narrator.say_in_passing("starting Airflow")
    airflow_home.create_database_and_pool()
    sys.path.insert(0, str(airflow_home.DAGS))
    from load_events import load_events
    from refresh_segments import refresh_segments

    logging.getLogger("tessera").addHandler(narrator)
    states = _run_dag(load_events())
    if states["load"] == "skipped":
        narrator.say("nothing new: the snapshot is up to date")
        return
    _run_dag(refresh_segments())
    _forget_what_was_handed_on(refresh_segments.__name__)


def _run_dag(dag: Any) -> dict[str, str]:
    """Run one DAG, each task once; tell its tasks' states."""
    for task in dag.tasks:
        task.retries = 0  # somebody is waiting: say at once what is wrong
    run = dag.test()
    states = {task.task_id: str(task.state) for task in run.get_task_instances()}
    if str(run.state) != "success":
        raise DagFailedError(f"{dag.dag_id} failed: {states}")
    return states


def _forget_what_was_handed_on(dag_id: str) -> None:
    """Take back the asset event that would have a scheduler run `dag_id` again."""
    from airflow.models.asset import AssetDagRunQueue
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(
            delete(AssetDagRunQueue).where(AssetDagRunQueue.target_dag_id == dag_id)
        )


def _send_output_to(log: Path) -> None:
    """Send whatever anybody prints from now on to a file, that of the last run."""
    with log.open("w") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
