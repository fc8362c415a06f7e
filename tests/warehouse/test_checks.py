"""What a check says, of what it finds."""

from datetime import date

import duckdb
import pytest

from warehouse.checks import amounts_converted, currencies_agree, segments_kept
from warehouse.raw_tables import create_tables


@pytest.fixture
def rated() -> duckdb.DuckDBPyConnection:
    """A warehouse that knows which amounts have a rate."""
    connection = duckdb.connect()
    connection.execute("create schema intermediate")
    connection.execute(
        "create table intermediate.int_exchange_rates_dated "
        "(currency varchar, rate double, n_amounts bigint, amount_date date)"
    )
    connection.execute(
        "insert into intermediate.int_exchange_rates_dated values "
        "('GBP', 1.5, 9, '2026-01-02')"
    )
    return connection


def test_amounts_with_a_rate_are_no_matter(rated: duckdb.DuckDBPyConnection):
    assert amounts_converted(rated).verdict == "passed"


def test_amounts_without_a_rate_are_counted_by_currency(
    rated: duckdb.DuckDBPyConnection,
):
    rated.executemany(
        "insert into intermediate.int_exchange_rates_dated values (?, null, ?, ?)",
        [
            ["USD", 1000, date(2026, 1, 1)],
            ["USD", 234, date(2026, 1, 3)],
            ["ANN@EXAMPLE.ORG", 2, date(2026, 1, 1)],
            ["£", 3, date(2026, 1, 2)],
        ],
    )

    check = amounts_converted(rated)

    assert (check.verdict, check.severity, check.value) == ("failed", "warn", 1239)
    assert "1,239 events" in check.explanation
    assert (
        "USD (1,234, last on 2026-01-03), "
        "what is no code of three letters (5, last on 2026-01-02)"
    ) in check.explanation


def test_currencies_that_are_added_up_as_they_are_are_told(
    rated: duckdb.DuckDBPyConnection,
):
    create_tables(rated)
    rated.execute("delete from intermediate.int_exchange_rates_dated")
    rated.execute("drop table raw.order_lines")
    rated.execute(
        "create table raw.order_lines as select "
        "unnest([5, 5, null]) as unit_price, "
        "unnest(['EUR', ' eur', 'USD']) as currency"
    )
    assert currencies_agree(rated).verdict == "passed"

    rated.execute("update raw.order_lines set unit_price = 1")

    check = currencies_agree(rated)
    assert (check.verdict, check.severity, check.value) == ("failed", "warn", 2)
    assert "EUR (2), USD (1)" in check.explanation
    rated.execute(
        "insert into intermediate.int_exchange_rates_dated values "
        "('USD', 1.1, 1, '2026-01-01')"
    )
    assert currencies_agree(rated).verdict == "passed"


@pytest.fixture
def segmented() -> duckdb.DuckDBPyConnection:
    """A warehouse whose last snapshot had five persons, one of them provisionally."""
    connection = duckdb.connect()
    create_tables(connection)
    connection.execute(
        "insert into previous.user_segments by name select "
        "unnest(['ann', 'bob', 'cat', 'dan', 'new']) as user_id, 's1' as segment_id, "
        "'m1' as model_version, user_id = 'new' as is_provisional"
    )
    connection.execute("create schema segments")
    connection.execute(
        "create table segments.user_segments as select "
        "user_id, segment_id, model_version from previous.user_segments"
    )
    return connection


def test_half_may_change_their_segment_and_more_is_a_warning(
    segmented: duckdb.DuckDBPyConnection,
):
    segmented.execute(
        "update segments.user_segments set segment_id = 's2' "
        "where user_id in ('ann', 'bob', 'new')"
    )
    check = segments_kept(segmented)
    assert (check.verdict, check.severity, check.value) == ("passed", "warn", 0.5)

    segmented.execute("delete from segments.user_segments where user_id = 'dan'")
    segmented.execute("insert into segments.user_segments values ('eve', 's1', 'm1')")
    check = segments_kept(segmented)
    assert (check.verdict, check.value) == ("failed", 2 / 3)
    assert "of 3 persons who were in a segment before 2 are in" in check.explanation
    assert "the model is the same" in check.explanation

    segmented.execute("update segments.user_segments set model_version = 'm2'")
    assert "the model is another one" in segments_kept(segmented).explanation


@pytest.mark.parametrize("emptied", ["previous", "segments"])
def test_where_nobody_was_or_is_segmented_nobody_has_moved(
    segmented: duckdb.DuckDBPyConnection, emptied: str
):
    segmented.execute(f"delete from {emptied}.user_segments")

    check = segments_kept(segmented)

    assert (check.verdict, check.value) == ("passed", 0)
