"""Which tables go to `ml`, and where its answers go."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import duckdb
import pandas as pd

from warehouse.connection import transaction
from warehouse.derived_tables import ML
from warehouse.errors import ConfigurationError, TesseraError
from warehouse.faults import fault_point
from warehouse.home import Home
from warehouse.model_store import keep_model, open_last_good
from warehouse.publication import Progress, silent

if TYPE_CHECKING:
    from ml.models import SegmentModel
    from ml.segmentation import Options, Persons


@dataclass(frozen=True)
class Segmentation:
    """What the segmentation of one run came to."""

    n_persons: int
    n_segments: int
    model_version: str | None
    was_trained: bool
    message: str
    refusals: list[str] = field(default_factory=list)  # of models, a sentence each


def segment_persons(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    *,
    train: bool = False,
    progress: Progress = silent,
) -> Segmentation:
    """Assign every person to a segment and describe it; replace the `ml` tables.

    The model is the one behind the current snapshot, or the last good one before it; it
    is fitted anew if `train` asks for it, or if there is none that serves these
    features. With too few persons the tables are emptied, and the message says so.

    Raises
    ------
    TesseraError
        If the features are not built yet.
    ConfigurationError
        If the catalog of names cannot be used.
    """
    from ml.errors import TooFewPersonsError
    from ml.matching import find_successors
    from ml.models import to_bytes
    from ml.segmentation import Memory, apply_segments, train_segments

    persons = _read_persons(connection)
    names = _read_names(connection, persons.features)
    previous = _read_frame(connection, "previous.user_segments")
    model, refusals = open_last_good(home, connection, partial(_open_model, persons))
    is_new = train or model is None
    n_persons = len(persons.features)
    try:
        if is_new:
            progress(f"letting clusterings of {n_persons:,} persons compete")
            memory = Memory(previous, _ids_ever_given(connection), model)
            model = train_segments(persons, memory, names, _options(home))
        progress(f"describing segments of {n_persons:,} persons")
        answers = apply_segments(model, persons)
    except TooFewPersonsError as error:
        _replace_tables(connection, {})
        message = f"nobody is segmented: {error}"
        return Segmentation(n_persons, 0, None, False, message, refusals)
    version = model.card["version"]
    tables = {f"ml.{table}": frame for table, frame in vars(answers).items()}
    if is_new:
        content = to_bytes(model)
        sha256 = keep_model(home, version, content)
        tables["ml.segment_models"] = _registered(model).assign(
            sha256=sha256, n_bytes=len(content)
        )
        tables["ml.segment_successors"] = find_successors(
            previous["segment_id"],
            answers.user_segments.set_index("user_id")["segment_id"],
        ).assign(model_version=version)
    fault_point("segment")
    _replace_tables(connection, tables)
    served = set(previous["model_version"].dropna())
    n_segments = len(answers.segment_catalog)
    told = f"{n_persons:,} persons in {n_segments} segments"
    by_what = _tell_model(model, is_new=is_new, is_serving=version in served)
    return Segmentation(
        n_persons=n_persons,
        n_segments=n_segments,
        model_version=version,
        was_trained=is_new,
        message="\n".join([f"{told}, {by_what}", *refusals]),
        refusals=refusals,
    )


def _tell_model(model: SegmentModel, *, is_new: bool, is_serving: bool) -> str:
    """Say in words by what persons were assigned."""
    version = model.card["version"]
    if model.clusters is None:
        return f"by RFM: {model.card['verdict']}"
    if is_new:
        return f"fitted anew: {version}"
    if is_serving:
        return f"assigned with the current model {version}"
    return f"assigned with an earlier model, {version}, the last good one"


def _ids_ever_given(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """List the ids of all segments that ever were published.

    History alone does not have them all: an interval of no length is none.
    """
    rows = connection.execute(
        """
        select segment_id from previous.segment_history
        union select from_segment_id from previous.segment_changes
        union select to_segment_id from previous.segment_changes
        union select segment_id from previous.segment_successors
        union select successor_id from previous.segment_successors
        order by 1
        """
    ).fetchall()
    return [segment_id for (segment_id,) in rows if segment_id is not None]


def _read_persons(connection: duckdb.DuckDBPyConnection) -> Persons:
    """Read all that is known of persons."""
    from ml.segmentation import Persons

    rfm = _read_frame(connection, "marts.user_rfm")
    seed = _read_frame(connection, "seeds.rfm_segments", key="segment_rank")
    return Persons(
        features=_read_frame(connection, "marts.user_features"),
        traits=_read_frame(connection, "intermediate.int_user_traits_aggregated"),
        contexts=_read_frame(connection, "intermediate.int_user_contexts_described"),
        rfm_segments=rfm["rfm_segment"],
        rfm_personas=dict(zip(seed["rfm_segment"], seed["persona_name"], strict=True)),
    )


def _options(home: Home) -> Options:
    """Say how a fit is to be made, as the settings have it."""
    from ml.segmentation import Options

    settings = home.settings
    return Options(
        methods=tuple(settings.segment_methods),
        fewest_segments=settings.fewest_segments,
        most_segments=settings.most_segments,
        least_share=settings.least_segment_share,
        scaling=settings.segment_scaling,
    )


def _open_model(persons: Persons, content: bytes) -> SegmentModel:
    """Open a model; one that cannot serve these persons is refused."""
    from ml.errors import ModelRefusedError
    from ml.models import from_bytes

    model = from_bytes(content)
    if model.clusters is None:
        if unknown := sorted(set(persons.rfm_personas) - set(model.card["segments"])):
            raise ModelRefusedError(
                f"there are RFM segments that it does not know: {', '.join(unknown)}"
            )
    elif gone := sorted(set(model.clusters.feature_names) - set(persons.features)):
        raise ModelRefusedError(
            f"it reads features that are no more: {', '.join(gone)}"
        )
    return model


def _registered(model: SegmentModel) -> pd.DataFrame:
    """Tell the registry of a model, but for its file."""
    import numpy
    import sklearn
    import skops

    from ml.models import FORMAT
    from ml.registry import register_model

    versions = {"format": FORMAT} | {
        library.__name__: library.__version__ for library in (numpy, sklearn, skops)
    }
    return register_model(model).assign(versions=json.dumps(versions))


def _read_names(
    connection: duckdb.DuckDBPyConnection, features: pd.DataFrame
) -> pd.DataFrame:
    """Read the catalog of names, and refuse one that cannot be used."""
    from ml.catalog import read_catalog
    from ml.errors import CatalogRefusedError

    names = _read_frame(connection, "seeds.segment_names", key="segment_name")
    names = names.reset_index()
    try:
        read_catalog(names, features.columns)
    except CatalogRefusedError as refusal:
        raise ConfigurationError(f"seeds/segment_names.csv: {refusal}") from refusal
    return names


def _read_frame(
    connection: duckdb.DuckDBPyConnection, table: str, *, key: str = "user_id"
) -> pd.DataFrame:
    """Read one table, such as of persons, indexed and sorted by its key."""
    try:
        frame = connection.execute(f"from {table} order by {key}").df()
    except duckdb.CatalogException as error:
        raise TesseraError(
            f"{table} is not built yet: run `tessera build` first"
        ) from error
    return frame.set_index(key)


def _replace_tables(
    connection: duckdb.DuckDBPyConnection, tables: dict[str, pd.DataFrame]
) -> None:
    """Replace the content of every `ml` table in one transaction."""
    with transaction(connection):
        for table, columns in ML.items():
            connection.execute(f"delete from {table}")
            frame = tables.get(table, pd.DataFrame())
            if frame.empty:
                continue
            connection.register("answer", frame[list(columns)])
            connection.execute(f"insert into {table} by name from answer")
            connection.unregister("answer")
