"""How the tests start Airflow: in processes of its own, by the project's scripts."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

DAGS = Path(__file__).parents[2] / "dags"


def run_python(
    *arguments: str,
    environment: dict[str, str],
    timeout: float = 300,
    while_it_runs: Callable[[], None] | None = None,
):
    """Run a script to its end and keep what it says; look about in the meantime."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    give_up_at = time.monotonic() + timeout
    while True:
        try:
            pause = 0.2 if while_it_runs else timeout
            said = process.communicate(timeout=pause)
        except subprocess.TimeoutExpired:
            if time.monotonic() > give_up_at:
                process.kill()
                process.communicate()
                raise
            if while_it_runs:
                while_it_runs()
        else:
            return subprocess.CompletedProcess(process.args, process.returncode, *said)
