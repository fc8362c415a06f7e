"""Time `tessera run` beside three hand-written peers, in one run of one machine.

    python tests/benchmarks/bench.py [--users 30000] [--rounds 3] [--events 1000000]

An inbox of a made-up shop is written; then, in turns, Tessera runs on it in full, and
the same core (load, deduplicate, stitch, sessions, RFM, features, rules, one k-means)
is done by hand in SQL, in Polars and in pandas. Then one more day comes, and nothing.
Medians of all rounds go to standard error as tables, and to standard output as JSON.
A time alone says little about another machine; the ratios say more.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import loading
import psutil
import stitching
from rich.console import Console
from rich.table import Table
from web_shop import write_shop

HERE = Path(__file__).parent
PEERS = {"SQL": "in_sql", "Polars": "in_polars", "pandas": "in_pandas"}
EVENTS_PER_USER = 167
# What the core may take, in times of a peer's seconds, or of its memory.
GOALS = {
    "core / SQL": 1.3,
    "core / pandas": 0.4,
    "core / Polars": 1.7,
    "memory / Polars": 1 / 3,
    "one more day, core / full core": 0.1,
    "one more day, the rest / its core": 1.0,
}
# What each part of the rest may take of one more day, in times of its core. Training is
# not of every day, and docs of the first run alone.
BUDGETS = {
    "other models": 0.25,
    "tests and seeds": 0.25,
    "dbt itself": 0.23,
    "imports": 0.09,
    "describing": 0.08,
    "gates before publishing": 0.04,
    "segment": 0.02,
    "memory": 0.01,
    "build": 0.01,
    "gates": 0.01,
    "publish": 0.01,
}
WRITING = ("snapshot", "parquet")  # the results of the core, and all others
console = Console(stderr=True)


def main() -> None:
    """Write the shop, run all, print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=30_000, help="default: 30,000")
    parser.add_argument("--days", type=int, default=365, help="of history: 365")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument(
        "--events", type=int, default=0, help="also time loading and stitching of these"
    )
    parser.add_argument(
        "--peers", nargs="*", choices=PEERS, default=PEERS, help="or none; default: all"
    )
    parser.add_argument(
        "--memory-limit", help="of DuckDB, such as 2GB; by default that of a home"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = compare(
            Path(folder),
            options.users,
            options.days,
            options.rounds,
            options.peers,
            options.memory_limit,
        )
    show(figures)
    if options.events:
        figures["loading"] = loading.compare(options.events, n_pairs=3)
        loading.show(figures["loading"])
        n_users = max(options.events // EVENTS_PER_USER, 1)
        figures["stitching"] = stitching.compare(options.events, n_users, n_pairs=3)
        stitching.show(figures["stitching"])
    sys.stdout.write(json.dumps(figures) + "\n")


def compare(
    folder: Path,
    n_users: int,
    n_days: int,
    n_rounds: int,
    peers: Iterable[str],
    memory_limit: str | None,
) -> dict:
    """Run everything on one shop, in turns; tell the medians."""
    with console.status("writing a shop"):
        counts = write_shop(folder, n_users, n_days)
    rounds: dict[str, list[dict]] = {}

    def keep(name: str, outcome: dict) -> None:
        rounds.setdefault(name, []).append(outcome)
        console.print(
            f"{name}: {outcome['seconds']:.1f} s, {outcome['peak_mb']:,} MB",
            highlight=False,
        )

    for number in range(n_rounds):
        home = folder / f"home_{number}"
        home.mkdir()
        (home / "inbox").symlink_to(folder / "inbox")
        if memory_limit:
            (home / "settings.yml").write_text(f"memory_limit: {memory_limit}\n")
        keep("full", of_tessera(home, clustering=number == 0))
        sizes = sizes_of(home)
        for name in peers:
            script, out = HERE / "peers" / f"{PEERS[name]}.py", folder / "peer"
            keep(name, measured([script, folder / "inbox", out]))
            shutil.rmtree(out)
        shutil.copytree(folder / "last_day", folder / "inbox", dirs_exist_ok=True)
        keep("one more day", of_tessera(home))
        keep("nothing new", of_tessera(home))
        for dump in (folder / "last_day").glob("*/*"):
            (folder / "inbox" / dump.parent.name / dump.name).unlink()
        shutil.rmtree(home)
    figures = {
        "users": n_users,
        "days": n_days,
        "memory_limit": memory_limit,
        "input": counts
        | {
            "bytes": sum(dump.stat().st_size for dump in folder.glob("inbox/*/*.jsonl"))
        },
        "sizes": sizes,
        "runs": {name: middle(found) for name, found in rounds.items()},
    }
    figures["ratios"] = ratios_of(figures["runs"])
    core = sum(figures["runs"]["one more day"]["core"].values())
    figures["budgets"] = {part: share * core for part, share in BUDGETS.items()}
    return figures


def of_tessera(home: Path, *, clustering: bool = False) -> dict:
    """Run Tessera on a home; tell its core and the rest, part by part."""
    more = ["--clustering"] if clustering else []
    outcome = measured([HERE / "measured.py", "--home", home, *more])
    nodes, parts = outcome.pop("nodes"), outcome.pop("parts")
    in_nodes = sum(node["seconds"] for node in nodes)
    core = {"load": parts.pop("load", 0.0)}
    core["models"] = sum(node["seconds"] for node in nodes if node["is_core"])
    core |= {part: parts.pop(part, 0.0) for part in WRITING}
    rest = {
        "other models": sum(
            node["seconds"]
            for node in nodes
            if not node["is_core"] and node["kind"] == "model"
        ),
        "tests and seeds": sum(
            node["seconds"] for node in nodes if node["kind"] != "model"
        ),
        "dbt itself": parts.pop("dbt", 0.0) - in_nodes + parts.pop("dbt parse", 0.0),
    }
    if outcome["clustering"] is not None:
        outcome["seconds"] -= outcome["clustering"]
    models = {
        node["name"]: node["seconds"] for node in nodes if node["kind"] == "model"
    }
    return outcome | {"core": core, "rest": rest | parts, "models": models}


def measured(command: list) -> dict:
    """Run a script of Python; tell what it prints, and what it took.

    Seconds on the clock and of the processors, the most memory that its processes ever
    had together, and how many bytes they wrote.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        peak = [0]
        watching = threading.Thread(target=watch_memory, args=(process.pid, peak))
        watching.start()
        told, complaints = process.communicate()
        watching.join()
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        sys.exit(f"{command[0]} failed:\n{complaints[-4000:]}")
    return json.loads(told.splitlines()[-1]) | {
        "seconds": seconds,
        "cpu_seconds": after.ru_utime
        + after.ru_stime
        - before.ru_utime
        - before.ru_stime,
        "peak_mb": peak[0] // 2**20,
        "written_mb": (after.ru_oublock - before.ru_oublock) * 512 // 2**20,
    }


def watch_memory(pid: int, peak: list[int]) -> None:
    """Look at the memory of a process and its children, ten times a second."""
    while psutil.pid_exists(pid):
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return
            family = [process, *process.children(recursive=True)]
            peak[0] = max(peak[0], sum(one.memory_info().rss for one in family))
        except psutil.Error:
            pass
        time.sleep(0.1)


def sizes_of(home: Path) -> dict[str, int]:
    """Tell the bytes of what a run leaves behind."""
    places = {
        "warehouse": home / "warehouse",
        "snapshot": (home / "published" / "current.duckdb").resolve(),
        "Parquet": home / "published" / "parquet",
    }
    return {
        name: sum(
            path.stat().st_size
            for path in ([place] if place.is_file() else place.rglob("*"))
            if path.is_file() and not path.is_symlink()
        )
        for name, place in places.items()
    }


def middle(found: list[dict]) -> dict:
    """Take the median of each figure of several rounds."""
    first = found[0]
    told = {
        name: median(one[name] for one in found)
        for name in ("seconds", "cpu_seconds", "peak_mb", "written_mb")
    }
    for name in ("core", "rest", "steps", "models"):
        if name in first:
            told[name] = {
                part: median(one[name].get(part, 0.0) for one in found)
                for part in first[name]
            }
    if first.get("clustering") is not None:
        told["core"]["one k-means"] = first["clustering"]
    return told | {"rows": first["rows"]}


def ratios_of(runs: dict[str, dict]) -> dict[str, float]:
    """Compare the core with each peer, and one more day with all of them."""
    full, day = runs["full"], runs["one more day"]
    core = sum(full["core"].values())
    ratios = {}
    for name in PEERS:
        if name in runs:
            by_hand = sum(runs[name]["steps"].values())
            ratios[f"core / {name}"] = core / by_hand
            ratios[f"memory / {name}"] = full["peak_mb"] / runs[name]["peak_mb"]
    of_day = sum(day["core"].values())
    return ratios | {
        "one more day, core / full core": of_day / core,
        "one more day, the rest / its core": sum(day["rest"].values()) / of_day,
    }


def show(figures: dict) -> None:
    """Print the figures as tables."""
    counts, runs = figures["input"], figures["runs"]
    table = Table(
        title=f"{counts['n_events']:,} events of {figures['users']:,} users, "
        f"{figures['days']:,} days",
        caption=", ".join(
            f"{name} {size / 1e6:,.0f} MB"
            for name, size in (figures["sizes"] | {"input": counts["bytes"]}).items()
        ),
    )
    table.add_column("run")
    for heading in ("seconds", "of processors", "peak MB", "written MB", "the core"):
        table.add_column(heading, justify="right")
    for name, run in runs.items():
        table.add_row(
            name,
            *(f"{run[one]:,.1f}" for one in ("seconds", "cpu_seconds")),
            *(f"{run[one]:,.0f}" for one in ("peak_mb", "written_mb")),
            f"{sum((run.get('core') or run['steps']).values()):,.1f}",
        )
    console.print(table)

    table = Table(title="where the seconds go")
    table.add_column("part")
    ours = [name for name in runs if "core" in runs[name]]
    for heading in (*ours, "budget of one more day"):
        table.add_column(heading, justify="right")
    for kind, budgets in (("core", {}), ("rest", figures["budgets"])):
        for part in runs["full"][kind]:
            found = [runs[name][kind].get(part, 0.0) for name in ours]
            if part in budgets:
                found.append(budgets[part])
            if max(found) >= 0.05:
                table.add_row(f"{kind}: {part}", *(f"{one:.2f}" for one in found))
    console.print(table)

    table = Table(title="rows that came of it")
    table.add_column("run")
    for heading in runs["full"]["rows"]:
        table.add_column(heading, justify="right")
    for name, run in runs.items():
        table.add_row(name, *(f"{n_rows:,}" for n_rows in run["rows"].values()))
    console.print(table)

    table = Table(title="ratios")
    for heading in ("ratio", "measured", "goal"):
        table.add_column(heading, justify="right")
    for name, ratio in figures["ratios"].items():
        goal = GOALS.get(name)
        table.add_row(name, f"{ratio:.2f}", f"{goal:.2f}" if goal else "")
    console.print(table)


if __name__ == "__main__":
    main()
