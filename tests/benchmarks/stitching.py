"""Time who is who beside the one-step stitching that most people write.

    python tests/benchmarks/stitching.py [--events 5000000] [--users 30000] [--pairs 3]

Both start from the same loaded events and end with a table of them all, each with its
person. Tessera: the models that stitching needs, and `link_identifiers` between them;
dbt's tests are not counted, and profiles that share no key are not compared. Naive: one
query; an anonymous id is whoever logged in on it last, and nothing else counts. Beside
them, because both do as much: the same events, cleaned and written, with nobody found.

Each time in a process of its own, in turns, from a copy of the same home. A table goes
to standard error, a JSON object to standard output.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import duckdb
from made_up_shop import write_inbox
from rich.console import Console
from rich.table import Table

AS_OF = datetime(2026, 1, 1)
BEFORE_LINKS = (
    "int_event_ids_counted",
    "int_identifiers_paired",
    "int_devices_owned",
    "int_shared_devices_followed",
    "int_event_contacts_attributed",
    "int_profiles_attributed",
    "int_hashed_users_matched",
    "int_contacts_linked",
)
LINKS = "link_identifiers"
AFTER_LINKS = ("int_persons_resolved", "int_events_identified")
COUNTS = {
    "persons": "persons",
    "persons_mixed": "persons, a tenth of whose events are of others",
    "events_astray": "events with another person",
    "persons_in_pieces": "planted persons in two pieces or more",
    "events_apart": "events in the lesser pieces",
}
NAIVE = """
    create table events_stitched as
    with events as (
        select * from work.intermediate.int_events_deduplicated
    ),
    last_users as (
        select anonymous_id, arg_max(user_id, occurred_at) as user_id
        from events
        where anonymous_id is not null and user_id is not null
        group by anonymous_id
    )
    select
        event_key,
        event_id,
        coalesce(last_users.user_id, events.user_id, events.anonymous_id)
            as user_id,
        events.anonymous_id,
        tracker_session_id,
        page_view_id,
        order_id,
        product_id,
        source,
        events.event_name,
        event_type,
        page_path,
        coalesce(lower(utm_source), sites.traffic_source, referrer_host)
            as traffic_source,
        coalesce(lower(utm_medium), sites.category) as traffic_medium,
        lower(utm_campaign) as traffic_campaign,
        words.channel,
        device_type,
        os,
        browser,
        bot_reason,
        country,
        product_name,
        events.category,
        price,
        quantity,
        revenue,
        items,
        is_bot,
        is_without_rate,
        is_email_event,
        is_ping,
        coalesce(last_users.user_id, events.user_id) is not null
            as is_identified,
        coalesce(utm_source, utm_medium, click_id) is not null as is_campaign,
        occurred_at,
        received_at
    from events
    left join last_users on events.anonymous_id = last_users.anonymous_id
    left join work.intermediate.int_event_names_classified as names
        on events.event_name = names.event_name
    left join work.seeds.referrer_sites as sites
        on coalesce(lower(utm_source), split_part(referrer_host, '.', -2))
            = sites.site
    left join work.seeds.channel_words as words
        on coalesce(lower(utm_medium), sites.category) = words.word
"""
COPY = """
    create table events_stitched as
    select * exclude (namespace, email_hash, phone_hash)
    from work.intermediate.int_events_deduplicated
"""


def main() -> None:
    """Run one side once, or all of it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--users", type=int, default=30_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        figures = SIDES[options.side](options.home)
    else:
        figures = compare(options.events, options.users, options.pairs)
        show(figures)
    sys.stdout.write(json.dumps(figures) + "\n")


