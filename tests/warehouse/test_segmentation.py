"""What users edit is checked before anybody is segmented by it."""

from pathlib import Path

import duckdb
import pytest

from warehouse.errors import ConfigurationError, TesseraError
from warehouse.home import Home
from warehouse.segmentation import segment_persons


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(
        "create schema marts; create schema intermediate; create schema seeds; "
        "create table marts.user_features (user_id varchar, n_orders bigint); "
        "create table intermediate.int_user_traits_aggregated (user_id varchar); "
    )
    return connection


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


def test_what_is_not_built_yet_is_told(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
):
    with pytest.raises(TesseraError, match=r"seeds\.segment_names is not built yet"):
        segment_persons(connection, Home.at(tmp_path))
