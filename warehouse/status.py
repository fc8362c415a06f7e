"""What an operator wants to know first: what readers see, what went wrong, what now."""

import shutil
from contextlib import ExitStack
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb

from warehouse import ledger
from warehouse.connection import open_snapshot, open_work, rows_by_name
from warehouse.errors import WarehouseBusyError
from warehouse.framing import utc_now
from warehouse.home import Home, lock_holder, writer_lock
from warehouse.raw_tables import create_tables
from warehouse.snapshots import current_version, versions
from warehouse.versions import describe_versions, versions_in_words

N_RUNS, MOST_REFUSED = 5, 20
STAGES = ("load", "build", "segment", "publish")


def read_status(home: Home) -> dict:
    """Gather the state of a home, without waiting for anybody.

    While another process writes, what the current snapshot says is told instead.

    Returns
    -------
    dict
        `snapshot_version`, `snapshots`, `versions` (see `describe_versions`; nothing is
        read from a damaged one), `published_at` and `age_seconds` of the current one,
        `writer_pid`, `disk` (bytes), `set_aside` (damaged files), `runs` (the last
        five; `state` tells an open run that nobody works on from a running one),
        `files` and `quarantine` (counts; a file that was refused and came in later is
        refused no more), `refused_files`,
        `checks` (of the last run).
    """
    holder = lock_holder(home)
    found: dict[str, Any] = {
        "home": str(home.root),
        "snapshot_version": current_version(home),
        "snapshots": versions(home),
        "versions": describe_versions(home),
        "published_at": None,
        "age_seconds": None,
        "writer_pid": holder,
        "disk": _read_disk(home),
        "set_aside": sorted(
            str(path)
            for folder in (home.published, home.warehouse)
            for path in folder.glob("*.damaged")
        ),
        "runs": [],
        "files": [],
        "refused_files": [],
        "quarantine": [],
        "checks": [],
    }
    can_read = any(
        version["is_current"] and not version["fault"] for version in found["versions"]
    )
    with ExitStack() as stack:
        if can_read:
            snapshot = stack.enter_context(open_snapshot(home.current))
            found |= _read_age(snapshot, utc_now())
        tables = _read_work(home) if holder is None else None
        if tables is None and can_read:
            tables = _read_tables(snapshot, home, "ops", "loaded_files")
    found |= tables or {}
    for run in found["runs"]:
        is_left = run["status"] == "running" and holder is None
        run["state"] = "unfinished" if is_left else run["status"]
    return found


def _read_work(home: Home) -> dict[str, list[dict]] | None:
    """Read the private ledger, if it is there and nobody writes."""
    if not home.work_database.exists():
        return None
    try:
        with writer_lock(home), open_work(home) as connection:
            create_tables(connection)
            return _read_tables(connection, home, "ledger", "files")
    except WarehouseBusyError:
        return None


def _read_age(snapshot: duckdb.DuckDBPyConnection, now: datetime) -> dict:
    """Tell when the current snapshot was published, and how long ago."""
    ((published_at,),) = snapshot.execute(
        "select max_by(finished_at, run_id) from ops.runs where status = 'published'"
    ).fetchall()
    age = max((now - published_at).total_seconds(), 0) if published_at else None
    return {"published_at": published_at, "age_seconds": age}


def _read_disk(home: Home) -> dict[str, int]:
    """Measure what is free, and what the home takes."""
    return {
        "n_bytes_free": shutil.disk_usage(home.root).free,
        "n_bytes_private": _size(home.warehouse),
        "n_bytes_published": _size(home.published),
    }


def _size(folder: Path) -> int:
    """Add up the files of a folder; one that goes meanwhile counts nothing."""
    n_bytes = 0
    for path in folder.rglob("*"):
        try:
            n_bytes += 0 if path.is_symlink() else path.stat().st_size
        except OSError:
            continue
    return n_bytes


def _read_tables(
    connection: duckdb.DuckDBPyConnection, home: Home, schema: str, files: str
) -> dict[str, list[dict]]:
    """Read the last runs and the counts from the ledger or from its published copy."""
    is_private = schema == "ledger"
    refused = (
        "select source, reason, count(*) as n_lines from ledger.quarantine"
        if is_private
        else "select source, reason, sum(n_lines) as n_lines from ops.quarantine_counts"
    )
    failure = _column(connection, schema, "runs", "failure")
    # A file that came in after it was refused is refused no more.
    order = "file_id" if is_private else "loaded_at"
    of_file = "over (partition by source, file)"
    in_effect = f"""(
        select
            *,
            max({order}) filter (where status != 'refused') {of_file} as came_in,
            row_number() over (
                partition by source, file, status order by {order} desc
            ) as nth_last
        from {schema}.{files}
    ) where (
        status != 'refused'
        or (nth_last = 1 and (came_in is null or {order} > came_in))
    )"""
    questions = {
        "runs": "select run_id, as_of, started_at, finished_at, status, "
        f"snapshot_version, {failure}, (select list(stage) from {schema}.run_stages "
        "where run_stages.run_id = runs.run_id) as stages "
        f"from {schema}.runs order by run_id desc limit {N_RUNS}",
        "files": "select source, status, count(*) as n_files, "
        "sum(n_lines)::bigint as n_lines, sum(n_accepted)::bigint as n_accepted, "
        f"max(loaded_at) as last_loaded_at from {in_effect} "
        "group by source, status order by source, status",
        "quarantine": f"{refused} group by source, reason order by all",
        "checks": f"from {schema}.checks where run_id = "
        f"(select max(run_id) from {schema}.runs) order by check_name",
    }
    refused_files = ledger.refused_files(
        connection, home.inbox, files=f"{schema}.{files}", order=order
    )
    by_name = sorted(refused_files, key=itemgetter("source", "file"))
    return {
        name: rows_by_name(connection, question) for name, question in questions.items()
    } | {"refused_files": by_name[:MOST_REFUSED]}