def compare(n_events: int, n_users: int, n_pairs: int) -> dict:
    """Stitch `n_events` both ways, `n_pairs` times; tell seconds, ratio and counts."""
    runs: dict[str, list[dict]] = {"tessera": [], "naive": [], "copy": []}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        with get_context("spawn").Pool(1) as pool:  # its memory is not the sides'
            pool.apply(write_inbox, (home / "inbox", n_events, n_users))
        loaded = run_side("load", home)
        for _ in range(n_pairs):
            for side, found in runs.items():
                again = Path(folder, "again")
                shutil.copytree(home, again)
                found.append(run_side(side, again))
                shutil.rmtree(again)
    ours, theirs = runs["tessera"], runs["naive"]
    if ours[0]["columns"] != theirs[0]["columns"]:
        sys.exit("the two tables differ in their columns: correct the naive query")
    seconds = {
        side: [sum(one["seconds"].values()) for one in found]
        for side, found in runs.items()
    }
    pairs = zip(seconds["tessera"], seconds["naive"], strict=True)
    return {
        "events": n_events,
        "users": n_users,
        "load_seconds": loaded["seconds"],
        "planted_persons": loaded["planted_persons"],
        "steps": {
            step: round(median(one["seconds"][step] for one in ours), 3)
            for step in ours[0]["seconds"]
        },
        "links": ours[0]["links"],
        "seconds": {side: round(median(found), 2) for side, found in seconds.items()},
        "peak_memory_mb": {
            side: max(one["mb"] for one in found) for side, found in runs.items()
        },
        "counts": {"tessera": ours[0]["counts"], "naive": theirs[0]["counts"]},
        "ratio": round(median(seconds["tessera"]) / median(seconds["naive"]), 2),
        "ratios": [round(our / their, 2) for our, their in pairs],
    }


