"""The record of what was done: runs, their stages, checks; and what was published.

A run is the way from the current snapshot to the next. The first stage with something
to do opens it, `publish` closes it. A run that was killed or has failed is taken up
again under its own id, so that what it comes to does not depend on its accidents.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import duckdb

from warehouse import __version__, user_agents
from warehouse.connection import open_snapshot, rows_by_name, transaction
from warehouse.home import Home
from warehouse.redaction import has_mark

PROJECT = Path(__file__).resolve().parents[1]
_CODE = ("dbt_project/**/*.sql", "dbt_project/**/*.yml", "dbt_project/**/*.csv")
_CODE += ("ml/*.py", "warehouse/**/*.py")
_NO_RULES = ("check_limits.csv",)  # decides whether a table is seen, not what is in it

EPOCH = datetime(1970, 1, 1)
_VERSIONS = ("snapshots", "snapshot_tables")


@dataclass(frozen=True)
class Run:
    """One row of `ledger.runs`."""

    run_id: str
    as_of: datetime | None
    started_at: datetime
    finished_at: datetime | None
    status: str
    snapshot_version: int | None
    fingerprint: str | None


def last_run(
    connection: duckdb.DuckDBPyConnection, *statuses: str, table: str = "ledger.runs"
) -> Run | None:
    """Find the newest run with one of `statuses` (any, if none is given)."""
    rows = connection.execute(
        "select run_id, as_of, started_at, finished_at, status, snapshot_version, "
        f"fingerprint from {table} where ? = 0 or list_contains(?, status) "
        "order by run_id desc limit 1",
        [len(statuses), list(statuses)],
    ).fetchall()
    return Run(*rows[0]) if rows else None


def open_run(connection: duckdb.DuckDBPyConnection, now: datetime) -> Run:
    """Take up the run that is not published yet, or open the next one."""
    run = last_run(connection)
    if run and run.status != "published":
        if run.status == "failed":
            update_run(connection, run.run_id, status="running", finished_at=None)
            return replace(run, status="running", finished_at=None)
        return run
    number = max(_number(run), _last_number(connection)) + 1
    connection.execute(
        "insert into ledger.runs (run_id, started_at, status) values (?, ?, 'running')",
        [f"run_{number:06d}", now],
    )
    opened = last_run(connection)
    assert opened is not None  # noqa: S101 - it was inserted a line above
    return opened


def _number(run: Run | None) -> int:
    """Read the number in a run's id; 0 before the first."""
    return int(run.run_id.removeprefix("run_")) if run else 0


def _last_number(connection: duckdb.DuckDBPyConnection) -> int:
    """Tell the last number that was given before the ledger was restored."""
    query = "select coalesce(max(run_number), 0) from ledger.last_numbers"
    return connection.execute(query).fetchall()[0][0]


def update_run(
    connection: duckdb.DuckDBPyConnection,
    run_id: str,
    *,
    table: str = "ledger.runs",
    **values,
) -> None:
    """Set columns of one run."""
    assignments = ", ".join(f"{column} = ?" for column in values)
    connection.execute(
        f"update {table} set {assignments} where run_id = ?",
        [*values.values(), run_id],
    )


def record_stage(
    connection: duckdb.DuckDBPyConnection,
    run_id: str,
    stage: str,
    seconds: float,
    n_rows: int,
    n_bytes: int,
    *,
    table: str = "ledger.run_stages",
) -> None:
    """Keep how long a stage took; a repeated stage keeps its last time alone."""
    connection.execute(
        f"delete from {table} where run_id = ? and stage = ?",
        [run_id, stage],
    )
    connection.execute(
        f"insert into {table} (run_id, stage, seconds, n_rows, n_bytes) "
        "values (?, ?, ?, ?, ?)",
        [run_id, stage, round(seconds, 3), n_rows, n_bytes],
    )


def loaded_bytes(connection: duckdb.DuckDBPyConnection, load_id: int) -> int:
    """Add up the bytes, as delivered, of the files that a load has loaded."""
    rows = connection.execute(
        "select coalesce(sum(n_bytes), 0)::bigint from ledger.files "
        "where load_id = ? and status = 'loaded'",
        [load_id],
    ).fetchall()
    return rows[0][0]


def refused_files(
    connection: duckdb.DuckDBPyConnection,
    inbox: Path,
    *,
    files: str = "ledger.files",
    order: str = "file_id",
) -> list[dict]:
    """List the files of the inbox that are refused, by source as they came.

    One that came in after it was refused is refused no more, nor is one that was taken
    away. Where marks stand in a name nobody can look, and it counts.

    Parameters
    ----------
    connection : DuckDBPyConnection
    inbox : Path
    files, order : str
        The table of files, or its published copy, and the column that numbers them.

    Returns
    -------
    list of dict
        `source`, `file` and `reason`.
    """
    latest = rows_by_name(
        connection,
        f"""
        select source, file, reason
        from (
            select distinct on (source, file) * from {files}
            order by source, file, {order} desc
        )
        where status = 'refused'
        order by source, {order}, file
        """,
    )
    return [
        row
        for row in latest
        if has_mark(row["file"]) or (inbox / row["source"] / row["file"]).exists()
    ]


def close_run(connection: duckdb.DuckDBPyConnection, published: Run) -> None:
    """Take over from the attached current snapshot that its run ended well."""
    with transaction(connection):
        forget_stages(connection, published.run_id, ["publish"])
        connection.execute(
            "insert into ledger.run_stages by name "
            "from current_snapshot.ops.run_stages where run_id = ? "
            "and stage = 'publish'",
            [published.run_id],
        )
        for table in _VERSIONS:
            connection.execute(
                f"delete from ledger.{table} where snapshot_version = ?",
                [published.snapshot_version],
            )
            connection.execute(
                f"insert into ledger.{table} by name "
                f"from current_snapshot.ops.{table} where snapshot_version = ?",
                [published.snapshot_version],
            )
        update_run(
            connection,
            published.run_id,
            status="published",
            finished_at=published.finished_at,
        )