def _column(
    connection: duckdb.DuckDBPyConnection, schema: str, table: str, column: str
) -> str:
    """Name a column, or null for a snapshot of an earlier version."""
    found = connection.execute(
        "select 1 from duckdb_columns() where database_name = current_database() "
        "and schema_name = ? and table_name = ? and column_name = ?",
        [schema, table, column],
    ).fetchall()
    return column if found else f"null as {column}"


def status_in_words(found: dict) -> str:
    """Write a status as lines that read well: what readers see comes first."""
    lines = [
        ("home", found["home"]),
        ("readers", _readers(found)),
        *(("version", told) for told in versions_in_words(found["versions"])),
        ("writer", _writer(found["writer_pid"])),
        ("disk", _disk(found["disk"])),
        *(("run", _run(run)) for run in found["runs"]),
        *(("files", _files(row)) for row in found["files"]),
        *(
            ("refused", f"{row['source']}/{row['file']}: {row['reason']}")
            for row in found["refused_files"]
        ),
        *(
            ("lines", f"{row['source']}: {row['n_lines']:,} refused, {row['reason']}")
            for row in found["quarantine"]
        ),
        *(("gate", told) for told in _gates(found["checks"])),
        *(("to do", told) for told in what_to_do(found)),
    ]
    return "\n".join(f"{word:<9} {told}" for word, told in lines)


def what_to_do(found: dict) -> list[str]:
    """Say the next steps that a status asks for, the most urgent first."""
    steps = []
    is_broken = any(one["is_current"] and one["fault"] for one in found["versions"])
    if is_broken or (found["snapshots"] and not found["snapshot_version"]):
        steps.append(
            "`tessera rollback` gives readers the last good snapshot, and so does "
            "whatever runs next"
        )
    last = found["runs"][0] if found["runs"] else None
    if last and last["state"] == "failed":
        steps.append("mend what the last run failed of, then `tessera run` goes on")
    elif last and last["state"] == "unfinished":
        steps.append("`tessera run` finishes what is unfinished")
    elif last is None:
        steps.append("put dumps into the inbox, then `tessera run`")
    if found["refused_files"]:
        steps.append(
            "mend the refused files or their source.yml (docs/loading.md says what "
            "each reason means); every load tries them again"
        )
    if found["quarantine"]:
        steps.append(
            "`tessera quarantine list` shows refused lines; once source.yml is mended, "
            "`tessera quarantine replay` loads them"
        )
    if found["set_aside"]:
        steps.append(
            f"look at what was damaged and remove it: {', '.join(found['set_aside'])}"
        )
    if found["disk"]["n_bytes_free"] < found["disk"]["n_bytes_private"]:
        steps.append(
            "free some of the disk, or lower keep_snapshots: less is free than the "
            "private warehouse takes"
        )
    return steps


def _readers(found: dict) -> str:
    """Say what readers see, and since when."""
    if not found["snapshot_version"]:
        if found["snapshots"]:
            return "have nothing to open: current.duckdb leads nowhere"
        return "nothing is published yet"
    kept = ", ".join(map(str, found["snapshots"]))
    said = f"see snapshot {found['snapshot_version']} (kept: {kept})"
    if found["published_at"] is None:
        return said
    return f"{said}, published {found['published_at']} UTC, {_age(found)} ago"


def _age(found: dict) -> str:
    """Write an age in the largest unit that says enough."""
    seconds = found["age_seconds"]
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _writer(holder: int | None) -> str:
    if holder is None:
        return "nobody writes"
    return f"process {holder} is writing; what follows is as of the current snapshot"


def _disk(disk: dict[str, int]) -> str:
    free, private, published = (_amount(n_bytes) for n_bytes in disk.values())
    return f"{free} free; {private} are private, {published} published"


def _amount(n_bytes: int) -> str:
    """Write a number of bytes for people."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= size:
            return f"{n_bytes / size:,.1f} {unit}"
    return f"{n_bytes / 1e3:,.0f} kB"


def _run(run: dict) -> str:
    """Say what became of a run, and of what it failed."""
    said = f"{run['run_id']} {run['state']}"
    if run["state"] == "published":
        said += f", snapshot {run['snapshot_version']}"
    else:
        done = [stage for stage in STAGES if stage in (run["stages"] or [])]
        said += f", done: {', '.join(done) or 'nothing'}"
    said += f", as of {run['as_of'] or 'yet unknown'}, begun {run['started_at']} UTC"
    return f"{said}: {run['failure']}" if run["state"] == "failed" else said


def _files(row: dict) -> str:
    return (
        f"{row['source']}: {row['n_files']:,} {row['status']}, "
        f"{row['n_accepted']:,} of {row['n_lines']:,} lines accepted, "
        f"last {row['last_loaded_at']} UTC"
    )


def _gates(checks: list[dict]) -> list[str]:
    """Tell failed gates with their reasons, errors first; count the others."""
    failed = [check for check in checks if check["verdict"] != "passed"]
    told = [
        f"{check['check_name']} {_verdict(check)}: "
        f"{_number(check['value'])} (limit {_number(check['limit_value'])}): "
        f"{' '.join(check['explanation'].split())}"
        for check in sorted(failed, key=lambda check: check["severity"])
    ]
    n_passed = len(checks) - len(failed)
    return [*told, f"{n_passed} passed"] if checks else []


def _verdict(check: dict) -> str:
    """Say what a check that did not pass led to."""
    if check["verdict"] == "accepted":
        return f"failed, accepted because {check['accepted_because']}"
    return "failed" if check["severity"] == "error" else "warns"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"
