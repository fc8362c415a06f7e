"""What users edit, and what is opened, is checked before anybody is segmented by it."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from ml.candidates import Candidate
from ml.clustering import ClusterModel
from ml.errors import ModelRefusedError
from ml.models import SegmentModel, to_bytes
from ml.partition import Partition
from ml.preprocessing import build_preprocessor
from ml.segmentation import Persons
from ml.structure import Verdict
from warehouse.errors import ConfigurationError, TesseraError
from warehouse.home import Home
from warehouse.raw_tables import create_tables
from warehouse.segmentation import _ids_ever_given, _open_model, segment_persons

FEATURES = pd.DataFrame({"n_orders": range(6)}, index=list("abcdef"))


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(
        "create schema marts; create schema intermediate; create schema seeds; "
        "create table marts.user_features (user_id varchar, n_orders bigint); "
        "create table marts.user_rfm (user_id varchar, rfm_segment varchar); "
        "create table seeds.rfm_segments (segment_rank int, "
        "rfm_segment varchar, persona_name varchar); "
        "create table intermediate.int_user_traits_aggregated (user_id varchar); "
        "create table intermediate.int_user_contexts_described (user_id varchar)"
    )
    return connection


@pytest.fixture
def persons() -> Persons:
    none = pd.DataFrame(index=FEATURES.index)
    return Persons(FEATURES, none, none, pd.Series(), {"Champions": "The Champion"})


def test_a_catalog_of_names_that_cannot_be_used_is_refused(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
):
    connection.execute(
        "create table seeds.segment_names as select 'Regulars' as segment_name, "
        "'The Regular' as persona_name, 10 as priority, 'n_order' as feature, "
        "'high' as direction, null::double as threshold"
    )

    with pytest.raises(ConfigurationError, match=r"n_order,high,: .* 'n_orders'"):
        segment_persons(connection, Home.at(tmp_path))


@pytest.mark.parametrize(
    "table",
    ["marts.user_rfm", "intermediate.int_user_contexts_described", None],
)
def test_what_is_not_built_yet_is_told(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, table: str | None
):
    if table is not None:
        connection.execute(f"drop table {table}")

    with pytest.raises(TesseraError, match=rf"{table or 'seeds.segment_names'} is not"):
        segment_persons(connection, Home.at(tmp_path))


def test_a_model_that_reads_features_that_are_no_more_is_refused(persons: Persons):
    was = FEATURES.rename(columns={"n_orders": "n_wishes"})
    prepare = build_preprocessor(was).fit(was)
    points = prepare.transform(was)
    model = SegmentModel(
        ClusterModel(
            prepare=prepare,
            partition=Partition(points[[0, 5]], pd.Series([0, 1]).to_numpy(), 1.0),
            feature_names=("n_wishes",),
            winner=Candidate("kmeans-2", "kmeans", {"n_clusters": 2}),
            reduction="principal",
            scores=pd.DataFrame(
                columns=["silhouette", "calinski_harabasz", "davies_bouldin"]
            ),
            verdict=Verdict(True, 0.9, 0.1, "clear"),
            merges=pd.DataFrame(),
            n_learnt=6,
            n_contested=6,
        ),
        None,
        {},
    )

    with pytest.raises(ModelRefusedError, match="features that are no more: n_wishes"):
        _open_model(persons, to_bytes(model))


def test_a_model_that_knows_not_all_rfm_segments_is_refused(persons: Persons):
    card = {"segments": {"Others": {"id": "segment_1", "name": "Others"}}}

    with pytest.raises(ModelRefusedError, match="does not know: Champions"):
        _open_model(persons, to_bytes(SegmentModel(None, None, card)))


def test_no_id_that_was_ever_published_is_given_again():
    connection = duckdb.connect()
    create_tables(connection)
    for table, columns in {
        "segment_history": {"segment_id": "segment_1"},
        "segment_changes": {
            "from_segment_id": "segment_2",
            "to_segment_id": "segment_3",
        },
        "segment_successors": {"segment_id": "segment_4", "successor_id": None},
    }.items():
        connection.execute(
            f"insert into previous.{table} ({', '.join(columns)}) values "
            f"({', '.join('?' for _ in columns)})",
            list(columns.values()),
        )

    assert _ids_ever_given(connection) == [f"segment_{n}" for n in (1, 2, 3, 4)]
