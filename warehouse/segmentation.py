"""Which tables go to `ml`, and where its answers go."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from warehouse.errors import TesseraError
from warehouse.faults import fault_point
from warehouse.home import Home
from warehouse.raw_tables import ML


@dataclass(frozen=True)
class Segmentation:
    """What the segmentation of one run came to."""

    n_persons: int
    n_segments: int
    model_version: str | None
    was_trained: bool
    message: str


def segment_persons(
    connection: duckdb.DuckDBPyConnection, home: Home, *, train: bool = False
) -> Segmentation:
    """Assign every person to a segment and describe it; replace the `ml` tables.

    The model is the one behind the current snapshot; it is fitted anew if `train` asks
    for it, or if there is none that serves these features. With too few persons the
    tables are emptied, and the message says so.

    Raises
    ------
    TesseraError
        If the features are not built yet.
    """
    from ml.errors import TooFewPersonsError

    features = _read_frame(connection, "marts.user_features")
    traits = _read_frame(connection, "intermediate.int_user_traits_aggregated")
    previous = connection.execute(
        "select user_id, segment_id, segment_name, model_version "
        "from previous.user_segments order by user_id"
    ).df()
    model_bytes = None if train else _current_model(home, previous)
    try:
        found = _segment(features, traits, previous, model_bytes)
    except TooFewPersonsError as error:
        _replace_tables(connection, {table: pd.DataFrame() for table in ML})
        return Segmentation(
            len(features), 0, None, False, f"nobody is segmented: {error}"
        )
    if found.fresh_model is not None:
        _keep_model(home, found.version, found.fresh_model)
    fault_point("segment")
    _replace_tables(connection, found.tables)
    was_trained = found.fresh_model is not None
    n_segments = len(found.tables["ml.segment_catalog"])
    verb = "fitted anew" if was_trained else "assigned with the current model"
    return Segmentation(
        n_persons=len(features),
        n_segments=n_segments,
        model_version=found.version,
        was_trained=was_trained,
        message=f"{len(features):,} persons in {n_segments} segments, {verb}",
    )


def model_path(home: Home, version: str) -> Path:
    """Name the file of a model version."""
    return home.models / f"{version}.skops"


@dataclass(frozen=True)
class _Found:
    version: str
    tables: dict[str, pd.DataFrame]
    fresh_model: bytes | None


def _segment(
    features: pd.DataFrame,
    traits: pd.DataFrame,
    previous: pd.DataFrame,
    model_bytes: bytes | None,
) -> _Found:
    """Chain the steps of `ml`, from features to the four tables."""
    raise NotImplementedError


def _read_frame(connection: duckdb.DuckDBPyConnection, table: str) -> pd.DataFrame:
    """Read one table of persons, indexed and sorted by `user_id`."""
    try:
        frame = connection.execute(f"from {table} order by user_id").df()
    except duckdb.CatalogException as error:
        raise TesseraError(
            f"{table} is not built yet: run `tessera build` first"
        ) from error
    return frame.set_index("user_id")


def _current_model(home: Home, previous: pd.DataFrame) -> bytes | None:
    """Read the model behind the current snapshot, if its bytes are what was kept."""
    versions = previous["model_version"].dropna().unique()
    if len(versions) != 1:
        return None
    path = model_path(home, versions[0])
    seal = path.with_suffix(".sha256")
    if not (path.exists() and seal.exists()):
        return None
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != seal.read_text().strip():
        return None
    return content


def _keep_model(home: Home, version: str, content: bytes) -> None:
    """Write a model and its seal, the seal last."""
    path = model_path(home, version)
    seal = path.with_suffix(".sha256")
    digest = hashlib.sha256(content).hexdigest()
    for target, written in ((path, content), (seal, f"{digest}\n".encode())):
        partial = target.with_name(f".{target.name}.partial")
        partial.write_bytes(written)
        partial.chmod(0o600)
        partial.replace(target)
        fault_point("segment")


def _replace_tables(
    connection: duckdb.DuckDBPyConnection, tables: dict[str, pd.DataFrame]
) -> None:
    """Replace the content of every `ml` table in one transaction."""
    connection.execute("begin")
    try:
        for table, columns in ML.items():
            connection.execute(f"delete from {table}")
            frame = tables[table]
            if frame.empty:
                continue
            connection.register("answer", frame[list(columns)])
            connection.execute(f"insert into {table} by name from answer")
            connection.unregister("answer")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
