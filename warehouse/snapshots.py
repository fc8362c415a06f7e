"""Published snapshots: written fresh, checked, made immutable, then pointed at.

Readers follow `current.duckdb`, a symbolic link that moves in one step, so that they
see one version or the next and never anything between.
"""

import os
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from warehouse import ledger
from warehouse.connection import SHARED_STORAGE, open_snapshot, transaction
from warehouse.errors import ConfigurationError, TesseraError
from warehouse.faults import fault_point
from warehouse.home import Home

PUBLISHED_SCHEMAS = ("marts", "segments", "ops")

_REMEMBERED = (
    ("marts", "user_identifiers"),
    ("marts", "identity_changes"),
    ("segments", "user_segments"),
    ("segments", "segment_history"),
    ("segments", "segment_changes"),
    ("segments", "segment_models"),
    ("segments", "segment_successors"),
    ("ops", "source_days"),
)

_SNAPSHOT_NAME = re.compile(r"^tessera_(\d{6,})\.duckdb$")


@dataclass(frozen=True)
class Publication:
    """What a snapshot says of itself while it is written."""

    run: ledger.Run
    version: int
    finished_at: datetime
    seconds_so_far: float


def snapshot_path(home: Home, version: int) -> Path:
    """Name the file of a version."""
    return home.published / f"tessera_{version:06d}.duckdb"


def versions(home: Home) -> list[int]:
    """List the versions that are there, oldest first."""
    if not home.published.exists():
        return []
    found = (_SNAPSHOT_NAME.match(path.name) for path in home.published.iterdir())
    return sorted(int(match[1]) for match in found if match)


def current_version(home: Home) -> int | None:
    """Tell which version readers see, or None before the first."""
    if not home.current.is_symlink():
        return None
    match = _SNAPSHOT_NAME.match(os.readlink(home.current))
    return int(match[1]) if match and home.current.exists() else None


def remember_previous(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Fill `previous` with what the current snapshot remembers, in one transaction.

    All memory comes from what was published last: a run that failed or was killed has
    left none, and a lost working file loses none.
    """
    with attached_current(connection, home) as is_there, transaction(connection):
        for schema, table in _REMEMBERED:
            connection.execute(f"delete from previous.{table}")
            columns = (
                _shared_columns(connection, f"previous.{table}", f"{schema}.{table}")
                if is_there
                else ""
            )
            if columns:  # an earlier version published less
                connection.execute(
                    f"insert into previous.{table} by name "
                    f"select {columns} from current_snapshot.{schema}.{table}"
                )


def restore_ledger(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Give a new working file the record of runs that the current snapshot holds."""
    if connection.execute("select 1 from ledger.runs limit 1").fetchall():
        return
    with attached_current(connection, home) as is_there, transaction(connection):
        for table in ("runs", "run_stages", "checks") if is_there else ():
            columns = _shared_columns(connection, f"ledger.{table}", f"ops.{table}")
            connection.execute(
                f"insert into ledger.{table} by name "
                f"select {columns} from current_snapshot.ops.{table}"
            )


@contextmanager
def attached_current(
    connection: duckdb.DuckDBPyConnection, home: Home
) -> Generator[bool]:
    """Attach the current snapshot as `current_snapshot`, if there is one."""
    if not home.current.exists():
        yield False
        return
    path = _quoted(home.current.resolve())
    connection.execute(f"attach {path} as current_snapshot (read_only)")
    try:
        yield True
    finally:
        connection.execute("detach current_snapshot")


def write_snapshot(
    connection: duckdb.DuckDBPyConnection, home: Home, publication: Publication
) -> Path:
    """Write the published schemas to a fresh file and give it its final name.

    The file is complete, on disk and read-only before it has its name; `current` does
    not move here.

    Returns
    -------
    Path
        The snapshot, which no link points at yet.
    """
    home.published.mkdir(parents=True, exist_ok=True)
    home.published.chmod(0o755)
    remove_leftovers(home)
    final = snapshot_path(home, publication.version)
    partial = final.with_name(f".{final.name}.partial")
    connection.execute(
        f"attach {_quoted(partial)} as snapshot (storage_version '{SHARED_STORAGE}')"
    )
    try:
        for schema in PUBLISHED_SCHEMAS:
            connection.execute(f"create schema snapshot.{schema}")
        for schema, table in published_tables(connection):
            connection.execute(
                f"create table snapshot.{schema}.{table} as "
                f"from work.{schema}.{table} order by all"
            )
            fault_point("publish")
        connection.execute("checkpoint snapshot")
        _close_run(connection, publication, partial.stat().st_size)
        connection.execute("checkpoint snapshot")
    finally:
        connection.execute("detach snapshot")
    _make_durable(partial)
    partial.chmod(0o444)
    fault_point("publish")
    os.replace(partial, final)
    return final


def published_tables(
    connection: duckdb.DuckDBPyConnection, database: str = "work"
) -> list[tuple[str, str]]:
    """List schema and name of every table (or view) of the published schemas."""
    return connection.execute(
        "select table_schema, table_name from information_schema.tables "
        "where table_catalog = ? and list_contains(?, table_schema) "
        "order by table_schema, table_name",
        [database, list(PUBLISHED_SCHEMAS)],
    ).fetchall()


def drop_stale_tables(
    connection: duckdb.DuckDBPyConnection, known: set[tuple[str, str]]
) -> None:
    """Drop what stands in a published schema and is no model any more."""
    rows = connection.execute(
        "select table_schema, table_name, table_type from information_schema.tables "
        "where table_catalog = 'work' and list_contains(?, table_schema)",
        [list(PUBLISHED_SCHEMAS)],
    ).fetchall()
    for schema, table, kind in rows:
        if (schema, table) not in known:
            word = "view" if kind == "VIEW" else "table"
            connection.execute(f'drop {word} {schema}."{table}"')


def write_parquet(snapshot: Path, home: Home, version: int) -> Path:
    """Export every table of a snapshot to a folder of its own, named when complete."""
    folder = home.published / "parquet" / f"{version:06d}"
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    partial.parent.chmod(0o755)
    with open_snapshot(snapshot) as connection:
        for schema, table in published_tables(connection, snapshot.stem):
            target = partial / f"{schema}.{table}.parquet"
            connection.execute(
                f"copy {schema}.{table} to {_quoted(target)} (format parquet)"
            )
            target.chmod(0o444)
            fault_point("publish")
    partial.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)
    return folder


