"""Show the slowest models of a run, and which operators of their plans take the time.

    python tests/benchmarks/slowest.py [--users 30000] [--models 8] [--home DIR]

Without --home, a made-up shop is written and run. Each of the models is then asked once
more, of the finished warehouse, with DuckDB's own profiler on; nothing is changed.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
from bench import HERE, console, measured
from rich.table import Table
from web_shop import write_shop

N_OPERATORS = 6


def main() -> None:
    """Run, and print the plans."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=30_000, help="default: 30,000")
    parser.add_argument("--models", type=int, default=8, help="default: 8")
    parser.add_argument("--home", type=Path, help="run this one; it must have news")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = options.home or Path(folder)
        if options.home is None:
            with console.status("writing a shop"):
                write_shop(home, options.users)
        with console.status("running"):
            nodes = measured([HERE / "measured.py", "--home", home])["nodes"]
        if not nodes:
            sys.exit(f"nothing is new in {home}: nothing was built")
        nodes = sorted(nodes, key=lambda node: -node["seconds"])
        show_nodes(nodes[: 3 * options.models])
        slowest = [node for node in nodes if node["kind"] == "model"]
        for node in slowest[: options.models]:
            show_plan(home, node)


def show_nodes(nodes: list[dict]) -> None:
    """Print models and tests, the slowest first."""
    table = Table(title="the slowest models and tests")
    for heading in ("seconds", "kind", "name"):
        table.add_column(heading)
    for node in nodes:
        table.add_row(f"{node['seconds']:.2f}", node["kind"], node["name"])
    console.print(table)


def show_plan(home: Path, node: dict) -> None:
    """Ask a model once more, and print what took its time."""
    compiled = home / "warehouse" / "dbt" / "target" / "compiled"
    (file,) = compiled.glob(f"**/models/**/{node['name']}.sql")
    table = Table(title=f"{node['name']}: {node['seconds']:.2f} s in the run")
    for heading in ("processor seconds", "rows", "operator", "of"):
        table.add_column(heading, overflow="fold")
    for took, rows, operator, told in sorted(profiled(home, file), reverse=True)[
        :N_OPERATORS
    ]:
        table.add_row(f"{took:.2f}", f"{rows:,}", operator, told)
    console.print(table)


def profiled(home: Path, file: Path) -> list[tuple[float, int, str, str]]:
    """Run a query; list its operators with their seconds and rows."""
    with (
        tempfile.NamedTemporaryFile(suffix=".json") as profile,
        duckdb.connect(
            str(home / "warehouse" / "work.duckdb"), read_only=True
        ) as connection,
    ):
        connection.execute("set enable_progress_bar = false")
        connection.execute("pragma enable_profiling = 'json'")
        connection.execute(f"pragma profiling_output = '{profile.name}'")
        query = file.read_text()
        connection.execute(f"create temp table answer as {query}").fetchall()
        connection.execute("pragma disable_profiling")
        return list(operators(json.loads(Path(profile.name).read_text())))


def operators(plan: dict) -> Iterator[tuple[float, int, str, str]]:
    """Walk a plan."""
    if "operator_type" in plan:
        extra = plan.get("extra_info", {})
        told = next((str(extra[key]) for key in ("Table", "Groups", "Projections",
            "Conditions", "Expression") if key in extra), "")  # fmt: skip
        yield (
            plan["operator_timing"],
            plan["operator_cardinality"],
            plan["operator_type"],
            told[:120],
        )
    for child in plan.get("children", []):
        yield from operators(child)


if __name__ == "__main__":
    main()
