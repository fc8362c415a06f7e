"""Published snapshots: written fresh, checked, made immutable, then pointed at.

Readers follow `current.duckdb`, a symbolic link that moves in one step, so that they
see one version or the next and never anything between. What becomes of a version once
it is there is told in `versions`.
"""

import hashlib
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
from warehouse.connection import SHARED_STORAGE, memory_limit, open_snapshot
from warehouse.faults import fault_point
from warehouse.home import Home
from warehouse.keys import sync_folder

PUBLISHED_SCHEMAS = ("marts", "segments", "ops")

# Adding hashes up leaves nothing of the order of rows, and all of how often one occurs.
FINGERPRINT = (
    "select count(*), coalesce(sum(hash(row)::hugeint), 0)::varchar from {} as row"
)
SUMS = "SHA256SUMS"

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


def _parquet_folder(home: Home, version: int) -> Path:
    """Name the folder of a version's Parquet files."""
    return home.published / "parquet" / f"{version:06d}"


def versions(home: Home) -> list[int]:
    """List the versions that are there, oldest first."""
    if not home.published.exists():
        return []
    found = (_SNAPSHOT_NAME.match(path.name) for path in home.published.iterdir())
    return sorted(int(match[1]) for match in found if match)


def version_pointed_at(home: Home) -> int | None:
    """Read the version in the name that `current` points at, if there or not."""
    if not home.current.is_symlink():
        return None
    match = _SNAPSHOT_NAME.match(os.readlink(home.current))
    return int(match[1]) if match else None


def current_version(home: Home) -> int | None:
    """Tell which version readers see, or None before the first."""
    return version_pointed_at(home) if home.current.exists() else None


@contextmanager
def attached_current(
    connection: duckdb.DuckDBPyConnection, home: Home
) -> Generator[bool]:
    """Attach the current snapshot as `current_snapshot`, if there is one."""
    if not home.current.exists():
        yield False
        return
    with attached(connection, home.current.resolve()):
        yield True


@contextmanager
def attached(connection: duckdb.DuckDBPyConnection, path: Path) -> Generator[None]:
    """Attach a snapshot as `current_snapshot`, for reading."""
    connection.execute(f"attach {_quoted(path)} as current_snapshot (read_only)")
    try:
        yield
    finally:
        connection.execute("detach current_snapshot")


def write_snapshot(
    connection: duckdb.DuckDBPyConnection, home: Home, publication: Publication
) -> Path:
    """Write the published schemas to a fresh file and give it its final name.

    The file is complete, on disk and read-only before it has its name, and has its
    checksum beside it soon after; `current` does not move here.

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
        tables = published_tables(connection)
        for schema, table in tables:
            connection.execute(
                f"create table snapshot.{schema}.{table} as "
                f"from work.{schema}.{table} order by all"
            )
            fault_point("publish")
        connection.execute("checkpoint snapshot")
        _close_run(connection, publication, partial.stat().st_size)
        _describe_version(connection, publication, tables)
        connection.execute("checkpoint snapshot")
    finally:
        connection.execute("detach snapshot")
    _make_durable(partial)
    partial.chmod(0o444)
    sha256 = hash_file(partial)
    fault_point("publish")
    # A run that is taken up again may have left those of its first attempt.
    checksum_path(final).unlink(missing_ok=True)
    shutil.rmtree(_parquet_folder(home, publication.version), ignore_errors=True)
    fault_point("publish")
    os.replace(partial, final)
    fault_point("publish")
    write_checksum(final, sha256)
    return final


def hash_file(path: Path) -> str:
    """Tell the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum_path(snapshot: Path) -> Path:
    """Name the file beside a snapshot that tells its hash."""
    return snapshot.with_name(f"{snapshot.name}.sha256")