def run_side(side: str, home: Path) -> dict:
    """Run one side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--home", str(home)]
    outcome = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(outcome.stdout)


def load(root: Path) -> dict:
    """Load the inbox, and build what both sides read: clean events and small tables."""
    from warehouse import stages
    from warehouse.connection import open_work
    from warehouse.home import Home

    home = Home.at(root)
    began = time.perf_counter()
    loaded = stages.load(home)
    seconds = round(time.perf_counter() - began, 2)
    stitching = [*BEFORE_LINKS, *AFTER_LINKS]
    timed_models(home, [f"+{model}" for model in stitching], exclude=stitching)
    with open_work(home) as connection:
        ((n_persons,),) = connection.execute(
            "select count(distinct split_part(event_id, '-', 2)) from raw.events"
        ).fetchall()
    return {"seconds": seconds, "rows": loaded.n_rows, "planted_persons": n_persons}


def stitch_with_tessera(root: Path) -> dict:
    """Build what stitching needs; tell the seconds of every step."""
    from warehouse.connection import open_work
    from warehouse.home import Home
    from warehouse.identity import link_identifiers

    home = Home.at(root)
    seconds = timed_models(home, BEFORE_LINKS)
    with open_work(home) as connection:
        began = time.perf_counter()
        linked = link_identifiers(
            connection, max_identifiers=home.settings.max_identifiers_per_person
        )
        seconds[LINKS] = time.perf_counter() - began
    seconds |= timed_models(home, AFTER_LINKS)
    missing = {*BEFORE_LINKS, *AFTER_LINKS} - seconds.keys()
    if missing:
        sys.exit(f"dbt knows no model {', '.join(sorted(missing))}")
    peak = peak_memory_mb()
    with open_work(home) as connection:
        connection.execute("use intermediate")
        return {
            "seconds": seconds,
            "mb": peak,
            "links": linked.in_words(),
            **judged(connection, "int_events_identified"),
        }


def timed_models(
    home, select: Iterable[str], exclude: Iterable[str] = ()
) -> dict[str, float]:
    """Build models as `tessera build` does; tell how long dbt says that each took."""
    from warehouse.transform import call_dbt, dbt_variables

    arguments = ["build", "--resource-type", "model", "--resource-type", "seed"]
    arguments += ["--no-write-json", "--select", " ".join(select)]
    if exclude:
        arguments += ["--exclude", " ".join(exclude)]
    results = call_dbt(home, arguments, dbt_variables(home, AS_OF, "run_000001"))
    if failed := [result for result in results if result.status != "success"]:
        sys.exit(f"{failed[0].node.name}: {failed[0].message}")
    return {result.node.name: result.execution_time for result in results}


def stitch_naively(root: Path) -> dict:
    """Give each anonymous id its last user, and each event that of its anonymous id."""
    with work_attached(root) as connection:
        figures = timed_query(connection, NAIVE)
        return figures | judged(connection, "events_stitched")


def copy_events(root: Path) -> dict:
    """Write the clean events as they are, with nobody found."""
    with work_attached(root) as connection:
        return timed_query(connection, COPY)


@contextmanager
def work_attached(root: Path) -> Generator[duckdb.DuckDBPyConnection]:
    """Open a new file, with the private warehouse as `work` beside it."""
    from warehouse.connection import STORAGE
    from warehouse.home import Home

    work = Home.at(root).work_database
    config = {"storage_compatibility_version": STORAGE}
    with duckdb.connect(str(root / "peer.duckdb"), config=config) as connection:
        connection.execute(f"attach '{work}' as work (read_only)")
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def timed_query(connection: duckdb.DuckDBPyConnection, query: str) -> dict:
    """Run one query; tell its seconds and the memory it took."""
    began = time.perf_counter()
    connection.execute(query)
    seconds = time.perf_counter() - began
    return {"seconds": {"one query": seconds}, "mb": peak_memory_mb()}


def judged(connection: duckdb.DuckDBPyConnection, table: str) -> dict:
    """Compare the persons of a table of events with those that were planted."""
    columns = connection.execute(f"describe {table}").fetchall()
    (counts,) = connection.execute(
        f"""
        with pairs as (
            select
                user_id, split_part(event_id, '-', 2) as planted, count(*) as n_events
            from {table} group by all
        ),
        persons as (
            select
                sum(n_events) as n_events, sum(n_events) - max(n_events) as n_astray
            from pairs group by user_id
        ),
        planted_persons as (
            select count(*) as n_pieces, sum(n_events) - max(n_events) as n_apart
            from pairs group by planted
        )
        select
            (select count(*) from persons),
            (select count_if(n_astray >= n_events / 10) from persons),
            (select sum(n_astray)::bigint from persons),
            (select count_if(n_pieces > 1) from planted_persons),
            (select sum(n_apart)::bigint from planted_persons)
        """
    ).fetchall()
    return {
        "columns": [column for column, *_ in columns],
        "counts": dict(zip(COUNTS, counts, strict=True)),
    }


def peak_memory_mb() -> int:
    """Tell the most memory that this process has taken so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


SIDES = {
    "load": load,
    "tessera": stitch_with_tessera,
    "naive": stitch_naively,
    "copy": copy_events,
}


def show(figures: dict) -> None:
    """Print the figures as two tables."""
    times = Table(title=f"who is who in {figures['events']:,} events")
    times.add_column("step")
    for heading in ("Tessera", "naive", "copied as they are"):
        times.add_column(heading, justify="right")
    for step, seconds in figures["steps"].items():
        times.add_row(step, f"{seconds:.2f} s")
    times.add_section()
    times.add_row("all", *(f"{one:.2f} s" for one in figures["seconds"].values()))
    times.add_row("ratio to naive", f"{figures['ratio']:.2f}", "1")
    memory = figures["peak_memory_mb"].values()
    times.add_row("peak memory", *(f"{one:,} MB" for one in memory))

    planted = figures["planted_persons"]
    counted = Table(title=f"{planted:,} planted persons; {figures['links']}")
    counted.add_column("what came out")
    for heading in ("Tessera", "naive"):
        counted.add_column(heading, justify="right")
    for name, words in COUNTS.items():
        found = (f"{counts[name]:,}" for counts in figures["counts"].values())
        counted.add_row(words, *found)
    console = Console(stderr=True)
    console.print(times)
    console.print(counted)


if __name__ == "__main__":
    main()
