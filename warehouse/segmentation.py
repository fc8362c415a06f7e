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

if TYPE_CHECKING:
    from ml.clustering import ClusterModel


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
    ConfigurationError
        If the catalog of names cannot be used.
    """
    from ml.errors import TooFewPersonsError

    features = _read_frame(connection, "marts.user_features")
    traits = _read_frame(connection, "intermediate.int_user_traits_aggregated")
    names = _read_names(connection, features)
    previous = connection.execute(
        "select user_id, segment_id, segment_name, model_version "
        "from previous.user_segments order by user_id"
    ).df()
    retired = connection.execute(
        "select distinct segment_id from previous.segment_history order by segment_id"
    ).fetchall()
    serving, refusals = None, []
    if not train:
        serving, refusals = open_last_good(
            home, connection, partial(_open_model, features)
        )
    try:
        found = _segment(
            features,
            traits,
            names,
            previous,
            [segment_id for (segment_id,) in retired],
            serving,
        )
    except TooFewPersonsError as error:
        _replace_tables(connection, {table: pd.DataFrame() for table in ML})
        return Segmentation(
            len(features), 0, None, False, f"nobody is segmented: {error}", refusals
        )
    if found.fresh_model is not None:
        sha256 = keep_model(home, found.version, found.fresh_model)
        found.tables["ml.segment_models"] = found.registered.assign(
            sha256=sha256, n_bytes=len(found.fresh_model)
        )
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
        refusals=refusals,
    )


@dataclass(frozen=True)
class _Found:
    """The four answers of `ml`, and the model's bytes if it was fitted just now."""

    version: str
    tables: dict[str, pd.DataFrame]
    fresh_model: bytes | None
    registered: pd.DataFrame


def _segment(
    features: pd.DataFrame,
    traits: pd.DataFrame,
    names: pd.DataFrame,
    previous: pd.DataFrame,
    retired: list[str],
    serving: tuple[ClusterModel, dict] | None,
) -> _Found:
    """Chain the steps of `ml`, from features to its tables."""
    from ml.clustering import assign_clusters, silhouettes_by_cluster
    from ml.contrasts import describe_segments
    from ml.explaining import explain_segments
    from ml.personas import describe_personas

    model, card, fresh_model = (
        (*serving, None) if serving else _train(features, names, previous, retired)
    )
    labels = assign_clusters(model, features)
    silhouettes = silhouettes_by_cluster(model, features, labels)
    described = describe_segments(features, labels).to_frame("description")
    segment_id_of = {int(label): each["id"] for label, each in card["segments"].items()}
    name_of = {each["id"]: each["name"] for each in card["segments"].values()}
    segment_ids = labels.map(segment_id_of)
    personas = describe_personas(features, traits, segment_ids, name_of, names)
    catalog = described.assign(
        segment_id=[segment_id_of[label] for label in described.index],
        silhouette=silhouettes,
        model_version=card["version"],
    )
    catalog["segment_name"] = catalog["segment_id"].map(name_of)
    catalog["rule_text"] = catalog["segment_id"].map(
        explain_segments(features, segment_ids)["rule_text"]
    )
    persons = pd.DataFrame(
        {
            "user_id": segment_ids.index,
            "segment_id": segment_ids.to_numpy(),
            "model_version": card["version"],
        }
    )
    persons["persona_id"] = persons["segment_id"].str.replace("segment_", "persona_")
    persons = persons.assign(
        is_provisional=False, distance=None, confidence=1.0, next_segment_id=None
    )
    catalog = catalog.assign(
        rule_sql="", rule_accuracy=None, rule_precision=None, rule_recall=None
    )
    return _Found(
        version=card["version"],
        tables={
            "ml.user_segments": persons,
            "ml.segment_catalog": catalog,
            "ml.personas": personas,
        },
        fresh_model=fresh_model,
        registered=_registered(model, card),
    )


def _open_model(features: pd.DataFrame, content: bytes) -> tuple[ClusterModel, dict]:
    """Open a model; one that reads features that there are no more is refused."""
    from ml.errors import ModelRefusedError
    from ml.models import from_bytes

    model, card = from_bytes(content)
    if gone := sorted(set(model.feature_names) - set(features)):
        raise ModelRefusedError(
            f"it reads features that are no more: {', '.join(gone)}"
        )
    return model, card


def _registered(model: ClusterModel, card: dict) -> pd.DataFrame:
    """Tell the registry of a model, but for its file."""
    import numpy
    import sklearn
    import skops

    from ml.models import FORMAT

    versions = {"format": FORMAT} | {
        library.__name__: library.__version__ for library in (numpy, sklearn, skops)
    }
    row = {
        "model_version": card["version"],
        "algorithm": "kmeans",
        "n_segments": model.n_clusters,
        "n_persons": card["n_persons"],
        "features": json.dumps(list(model.feature_names)),
        "parameters": json.dumps({"n_clusters": model.n_clusters}),
        "versions": json.dumps(versions),
        "metrics": json.dumps(model.scores.to_dict("list")),
        "verdict": "the best of those that were tried",
    }
    return pd.DataFrame([row])


def _train(
    features: pd.DataFrame,
    catalog: pd.DataFrame,
    previous: pd.DataFrame,
    retired: list[str],
) -> tuple[ClusterModel, dict, bytes]:
    """Fit a model; a segment that goes on keeps its id and its name."""
    from ml.clustering import assign_clusters, fit_clustering
    from ml.matching import match_segments
    from ml.models import model_version, to_bytes
    from ml.naming import name_segments

    model = fit_clustering(features)
    labels = assign_clusters(model, features)
    known = previous.set_index("user_id")
    segment_id_of = match_segments(
        known["segment_id"],
        labels,
        features["revenue"].groupby(labels).mean(),
        retired=retired,
    )
    name_before = known.drop_duplicates("segment_id").set_index("segment_id")
    kept = {
        label: name_before["segment_name"][segment_id]
        for label, segment_id in segment_id_of.items()
        if segment_id in name_before.index
    }
    names = name_segments(features, labels, catalog, kept=kept)["segment_name"]
    card = {
        "version": model_version(features, model.n_clusters),
        "n_persons": len(features),
        "segments": {
            str(label): {"id": segment_id, "name": names[label]}
            for label, segment_id in segment_id_of.items()
        },
    }
    return model, card, to_bytes(model, card)


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