def point_current_at(home: Home, version: int) -> None:
    """Move `current.duckdb`, then the Parquet link, each in one step."""
    _move_link(home.current, snapshot_path(home, version).name)
    fault_point("publish")
    if (home.published / "parquet" / f"{version:06d}").is_dir():
        _move_link(home.published / "parquet" / "current", f"{version:06d}")


def roll_back(home: Home, version: int | None = None) -> int:
    """Point `current` at an earlier snapshot that opens.

    Parameters
    ----------
    home : Home
    version : int, optional
        The version wanted; by default the newest before the current one.

    Raises
    ------
    ConfigurationError
        If there is no such version; those that are there are listed.
    TesseraError
        If it does not open.
    """
    there = versions(home)
    current = current_version(home)
    earlier = [each for each in there if current is None or each < current]
    if version is None and not earlier:
        raise ConfigurationError(f"no earlier snapshot in {home.published}")
    wanted = earlier[-1] if version is None else version
    if wanted not in there:
        listed = ", ".join(map(str, there)) or "none"
        raise ConfigurationError(f"no snapshot {wanted}; there are: {listed}")
    try:
        with open_snapshot(snapshot_path(home, wanted)) as snapshot:
            snapshot.execute("from ops.runs").fetchall()
    except duckdb.Error as error:
        raise TesseraError(f"snapshot {wanted} does not open: {error}") from error
    point_current_at(home, wanted)
    return wanted


def remove_old(home: Home) -> None:
    """Keep the newest `keep_snapshots` versions, and always the current one."""
    there = versions(home)
    keep = {*there[-home.settings.keep_snapshots :], current_version(home)}
    for version in there:
        if version not in keep:
            snapshot_path(home, version).unlink()
    for folder in (home.published / "parquet").glob("[0-9]*"):
        if int(folder.name) not in keep:
            shutil.rmtree(folder)


def remove_leftovers(home: Home) -> None:
    """Remove the unfinished files that a killed publication left behind."""
    for path in home.published.glob(".tessera_*.partial*"):
        path.unlink()
    for folder in (home.published / "parquet").glob(".*.partial"):
        shutil.rmtree(folder)


def place_page(page: Path | str, folder: Path) -> Path:
    """Put one HTML page (a file, or its text) where readers look, in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    partial = folder / ".index.html.partial"
    if isinstance(page, Path):
        shutil.copyfile(page, partial)
    else:
        partial.write_text(page, encoding="utf-8")
    partial.chmod(0o644)
    os.replace(partial, folder / "index.html")
    return folder / "index.html"


def _close_run(
    connection: duckdb.DuckDBPyConnection, publication: Publication, n_bytes: int
) -> None:
    """Say in the snapshot itself that its run ended well."""
    run = publication.run
    ledger.record_stage(
        connection,
        run.run_id,
        "publish",
        publication.seconds_so_far,
        len(published_tables(connection)),
        n_bytes,
        table="snapshot.ops.run_stages",
    )
    ledger.update_run(
        connection,
        run.run_id,
        table="snapshot.ops.runs",
        status="published",
        finished_at=publication.finished_at,
        snapshot_version=publication.version,
    )


def _shared_columns(
    connection: duckdb.DuckDBPyConnection, private: str, published: str
) -> str:
    """List the columns that a private table and one of the snapshot both have."""
    columns = (
        "select column_name from information_schema.columns "
        "where table_catalog = ? and table_schema || '.' || table_name = ?"
    )
    rows = connection.execute(
        f"{columns} intersect {columns}",
        ["work", private, "current_snapshot", published],
    ).fetchall()
    return ", ".join(sorted(name for (name,) in rows))


def _make_durable(path: Path) -> None:
    """Have the operating system write a file out before it is named."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _move_link(link: Path, target: str) -> None:
    """Replace a symbolic link in one step."""
    fresh = link.with_name(f".{link.name}.link")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    os.replace(fresh, link)


def _quoted(path: Path) -> str:
    """Write a path as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"
