"""Run Tessera once on a home, and tell what each model and each part of it took.

    python tests/benchmarks/measured.py --home DIR [--clustering]

One JSON object goes to standard output: seconds of each node of dbt, and of each
function that `TIMED` names, without the time of others of them that it calls. A node is
of the core if one of `CORE_TABLES` is made of it, and none of `NOT_CORE` is it.
"""

import argparse
import importlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from pathlib import Path

WHOLE = ("docs",)  # with what it calls
TIMED = {
    "load": "warehouse.stages:load",
    "build": "warehouse.stages:build",
    "segment": "warehouse.stages:segment",
    "publish": "warehouse.stages:publish",
    "dbt": "warehouse.transform:call_dbt",
    "dbt parse": "warehouse.transform:parse",
    "identity": "warehouse.identity:find_persons",
    "probabilistic identity": "warehouse.likeness:compare_profiles",
    "gates": "warehouse.checks:check_build",
    "gates before publishing": "warehouse.checks:check_publication",
    "snapshot": "warehouse.snapshots:write_snapshot",
    "parquet": "warehouse.snapshots:write_parquet",
    "report": "warehouse.publication:_publish_report",
    "docs": "warehouse.transform:generate_docs",
    "training": "ml.segmentation:train_segments",
    "describing": "ml.segmentation:apply_segments",
    "memory": "warehouse.recalling:remember_previous",
    "user agents": "warehouse.user_agents:read_new_user_agents",
}


CORE_TABLES = ("sessions", "user_rfm", "user_features", "association_rules")
# What is found of identities beyond who logged in where, and what is told of them.
NOT_CORE = ("profile", "hashed", "contacts", "identities", "previous")


class Stopwatch:
    """Seconds of functions, each without those of the others that it calls."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.inner = [0.0]
        self.calls: list[str] = []

    def timed(self, name: str, function: Callable) -> Callable:
        """Have a function count its seconds under a name."""

        @wraps(function)
        def wrapped(*args, **named):
            if any(call in WHOLE for call in self.calls):
                return function(*args, **named)
            began = time.perf_counter()
            self.calls.append(name)
            self.inner.append(0.0)
            try:
                return function(*args, **named)
            finally:
                took = time.perf_counter() - began
                self.calls.pop()
                self.seconds[name] += took - self.inner.pop()
                self.inner[-1] += took

        return wrapped


def main() -> None:
    """Run, and print what it took."""
    began = time.perf_counter()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument(
        "--clustering", action="store_true", help="fit one k-means more, to be timed"
    )
    options = parser.parse_args()

    from warehouse import stages
    from warehouse.home import Home

    watch, nodes = Stopwatch(), []
    for name, place in TIMED.items():
        module_name, function_name = place.split(":")
        module = importlib.import_module(module_name)
        function = getattr(module, function_name)
        if name == "dbt":
            function = kept_nodes(function, nodes)
        replace_everywhere(module, function_name, watch.timed(name, function))
    imported = time.perf_counter() - began
    home = Home.at(options.home)
    results = stages.run(home)
    core = core_of(home) if nodes else set()
    sys.stdout.write(
        json.dumps(
            {
                "stages": {
                    result.stage: {"seconds": result.seconds, "rows": result.n_rows}
                    for result in results
                },
                "parts": {"imports": imported} | watch.seconds,
                "nodes": [node | {"is_core": node["name"] in core} for node in nodes],
                "clustering": time_clustering(home) if options.clustering else None,
                "rows": rows_of(home),
            }
        )
        + "\n"
    )


def core_of(home) -> set[str]:
    """Name the models that the tables of the core are made of."""
    from warehouse import transform

    manifest = transform.parse(home)
    wanted = {
        name
        for name, node in manifest.nodes.items()
        if node.resource_type == "model" and node.name in CORE_TABLES
    }
    found: set[str] = set()
    while wanted:
        found |= wanted
        wanted = {
            parent
            for name in wanted
            for parent in manifest.nodes[name].depends_on.nodes
            if parent.startswith("model.")
        } - found
    names = {manifest.nodes[name].name for name in found}
    return {name for name in names if not any(part in name for part in NOT_CORE)}


def rows_of(home) -> dict[str, int]:
    """Count what the tables of the core have, as the peers name them."""
    import duckdb

    questions = {
        "loaded": "select sum(n_accepted) from ops.loaded_files",
        "events": "select sum(n_events) from marts.sessions",
        "sessions": "select count(*) from marts.sessions",
        "rfm": "select count(*) from marts.user_rfm where recency_days is not null",
        "rules": "select count(*) from marts.association_rules",
    }
    with duckdb.connect(str(home.current.resolve()), read_only=True) as connection:
        return {
            name: int(connection.execute(question).fetchall()[0][0])
            for name, question in questions.items()
        }


def time_clustering(home) -> float:
    """Fit k-means, with k by silhouette, to what was published of persons."""
    import duckdb

    from ml.clustering import fit_clustering

    with duckdb.connect(str(home.current.resolve()), read_only=True) as connection:
        found = connection.execute("from marts.user_features order by user_id").df()
    began = time.perf_counter()
    fit_clustering(found.set_index("user_id"), methods=["kmeans"])
    return time.perf_counter() - began


def kept_nodes(call_dbt: Callable, nodes: list[dict]) -> Callable:
    """Keep what dbt tells of every node that it built or tested."""

    def keeping(*args, **named):
        results = call_dbt(*args, **named)
        nodes.extend(
            {
                "name": result.node.name,
                "kind": str(result.node.resource_type),
                "seconds": result.execution_time,
            }
            for result in results
            if hasattr(result, "node")
        )
        return results

    return keeping


def replace_everywhere(module, name: str, function: Callable) -> None:
    """Put a function in the place of another, also where it was imported by name."""
    original = getattr(module, name)
    for other in list(sys.modules.values()):
        if getattr(other, "__name__", "").startswith(("warehouse", "ml")):
            for attribute, value in list(vars(other).items()):
                if value is original:
                    setattr(other, attribute, function)


if __name__ == "__main__":
    main()
