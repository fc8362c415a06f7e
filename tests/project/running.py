"""How tests run Tessera and look at what it published."""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import cross_val_predict

from warehouse import ledger, snapshots
from warehouse.connection import open_snapshot, open_work
from warehouse.home import Home

ROOT = Path(__file__).parents[2]
REFERENCE_DATA = ROOT.parent / "shared" / "data"
BENCHMARK_DATA = ROOT.parent / "shared" / "bench" / "generate.py"
OF_A_FOREST = 0.85  # so much of its agreement with what is planted segments reach
SMALL = {"n_users": 150, "n_days": 120}
FINGERPRINTED_SCHEMAS = ("marts", "segments")
CONSERVED = """
    select count(*) from ledger.files as files
    where status = 'loaded' and (
        n_lines <> n_accepted + n_duplicate + n_quarantined + n_blank
        or n_quarantined
            <> (select count(*) from ledger.quarantine where file_id = files.file_id)
        or n_accepted <> (
            select count(*) from (
                select file_id, line_number from raw.events
                union select file_id, line_number from raw.order_lines
                union select file_id, line_number from raw.users
                union select file_id, line_number from raw.consents
                union select file_id, line_number from raw.surveys
            ) where file_id = files.file_id
        )
    )
"""


def write_sample(folder: Path, **options) -> None:
    """Write the project's sample into `folder`, as if it had been there for an hour."""
    spec = importlib.util.spec_from_file_location(
        "generate_sample", ROOT / "data" / "sample" / "generate.py"
    )
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(ROOT / "data" / "sample"))
    try:
        spec.loader.exec_module(generator)
        generator.write_sample(folder, **options)
        for path in (folder / "inbox").rglob("*"):
            os.utime(path, (time.time() - 3600,) * 2)
    finally:
        sys.path.remove(str(ROOT / "data" / "sample"))


def run_tessera(home: Home, *arguments: str, **environment: str):
    """Run the command line as a user would, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "warehouse.cli", *arguments, "--home", str(home.root)],
        env=os.environ | environment,
        cwd=home.root,
        capture_output=True,
        text=True,
        check=False,
    )


def fingerprints(home: Home) -> dict[str, tuple]:
    """Hash every published table but `ops`, whatever the order of its rows."""
    with open_snapshot(home.current) as connection:
        return tables_hashed(connection, *FINGERPRINTED_SCHEMAS)


def tables_hashed(
    connection: duckdb.DuckDBPyConnection, *schemas: str
) -> dict[str, tuple]:
    """Count and hash the rows of every table of some schemas, whatever their order."""
    tables = connection.execute(
        "select table_schema || '.' || table_name from information_schema.tables "
        "where list_contains(?, table_schema) and table_type = 'BASE TABLE' "
        "order by all",
        [list(schemas)],
    ).fetchall()
    return {
        table: connection.execute(
            f"select count(*), sum(hash(t)::hugeint) from {table} as t"
        ).fetchall()[0]
        for (table,) in tables
    }


def refuse_loss(home: Home) -> None:
    """Find every line of every file where the ledger says it is."""
    with open_work(home) as connection:
        tables = connection.execute(
            "select count(*) from duckdb_tables() where schema_name = 'ledger'"
        ).fetchall()
        if tables != [(0,)]:
            assert connection.execute(CONSERVED).fetchall() == [(0,)]


def without_docs(home: Home) -> None:
    """Spare a run the docs page, as if it had been written for this code already."""
    home.make_private_folders()
    (home.dbt / "docs.fingerprint").write_text(ledger.code_fingerprint())
    (home.published / "docs").mkdir(parents=True)
    (home.published / "docs" / "index.html").write_text("not written in this test")


def query(home: Home, question: str) -> list[tuple]:
    """Ask the current snapshot."""
    with open_snapshot(home.current) as connection:
        return connection.execute(question).fetchall()


def query_built(home: Home, question: str) -> list[tuple]:
    """Ask the private warehouse, of which nothing was published yet."""
    with open_work(home) as connection:
        return connection.execute(question).fetchall()


def truth(home: Home, name: str) -> duckdb.DuckDBPyRelation:
    """Read one of the sample's truths."""
    return duckdb.read_csv(str(home.root / "truth" / name), all_varchar=True)


def with_kmeans_alone(home: Home, *, most_segments: int = 4) -> None:
    """Spare a run the contest of methods, which takes longer than all else of a fit."""
    with (home.root / "settings.yml").open("a") as settings:
        settings.write(f"segment_methods: [kmeans]\nmost_segments: {most_segments}\n")


def frame(home: Home, question: str, *, version: int | None = None) -> pd.DataFrame:
    """Ask a snapshot, by default the current one, for a frame."""
    path = snapshots.snapshot_path(home, version) if version else home.current
    with open_snapshot(path) as connection:
        return connection.sql(question).df()


def compare_with_forest(
    home: Home, planted: pd.Series, record_property: Callable
) -> tuple[float, float]:
    """Give the adjusted Rand index of segments with what is planted, and a forest's.

    The forest is told the archetypes of four fifths of the persons, and asked for the
    others', by the very features that segments are made of.
    """
    persons = frame(
        home,
        "select features.*, segment_id from marts.user_features as features "
        "join segments.user_segments using (user_id) order by user_id",
    ).set_index("user_id")
    persons = persons.loc[persons.index.isin(planted.index)]
    archetypes = planted.loc[persons.index]
    forest = RandomForestClassifier(100, random_state=0, n_jobs=1)
    features = pd.get_dummies(persons.drop(columns="segment_id"))
    told = cross_val_predict(forest, features, archetypes, cv=5)
    found = adjusted_rand_score(archetypes, persons["segment_id"])
    learnt = adjusted_rand_score(archetypes, told)
    record_property("n_persons", len(persons))
    record_property("adjusted_rand_index", found)
    record_property("adjusted_rand_index_of_a_forest", learnt)
    return found, learnt