def stages_done(connection: duckdb.DuckDBPyConnection, run_id: str) -> set[str]:
    """Tell which stages of a run have ended."""
    rows = connection.execute(
        "select stage from ledger.run_stages where run_id = ?", [run_id]
    ).fetchall()
    return {stage for (stage,) in rows}


def forget_stages(
    connection: duckdb.DuckDBPyConnection, run_id: str, stages: Iterable[str]
) -> None:
    """Take back what later stages did, since an earlier one begins again."""
    connection.execute(
        "delete from ledger.run_stages where run_id = ? and list_contains(?, stage)",
        [run_id, list(stages)],
    )


def published_run(home: Home) -> Run | None:
    """Read the run that made the current snapshot, from the snapshot itself."""
    if not home.current.exists():
        return None
    with open_snapshot(home.current) as snapshot:
        return last_run(snapshot, "published", table="ops.runs")


def midnight_after_last_event(connection: duckdb.DuckDBPyConnection) -> datetime:
    """Find the default `as_of`: the midnight after the last event or order.

    With neither, the last answer, decision, sign-up or change of a profile counts; with
    nothing dated at all, the first midnight of 1970, before which nothing can have
    happened.
    """
    for times in (
        {"events": "occurred_at", "order_lines": "ordered_at"},
        {
            "users": "greatest(signed_up_at, updated_at)",
            "consents": "decided_at",
            "surveys": "answered_at",
        },
    ):
        found = [
            connection.execute(f"select max({column}) from raw.{kind}").fetchall()[0][0]
            for kind, column in times.items()
        ]
        if any(found):
            last = min(max(filter(None, found)), datetime(9999, 12, 30))
            return datetime(last.year, last.month, last.day) + timedelta(days=1)
    return EPOCH


def fingerprint(connection: duckdb.DuckDBPyConnection, home: Home) -> str:
    """Hash what a snapshot is made of: files in effect, and the rules.

    Two equal fingerprints at one `as_of` make the same tables.
    """
    content = json.dumps([_files(connection), _rules(connection, home)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _files(connection: duckdb.DuckDBPyConnection) -> list[tuple]:
    """List the files in effect: source, sha256 and lines accepted of each."""
    return connection.execute(
        "select distinct source, sha256, n_accepted from ledger.files "
        "where status = 'loaded' order by all"
    ).fetchall()


def _rules(connection: duckdb.DuckDBPyConnection, home: Home) -> str:
    """Hash by what tables are made of files: keys, sources, settings and code."""
    settings = home.settings.model_dump(
        exclude={
            "keep_snapshots",
            "keep_monthly_snapshots",
            "memory_limit",
            "threads",
        }
    )
    sources = connection.execute("from ledger.sources order by all").fetchall()
    keys = connection.execute(
        "select fingerprint from ledger.keys where name in ('contact', 'pseudonym') "
        "order by name"
    ).fetchall()
    rules = [sources, keys, settings, code_fingerprint(), duckdb.__version__]
    content = json.dumps(rules, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def record_built_of(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Write down what is built from now on: of which files, by which code and settings.

    More may be loaded, and settings change, before that is published.
    """
    files = _files(connection)
    row = [
        __version__,
        code_fingerprint(),
        duckdb.__version__,
        home.settings.model_dump_json(),
        hashlib.sha256(json.dumps(files).encode()).hexdigest(),
        len(files),
    ]
    with transaction(connection):
        connection.execute("delete from ledger.built_of")
        connection.execute(
            "insert into ledger.built_of (code_version, code_fingerprint, "
            "duckdb_version, settings, input_fingerprint, n_files) "
            "values (?, ?, ?, ?, ?, ?)",
            row,
        )


def begin_build(
    connection: duckdb.DuckDBPyConnection, home: Home, *, full_refresh: bool
) -> bool:
    """Tell whether incremental models have to be built from nothing.

    They have to if that is asked for, if they were built by other rules, or if the last
    such build did not come to its end, which `end_build` tells.
    """
    found = connection.execute("from ledger.built_by").fetchall()
    if full_refresh or found != [(_rules(connection, home),)]:
        connection.execute("delete from ledger.built_by")
        return True
    return False


def end_build(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Write down by what rules everything is built now."""
    with transaction(connection):
        connection.execute("delete from ledger.built_by")
        connection.execute(
            "insert into ledger.built_by values (?)", [_rules(connection, home)]
        )


def is_ahead(connection: duckdb.DuckDBPyConnection, home: Home) -> bool:
    """Tell whether files, settings or code have changed since the current snapshot."""
    published = published_run(home)
    if published is None:
        return bool(connection.execute("from ledger.files limit 1").fetchall())
    return published.fingerprint != fingerprint(connection, home)


def next_load_id(connection: duckdb.DuckDBPyConnection) -> int:
    """Give the next load its number."""
    query = "select coalesce(max(load_id), 0) + 1 from ledger.files"
    return connection.execute(query).fetchall()[0][0]


@cache
def code_fingerprint() -> str:
    """Hash the SQL and the Python that decide what is in a table."""
    digest = hashlib.sha256(user_agents.version_of_rules().encode())
    for pattern in _CODE:
        for path in sorted(PROJECT.glob(pattern)):
            if not {"target", "logs", *_NO_RULES} & set(
                path.relative_to(PROJECT).parts
            ):
                digest.update(str(path.relative_to(PROJECT)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
