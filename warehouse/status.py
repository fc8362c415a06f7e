"""What an operator wants to know first: runs, files, refusals, snapshot, lock."""

from contextlib import ExitStack

import duckdb

from warehouse.connection import open_snapshot, open_work, rows_by_name
from warehouse.errors import WarehouseBusyError
from warehouse.home import Home, lock_holder, writer_lock
from warehouse.raw_tables import create_tables
from warehouse.snapshots import current_version, versions


def read_status(home: Home) -> dict:
    """Gather the state of a home, without waiting for anybody.

    While another process writes, what the current snapshot says is told instead.

    Returns
    -------
    dict
        `snapshot_version`, `snapshots`, `writer_pid`, `runs` (the last five), `files`
        and `quarantine` (counts), `checks` (of the last run).
    """
    found = {
        "home": str(home.root),
        "snapshot_version": current_version(home),
        "snapshots": versions(home),
        "writer_pid": lock_holder(home),
        "runs": [],
        "files": [],
        "quarantine": [],
        "checks": [],
    }
    with ExitStack() as stack:
        try:
            if not home.work_database.exists():
                return found
            stack.enter_context(writer_lock(home))
            connection = stack.enter_context(open_work(home))
            create_tables(connection)
            return found | _read_tables(connection, "ledger", "files")
        except WarehouseBusyError:
            pass
    if not home.current.exists():
        return found
    with open_snapshot(home.current) as connection:
        return found | _read_tables(connection, "ops", "loaded_files")


def _read_tables(
    connection: duckdb.DuckDBPyConnection, schema: str, files: str
) -> dict[str, list[dict]]:
    """Read the last runs and the counts from the ledger or from its published copy."""
    refused = (
        "select source, reason, count(*) as n_lines from ledger.quarantine"
        if schema == "ledger"
        else "select source, reason, sum(n_lines) as n_lines from ops.quarantine_counts"
    )
    questions = {
        "runs": "select run_id, as_of, started_at, finished_at, status, "
        f"snapshot_version from {schema}.runs order by run_id desc limit 5",
        "files": "select source, status, count(*) as n_files, "
        "sum(n_lines)::bigint as n_lines, sum(n_accepted)::bigint as n_accepted, "
        f"max(loaded_at) as last_loaded_at from {schema}.{files} "
        "group by source, status order by source, status",
        "quarantine": f"{refused} group by source, reason order by all",
        "checks": f"from {schema}.checks where run_id = "
        f"(select max(run_id) from {schema}.runs) order by check_name",
    }
    return {
        name: rows_by_name(connection, question) for name, question in questions.items()
    }


def status_in_words(found: dict) -> str:
    """Write a status as a few lines that read well."""
    version = found["snapshot_version"]
    lines = [f"home      {found['home']}"]
    lines.append(
        f"snapshot  {version} is current, of {len(found['snapshots'])} kept"
        if version
        else "snapshot  none is published yet: run `tessera run`"
    )
    holder = found["writer_pid"]
    lines.append(f"writer    process {holder}" if holder else "writer    nobody writes")
    for run in found["runs"]:
        snapshot = run["snapshot_version"]
        made = f", snapshot {snapshot}" if run["status"] == "published" else ""
        lines.append(
            f"run       {run['run_id']} {run['status']}{made}, as of "
            f"{run['as_of'] or 'yet unknown'}, begun {run['started_at']} UTC"
        )
    lines.extend(
        f"files     {row['source']}: {row['n_files']:,} {row['status']}, "
        f"{row['n_accepted']:,} of {row['n_lines']:,} lines accepted"
        for row in found["files"]
    )
    lines.extend(
        f"refused   {row['source']}: {row['n_lines']:,} lines, {row['reason']}"
        for row in found["quarantine"]
    )
    lines.extend(
        f"check     {row['check_name']} {row['verdict']}: {row['value']:g} "
        f"(limit {row['limit_value']:g})"
        for row in found["checks"]
    )
    return "\n".join(lines)
