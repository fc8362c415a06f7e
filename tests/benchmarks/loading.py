"""Time the loader beside DuckDB's own readers, which believe everything.

    python tests/benchmarks/loading.py [--events 1000000] [--pairs 3]

The same file, into a table on disk: by `read_json` or `read_parquet` with given
columns, and by `load_inbox`, with hashes, checks and verdicts. Each time in a process
of its own, in turns. A table goes to standard error, a JSON object to standard output.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median

import duckdb
from rich.console import Console
from rich.table import Table

COLUMNS = {
    "event_id": "VARCHAR",
    "user_id": "VARCHAR",
    "anonymous_id": "VARCHAR",
    "event_name": "VARCHAR",
    "occurred_at": "TIMESTAMP",
    "received_at": "TIMESTAMP",
    "page_url": "VARCHAR",
    "referrer": "VARCHAR",
    "utm_source": "VARCHAR",
    "device_type": "VARCHAR",
    "country": "VARCHAR",
    "product_id": "VARCHAR",
    "category": "VARCHAR",
    "price": "DECIMAL(18, 4)",
    "quantity": "INTEGER",
    "order_id": "VARCHAR",
}
YEAR_MS = 365 * 24 * 60 * 60 * 1000
GOALS = {"jsonl": 2.0, "parquet": 1.5}


def main() -> None:
    """Run one side once, or all of it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        figures = SIDES[options.side](options.home)
    else:
        figures = compare(options.events, options.pairs)
        show(figures)
    sys.stdout.write(json.dumps(figures) + "\n")


def compare(n_events: int, n_pairs: int) -> dict:
    """Load files of `n_events` both ways, `n_pairs` times; tell seconds and ratios."""
    figures: dict = {"events": n_events}
    for form in GOALS:
        with tempfile.TemporaryDirectory() as folder:
            dump = write_events(Path(folder), n_events, form)
            times: dict[str, list[dict]] = {"duckdb": [], "tessera": []}
            for _ in range(n_pairs):
                for side, found in times.items():
                    found.append(timed(side, folder))
            seconds = {
                side: median(one["seconds"] for one in found)
                for side, found in times.items()
            }
            figures[form] = {
                "bytes": dump.stat().st_size,
                "seconds": seconds,
                "peak_memory_mb": max(one["mb"] for one in times["tessera"]),
                "ratio": round(seconds["tessera"] / seconds["duckdb"], 2),
                "ratios": [
                    round(ours["seconds"] / theirs["seconds"], 2)
                    for theirs, ours in zip(*times.values(), strict=True)
                ],
                "goal": GOALS[form],
            }
    return figures


def write_events(home: Path, n_events: int, form: str) -> Path:
    """Write an inbox with one dump of made-up events."""
    folder = home / "inbox" / "shop"
    folder.mkdir(parents=True)
    mapping = {name: name for name in COLUMNS}
    source = {"adapter": "generic", "kind": "events", "columns": mapping}
    (folder / "source.yml").write_text(json.dumps(source))
    path = folder / f"events.{form}"
    duckdb.execute(
        f"""
        set threads = 1;
        select setseed(0.5);
        copy (
            with drawn as (
                select i, random() as r, floor(random() * 30000)::int as person,
                    timestamp '2025-01-01'
                        + to_milliseconds(i * {YEAR_MS} // {n_events}) as occurred_at,
                    random() < 0.1 as buys
                from range({n_events}) as t (i)
            )
            select
                md5(i::varchar) as event_id,
                case when r < 0.6 then 'u' || person end as user_id,
                'a' || substr(md5(person::varchar), 1, 12) as anonymous_id,
                ['page_view', 'product_view', 'search'][1 + i % 3] as event_name,
                occurred_at,
                occurred_at + to_milliseconds((r * 90000)::bigint) as received_at,
                'https://shop.example/c/' || i % 61 as page_url,
                case when r < 0.4 then 'https://www.example.com/' end as referrer,
                ['google', 'newsletter', null][1 + person % 3] as utm_source,
                ['mobile', 'desktop', 'tablet'][1 + person % 3] as device_type,
                ['GB', 'DE', 'FR', 'US'][1 + person % 4] as country,
                'p' || floor(r * r * 400)::int as product_id,
                'c' || floor(r * r * 25)::int as category,
                case when buys then round(100 * r, 2) end as price,
                case when buys then 1 + i % 2 end as quantity,
                case when buys then 'o' || i end as order_id
            from drawn
        ) to '{path}' (format {"json" if form == "jsonl" else form})
        """
    )
    os.utime(path, (0, 0))  # nobody waits to see whether it still grows
    return path


def timed(side: str, home: str) -> dict:
    """Run one side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--home", home]
    outcome = subprocess.run(command, check=True, capture_output=True)
    return json.loads(outcome.stdout)


def load_with_duckdb(home: Path) -> dict:
    """Read the dump into a table on disk, as it is."""
    (dump,) = home.glob("inbox/shop/events.*")
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    lines = f"'{dump}', format = 'newline_delimited', columns = {{{columns}}}"
    is_json = dump.suffix == ".jsonl"
    table = f"read_json({lines})" if is_json else f"read_parquet('{dump}')"
    with tempfile.TemporaryDirectory(dir=home) as folder:
        began = time.perf_counter()
        with duckdb.connect(f"{folder}/peer.duckdb") as connection:
            connection.execute(f"create table events as from {table}")
            connection.execute("checkpoint")
        return measured(began)


def load_with_tessera(home: Path) -> dict:
    """Load the dump into a new warehouse."""
    from warehouse.connection import open_work
    from warehouse.home import Home
    from warehouse.load import load_inbox
    from warehouse.raw_tables import create_tables

    with tempfile.TemporaryDirectory(dir=home) as folder:
        place = Home.at(folder, home / "inbox")
        began = time.perf_counter()
        with open_work(place) as connection:
            create_tables(connection)
            loaded_at = datetime(2026, 11, 1)
            summary = load_inbox(connection, place, load_id=1, loaded_at=loaded_at)
            connection.execute("checkpoint")
        if not 0 < summary.n_accepted == summary.n_lines:
            sys.exit(f"not all lines are good: {summary.in_words()}")
        return measured(began)


def measured(began: float) -> dict:
    """Tell the seconds since `began`, and the most memory so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"seconds": round(time.perf_counter() - began, 3), "mb": peak}


SIDES = {"duckdb": load_with_duckdb, "tessera": load_with_tessera}


def show(figures: dict) -> None:
    """Print the figures as a table."""
    table = Table(title=f"loading one file of {figures['events']:,} events")
    for heading in ("form", "DuckDB", "Tessera", "ratio", "goal", "memory"):
        table.add_column(heading, justify="right")
    for form, goal in GOALS.items():
        found = figures[form]
        table.add_row(
            form,
            *(f"{seconds:.2f} s" for seconds in found["seconds"].values()),
            f"{found['ratio']:.2f}",
            f"{goal:.1f}",
            f"{found['peak_memory_mb']:,} MB",
        )
    Console(stderr=True).print(table)


if __name__ == "__main__":
    main()