def write_checksum(snapshot: Path, sha256: str) -> None:
    """Write a snapshot's hash beside it, as `sha256sum -c` reads it, in one step."""
    _place_text(checksum_path(snapshot), f"{sha256}  {snapshot.name}\n")
    sync_folder(snapshot.parent)


def _place_text(path: Path, text: str) -> None:
    """Write a file that all may read, and give it its name when it is complete."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    partial.write_text(text, encoding="utf-8")
    _make_durable(partial)
    partial.chmod(0o444)
    fault_point("publish")
    os.replace(partial, path)


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
    folder = _parquet_folder(home, version)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    partial.parent.chmod(0o755)
    with open_snapshot(snapshot) as connection:
        connection.execute(f"set memory_limit = '{memory_limit(home)}'")
        connection.execute(f"set temp_directory = {_quoted(home.spill)}")
        for schema, table in published_tables(connection, snapshot.stem):
            target = partial / f"{schema}.{table}.parquet"
            connection.execute(
                f"copy {schema}.{table} to {_quoted(target)} (format parquet)"
            )
            _make_durable(target)
            target.chmod(0o444)
            fault_point("publish")
    sums = [f"{hash_file(file)}  {file.name}\n" for file in sorted(partial.iterdir())]
    _place_text(partial / SUMS, "".join(sums))
    partial.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)
    sync_folder(partial)
    os.replace(partial, folder)
    sync_folder(folder.parent)
    return folder


def is_parquet_good(home: Home, version: int) -> bool:
    """Tell whether the Parquet files of a version are what was written.

    Those of an earlier version of Tessera, which have no sums, are if they are there.
    """
    folder = _parquet_folder(home, version)
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        told = [line.split("  ", 1) for line in lines]
        return all(hash_file(folder / name) == sha256 for sha256, name in told)
    except FileNotFoundError:
        return folder.is_dir() and not (folder / SUMS).exists()
    except (OSError, ValueError):
        return False


def point_current_at(home: Home, version: int) -> None:
    """Move `current.duckdb`, then the Parquet link, each in one step."""
    _move_link(home.current, snapshot_path(home, version).name)
    fault_point("publish")
    link = home.published / "parquet" / "current"
    if link.is_dir() and not link.is_symlink():  # somebody copied it
        shutil.rmtree(link)
    folder = _parquet_folder(home, version)
    if folder.is_dir():
        _move_link(link, folder.name)


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


def _describe_version(
    connection: duckdb.DuckDBPyConnection,
    publication: Publication,
    tables: list[tuple[str, str]],
) -> None:
    """Say in the snapshot itself what it is made of, and what it holds."""
    version = publication.version
    hashes = hashlib.sha256()
    rows = []
    for schema, table in tables:
        n_rows, fingerprint = connection.execute(
            FINGERPRINT.format(f"snapshot.{schema}.{table}")
        ).fetchall()[0]
        if schema == "ops":
            fingerprint = None
            n_rows += {"snapshots": 1, "snapshot_tables": len(tables)}.get(table, 0)
        else:
            hashes.update(f"{schema}.{table} {n_rows} {fingerprint}\n".encode())
        rows.append([version, schema, table, n_rows, fingerprint])
    connection.executemany(
        "insert into snapshot.ops.snapshot_tables (snapshot_version, table_schema, "
        "table_name, n_rows, fingerprint) values (?, ?, ?, ?, ?)",
        rows,
    )
    connection.execute(
        "insert into snapshot.ops.snapshots by name "
        "select built_of.*, ? as snapshot_version, ? as run_id, ? as as_of, "
        "? as published_at, ? as tables_fingerprint, "
        "(select max(model_version) from ml.user_segments) as model_version "
        "from (select 1) left join ledger.built_of as built_of on true",
        [
            version,
            publication.run.run_id,
            publication.run.as_of,
            publication.finished_at,
            hashes.hexdigest(),
        ],
    )


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
    sync_folder(link.parent)


def _quoted(path: Path) -> str:
    """Write a path as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"
