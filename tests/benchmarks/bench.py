"""Time loading and stitching beside plain DuckDB, and `tessera run` stage by stage.

    python tests/benchmarks/bench.py [--users 1500] [--events 1000000]

A table goes to standard error, one JSON object to standard output. A time alone says
little about another machine: compare the stages, and runs of one machine.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import loading
import stitching
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
EVENTS_PER_USER = 167


def main() -> None:
    """Write a sample, run twice, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=1500, help="default: 1500")
    parser.add_argument("--events", type=int, default=1_000_000, help="1,000,000")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), options.users)
        figures = {
            "users": options.users,
            "input_bytes": sum(
                path.stat().st_size
                for path in Path(folder, "inbox").rglob("*")
                if path.is_file()
            ),
            "full": timed_run(folder),
            "nothing_new": timed_run(folder),
        }
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    figures["peak_memory_mb"] = peak
    show(figures)
    figures["loading"] = loading.compare(options.events, n_pairs=3)
    loading.show(figures["loading"])
    n_users = max(options.events // EVENTS_PER_USER, 1)
    figures["stitching"] = stitching.compare(options.events, n_users, n_pairs=3)
    stitching.show(figures["stitching"])
    sys.stdout.write(json.dumps(figures) + "\n")


def generate(home: Path, n_users: int) -> None:
    """Write the inbox."""
    generator = ROOT / "data" / "sample" / "generate.py"
    command = [sys.executable, generator, "--out", home, "--users", str(n_users)]
    subprocess.run(command, check=True, capture_output=True)


def timed_run(home: str) -> dict:
    """Run Tessera in a process of its own; tell seconds and rows of every stage."""
    began = time.perf_counter()
    outcome = subprocess.run(
        [sys.executable, "-m", "warehouse.cli", "run", "--home", home, "--json"],
        check=True,
        capture_output=True,
    )
    return {
        "wall_seconds": round(time.perf_counter() - began, 2),
        "stages": {
            stage["stage"]: {"seconds": stage["seconds"], "rows": stage["n_rows"]}
            for stage in json.loads(outcome.stdout)["stages"]
        },
    }


def show(figures: dict) -> None:
    """Print the figures as a table."""
    table = Table(title=f"tessera run, {figures['users']:,} users")
    for heading in ("run", "stage", "seconds", "rows"):
        table.add_column(heading, justify="left" if heading != "rows" else "right")
    for run in ("full", "nothing_new"):
        for stage, found in figures[run]["stages"].items():
            table.add_row(run, stage, f"{found['seconds']:.2f}", f"{found['rows']:,}")
        table.add_row(run, "whole process", f"{figures[run]['wall_seconds']:.2f}", "")
    table.caption = f"peak memory {figures['peak_memory_mb']:,} MB"
    Console(stderr=True).print(table)


if __name__ == "__main__":
    main()
