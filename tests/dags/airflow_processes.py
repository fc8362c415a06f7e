"""How the tests start Airflow: in processes of its own, by the project's scripts."""

import subprocess
import sys
from pathlib import Path

DAGS = Path(__file__).parents[2] / "dags"


def run_python(*arguments: str, environment: dict[str, str], timeout: float = 300):
    """Run a script to its end and keep what it says."""
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
