"""What the gates find in what was delivered and in what is about to be published."""

from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from warehouse.connection import open_work
from warehouse.gates.check import Check
from warehouse.gates.deliveries import (
    check_deliveries,
    files_refused,
    quarantined_shares,
)
from warehouse.gates.privacy import BATCH, check_privacy
from warehouse.gates.reconciliation import check_reconciliation
from warehouse.gates.volumes import check_volumes
from warehouse.home import Home
from warehouse.raw_tables import create_tables

AS_OF = datetime(2026, 3, 3, 6)
YESTERDAY = date(2026, 3, 2)
BEFORE = YESTERDAY - timedelta(days=1)


FILE = (
    "insert into ledger.files by name select ? as file_id, ? as load_id, "
    "'web' as source, 'f' || file_id as file, 'events' as kind, "
    "'h' || file_id as sha256, 'loaded' as status, 1 as n_bytes, ? as n_lines, "
    "0 as n_accepted, 0 as n_duplicate, 0 as n_quarantined, 0 as n_blank, "
    "0 as n_withheld, timestamp '2026-02-28 01:00:00' as loaded_at"
)


class Deliveries:
    """A warehouse that knows how much came, and how much usually comes."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        create_tables(self.connection)
        self.connection.execute(
            """
            create schema intermediate;
            create table intermediate.int_source_days_counted (
                source varchar, kind varchar, event_name varchar, n_rows bigint,
                day_date date
            );
            create table intermediate.int_source_days_compared (
                source varchar, kind varchar, n_rows bigint, usual_rows double,
                least_rows bigint, most_rows bigint, n_weeks bigint, day_date date
            );
            create table intermediate.int_event_silences_measured (
                source varchar, event_name varchar, usual_rows double, n_weeks bigint,
                day_date date
            );
            create table intermediate.int_events_identified (source varchar);
            create table intermediate.int_event_duplicates_counted (
                source varchar, n_duplicates bigint
            )
            """
        )
        self.publish(100, day=date(2025, 1, 1))

    def compare(
        self,
        n_rows: int,
        *,
        day: date = YESTERDAY,
        source: str = "web",
        kind: str = "events",
        **other: float,
    ) -> None:
        """Put a day beside what is usual: 100, 80 at least, 200 on the fullest day."""
        usual = {"usual_rows": 100, "least_rows": 80, "most_rows": 200, "n_weeks": 8}
        known = usual | other
        self.connection.execute(
            "insert into intermediate.int_source_days_compared by name select "
            "? as source, ? as kind, ? as n_rows, ? as usual_rows, "
            "? as least_rows, ? as most_rows, ? as n_weeks, ? as day_date",
            [source, kind, n_rows, *(known[name] for name in usual), day],
        )

    def publish(
        self,
        n_rows: int,
        day: date = YESTERDAY,
        source: str = "web",
        kind: str = "events",
    ) -> None:
        """Say what the last snapshot had of a day."""
        self.connection.execute(
            "insert into previous.source_days values (?, ?, ?, ?)",
            [source, kind, n_rows, day],
        )

    def silence(self, event_name: str, **other) -> None:
        """Miss one kind of event."""
        found = {"usual_rows": 40, "n_weeks": 8, "day_date": YESTERDAY} | other
        self.connection.execute(
            "insert into intermediate.int_event_silences_measured "
            "values ('web', ?, ?, ?, ?)",
            [event_name, *found.values()],
        )
        self.count(date(2026, 2, 1), event_name=event_name)

    def count(self, *days: date, source: str = "web", event_name: str = "view") -> None:
        """Have something of these days."""
        self.connection.executemany(
            "insert into intermediate.int_source_days_counted "
            "values (?, 'events', ?, 9, ?)",
            [[source, event_name, day] for day in days],
        )

    def check(self, as_of: datetime = AS_OF) -> dict[str, Check]:
        found = check_deliveries(self.connection, as_of) + check_volumes(
            self.connection
        )
        return {check.check_name: check for check in found}


@pytest.fixture
def deliveries() -> Deliveries:
    return Deliveries()


@pytest.mark.parametrize(
    ("n_rows", "stops"), [(10, True), (29, True), (30, False), (100, False)]
)
def test_a_day_with_less_than_a_third_stops_a_publication(
    deliveries: Deliveries, n_rows: int, stops: bool
):
    deliveries.compare(n_rows)

    check = deliveries.check()["volume_drop:web/events"]

    assert check.stops is stops
    assert f"{n_rows} on 2026-03-02, where that weekday has 100" in check.explanation
    assert not deliveries.check()["volume_spike:web/events"].stops


def test_a_day_without_any_row_may_be_a_holiday_and_is_told(deliveries: Deliveries):
    deliveries.compare(0, day=BEFORE)
    deliveries.compare(100)
    deliveries.publish(100)
    check = deliveries.check()["days_missing:web/events"]

    assert (check.verdict, check.value, check.stops) == ("failed", 1, False)
    assert "nothing on 2026-03-01 (usually 100)" in check.explanation
    assert "volume_drop:web/events" not in deliveries.check()
    deliveries.publish(0, day=BEFORE)
    assert deliveries.check()["days_missing:web/events"].value == 1


@pytest.mark.parametrize(("n_rows", "stops"), [(1000, True), (501, True), (500, False)])
def test_a_day_with_more_than_five_times_stops_a_publication(
    deliveries: Deliveries, n_rows: int, stops: bool
):
    deliveries.compare(n_rows)

    assert deliveries.check()["volume_spike:web/events"].stops is stops
    assert not deliveries.check()["volume_drop:web/events"].stops


@pytest.mark.parametrize(
    "other",
    [
        {"n_weeks": 3},
        {"least_rows": 5},
        {"usual_rows": 29, "least_rows": 28},
        {"usual_rows": None, "least_rows": None, "n_weeks": 0},
    ],
)
def test_what_says_too_little_or_was_seen_before_is_no_drop(
    deliveries: Deliveries, other: dict
):
    deliveries.compare(6, **other)

    check = deliveries.check().get("volume_drop:web/events")
    assert check is None or not check.stops


def test_a_newsletter_that_has_its_day_is_no_spike(deliveries: Deliveries):
    deliveries.compare(900, most_rows=800)

    assert not deliveries.check()["volume_spike:web/events"].stops


def test_a_day_is_judged_when_it_is_new_and_again_when_it_has_changed(
    deliveries: Deliveries,
):
    deliveries.compare(1, day=BEFORE)
    deliveries.compare(100)
    deliveries.publish(100)
    assert deliveries.check()["volume_drop:web/events"].stops

    deliveries.publish(1, day=BEFORE)
    assert "volume_drop:web/events" not in deliveries.check()

    deliveries.compare(10, source="app", day=BEFORE)
    deliveries.publish(11, source="app", day=BEFORE)
    assert "volume_drop:app/events" not in deliveries.check()
    deliveries.connection.execute(
        "update previous.source_days set n_rows = 12 where source = 'app'"
    )
    assert deliveries.check()["volume_drop:app/events"].stops


def test_amounts_of_a_hundredth_or_a_hundred_times_as_much_stop_a_publication(
    deliveries: Deliveries,
):
    amounts = {"cents": 9000, "euros": 1, "sale": 1900, "gone": 0, "closed": 0}
    for source, amount in amounts.items():
        for kind, n_rows in (
            ("events", 0 if source == "closed" else 100),
            ("revenue", amount),
        ):
            deliveries.publish(100, day=BEFORE, source=source, kind=kind)
            deliveries.compare(n_rows, source=source, kind=kind)
    found = deliveries.check()

    assert {name for name, check in found.items() if check.stops} == {
        "revenue_spike:cents/revenue",
        "revenue_drop:euros/revenue",
        "revenue_drop:gone/revenue",
    }
    assert not any("/revenue" in name for name in found if "revenue_" not in name)


def test_a_source_that_seldom_sells_may_sell_nothing_or_something(
    deliveries: Deliveries,
):
    deliveries.publish(100, day=BEFORE, kind="revenue")
    deliveries.compare(100, day=BEFORE)
    deliveries.compare(100)
    seldom = {"usual_rows": 0, "least_rows": 0, "most_rows": 50}
    deliveries.compare(0, day=BEFORE, kind="revenue", **seldom)
    deliveries.compare(900, kind="revenue", **seldom)
    deliveries.publish(100, day=BEFORE, kind="revenue", source="new")
    deliveries.compare(100, source="new")
    never = {"usual_rows": 0, "least_rows": 0, "most_rows": 0}
    deliveries.compare(900, kind="revenue", source="new", **never)

    found = deliveries.check()

    assert found["revenue_drop:web/revenue"].value == 0
    assert found["revenue_spike:web/revenue"].value == 900 / 50
    assert found["revenue_spike:new/revenue"].value == 1


def test_a_tiny_day_does_not_hide_a_broken_one(deliveries: Deliveries):
    deliveries.compare(200, usual_rows=1000, least_rows=900, most_rows=1200, day=BEFORE)
    deliveries.compare(1, usual_rows=20, least_rows=18)

    check = deliveries.check()["volume_drop:web/events"]
    assert (check.value, check.stops) == (0.8, True)
    assert "200 on 2026-03-01" in check.explanation


def test_a_drop_that_goes_on_was_accepted_and_another_one_was_not(
    deliveries: Deliveries,
):
    deliveries.compare(10, day=BEFORE)
    deliveries.publish(10, day=BEFORE)
    deliveries.compare(9)
    assert not deliveries.check()["volume_drop:web/events"].stops

    deliveries.connection.execute(
        "update intermediate.int_source_days_compared set n_rows = 25 "
        "where day_date = ?",
        [BEFORE],
    )
    deliveries.publish(25, day=BEFORE)
    deliveries.connection.execute("delete from previous.source_days where n_rows = 10")
    deliveries.compare(9, source="mail")
    deliveries.publish(100, day=BEFORE, source="mail")
    assert deliveries.check()["volume_drop:web/events"].stops
    assert deliveries.check()["volume_drop:mail/events"].stops


def test_a_day_that_passed_excuses_no_worse_one(deliveries: Deliveries):
    deliveries.compare(31, day=BEFORE)
    deliveries.publish(31, day=BEFORE)
    deliveries.compare(25)

    assert deliveries.check()["volume_drop:web/events"].stops


def test_what_was_accepted_does_not_creep(deliveries: Deliveries):
    """By a tenth a day, of which each would go on with the one before it."""
    published = [29, 23]
    for number, n_rows in enumerate(published):
        day = YESTERDAY - timedelta(days=len(published) - number)
        deliveries.compare(n_rows, day=day)
        deliveries.publish(n_rows, day=day)
    deliveries.compare(18)
    assert deliveries.check()["volume_drop:web/events"].stops

    deliveries.connection.execute(
        "update intermediate.int_source_days_compared set n_rows = 22 where n_rows = 18"
    )
    assert deliveries.check()["volume_drop:web/events"].value == 0


def test_a_new_source_and_days_before_those_that_were_published_are_not_judged(
    deliveries: Deliveries,
):
    deliveries.compare(1, source="app")
    deliveries.compare(1, source="mail", day=BEFORE)
    deliveries.publish(100, source="mail")

    assert not any(name.startswith("volume") for name in deliveries.check())


def test_before_the_first_snapshot_no_day_is_judged(deliveries: Deliveries):
    deliveries.compare(1)
    deliveries.connection.execute("delete from previous.source_days")

    assert not any(check.stops for check in deliveries.check().values())


def test_one_kind_of_event_that_falls_silent_stops_a_publication(
    deliveries: Deliveries,
):
    for day in (BEFORE, YESTERDAY):
        deliveries.compare(95, day=day)
    deliveries.publish(95, day=BEFORE)
    deliveries.silence("rare", usual_rows=19)
    deliveries.silence("new", n_weeks=3)
    deliveries.silence("long_gone", day_date=BEFORE)
    assert not deliveries.check()["events_silent:web/events"].stops

    deliveries.silence("add_to_cart")
    check = deliveries.check()["events_silent:web/events"]
    assert (check.value, check.stops) == (1, True)
    assert "add_to_cart on 2026-03-02 (usually 40)" in check.explanation


def test_a_kind_of_event_that_has_ended_is_asked_once(deliveries: Deliveries):
    deliveries.compare(95)
    deliveries.compare(95, day=BEFORE)
    for day in (BEFORE, YESTERDAY):
        deliveries.silence("add_to_cart", day_date=day)
    assert deliveries.check()["events_silent:web/events"].value == 2

    deliveries.publish(95, day=BEFORE)
    check = deliveries.check()["events_silent:web/events"]
    assert (check.value, check.stops) == (0, False)
    deliveries.silence("search")
    deliveries.silence("search", day_date=BEFORE, usual_rows=19)  # too few to be asked
    assert deliveries.check()["events_silent:web/events"].value == 1


def test_a_kind_of_event_that_was_heard_again_and_is_silent_again_is_asked_again(
    deliveries: Deliveries,
):
    days = [YESTERDAY - timedelta(days=back) for back in (2, 1, 0)]
    for day in days:
        deliveries.compare(95, day=day)
    for day in days[:2]:
        deliveries.publish(95, day=day)
    for day in (days[0], days[2]):
        deliveries.silence("add_to_cart", day_date=day)
    assert deliveries.check()["events_silent:web/events"].value == 0

    deliveries.count(days[1], event_name="add_to_cart")
    assert deliveries.check()["events_silent:web/events"].value == 1


@pytest.mark.parametrize(("silent_days", "verdict"), [(0, "passed"), (2, "passed")])
def test_a_source_that_comes_daily_may_be_two_days_late(
    deliveries: Deliveries, silent_days: int, verdict: str
):
    last = YESTERDAY - timedelta(days=silent_days)
    deliveries.count(*(last - timedelta(days=back) for back in range(10)))

    check = deliveries.check()["source_fresh:web/events"]
    assert (check.verdict, check.value) == (verdict, silent_days)

    check = deliveries.check(AS_OF + timedelta(days=1))["source_fresh:web/events"]
    assert (check.verdict, check.stops) == (
        "failed" if silent_days == 2 else "passed",
        False,
    )


def test_a_weekly_source_may_be_silent_for_a_week_and_a_new_one_for_long(
    deliveries: Deliveries,
):
    weekly = [YESTERDAY - timedelta(days=1 + 7 * back) for back in range(6)]
    deliveries.count(*weekly)
    deliveries.count(YESTERDAY - timedelta(days=30), source="once")
    assert deliveries.check()["source_fresh:web/events"].value == 1 / 7

    late = deliveries.check(AS_OF + timedelta(days=14))
    assert late["source_fresh:web/events"].verdict == "failed"
    assert late["source_fresh:once/events"].verdict == "passed"


def test_the_days_of_a_silent_source_are_told_with_what_came_last(
    deliveries: Deliveries,
):
    deliveries.count(*(YESTERDAY - timedelta(days=back) for back in range(3, 12)))
    deliveries.connection.execute(FILE, [1, 1, 90])
    deliveries.connection.execute(
        FILE.replace("'web'", "'other'"),
        [2, 2, 90],
    )
    explanation = deliveries.check()["source_fresh:web/events"].explanation
    assert "its last file came at 2026-02-28 01:00:00 UTC" in explanation

    deliveries.connection.execute(FILE, [3, 2, 0])
    explanation = deliveries.check()["source_fresh:web/events"].explanation
    assert "the last load had 0 lines of it" in explanation


def test_a_list_of_customers_that_does_not_come_any_more_is_told(
    deliveries: Deliveries,
):
    weekly = FILE.replace("'events'", "'users'").replace(
        "timestamp '2026-02-28 01:00:00'",
        "timestamp '2026-02-28 01:00:00' - interval 7 day * ?",
    )
    for week in range(5):
        deliveries.connection.execute(weekly, [week, week, 90, week])

    assert deliveries.check()["source_fresh:web/users"].verdict == "passed"
    check = deliveries.check(AS_OF + timedelta(days=14))["source_fresh:web/users"]
    assert (check.verdict, check.value) == ("failed", 16 / 7)
    assert "its last file came on 2026-02-28, 16 days" in check.explanation


def test_a_source_that_mostly_repeats_itself_is_told(deliveries: Deliveries):
    deliveries.connection.execute(
        "insert into intermediate.int_events_identified select 'web' from range(60);"
        "insert into intermediate.int_event_duplicates_counted "
        "values ('web', 61), ('app', 100)"
    )
    found = deliveries.check()
    assert found["duplicate_share:web"].value == 61 / 121
    assert found["duplicate_share:app"].value == 1
    assert not found["duplicate_share:web"].stops


def test_a_fifth_of_the_new_lines_refused_stops_a_publication(tmp_path: Path):
    home = Home.at(tmp_path)
    with open_work(home) as connection:
        create_tables(connection)
        connection.execute(
            """
            insert into ledger.files by name
            select
                number as file_id, 1 as load_id, source, 'f' || number as file,
                'events' as kind, 'h' || number as sha256, status, 1 as n_bytes,
                100 as n_lines, 0 as n_accepted, 0 as n_duplicate,
                n_bad as n_quarantined, 0 as n_blank, 0 as n_withheld,
                timestamp '2026-01-01' as loaded_at
            from (values
                (1, 'web', 'loaded', 21), (2, 'web', 'duplicate', 100),
                (3, 'app', 'loaded', 20), (4, 'app', 'loaded', 20)
            ) as files (number, source, status, n_bad)
            """
        )
        found = {
            check.check_name: check for check in quarantined_shares(connection, home)
        }

    assert found["quarantined_share:web"].value == 0.21
    assert found["quarantined_share:web"].stops
    assert not found["quarantined_share:app"].stops


def test_a_file_is_refused_for_as_long_as_it_lies_there(events):
    refused = events.put("b.jsonl.gz", b"no gzip at all")
    events.put_events("a.jsonl", {"user": "u1"})
    events.load()

    with open_work(events.home) as connection:
        (check,) = files_refused(connection, events.home)
        assert (check.check_name, check.verdict) == ("files_refused:shop", "failed")
        assert "the last b.jsonl.gz: " in check.explanation
        refused.unlink()
        assert files_refused(connection, events.home) == []
    events.put("of ann@example.org.jsonl.gz", b"no gzip at all")
    events.load()
    with open_work(events.home) as connection:
        assert len(files_refused(connection, events.home)) == 1


@pytest.fixture
def published(tmp_path: Path):
    """A home, and its private warehouse with texts that readers would see."""
    home = Home.at(tmp_path)
    with open_work(home) as connection:
        connection.execute(
            """
            create schema marts;
            create schema segments;
            create table marts.page_views as select
                '/search/shoes' as page_path, ['a', 'b'] as tags, 1 as n,
                '{"plan": "gold"}'::json as attributes;
            create table marts.cohort_retention as select
                unnest([date '2026-01-01', date '2026-02-01']) as cohort_month,
                5 as n_users;
            create table segments.personas as select
                unnest([4, 5]) as n_users, '{"numbers": {}}' as traits
            """
        )
        yield home, connection


def privacy(published) -> dict[str, Check]:
    home, connection = published
    return {check.check_name: check for check in check_privacy(connection, home)}


def test_clean_tables_pass(published):
    found = privacy(published)

    assert {check.verdict for check in found.values()} == {"passed"}
    assert "4 columns of text" in found["personal_data"].explanation


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("page_path", "'/reset/ann%40example.org'"),
        ("page_path", "'/call/+49 170 1234567'"),
        ("tags", "['x', 'ann@example.org']"),
        ("attributes", """'{"note": "write to ann@example.org"}'"""),
    ],
)
def test_an_address_or_a_number_in_any_text_stops_a_publication(
    published, column: str, value: str
):
    published[1].execute(f"update marts.page_views set {column} = {value}")

    check = privacy(published)[f"personal_data:marts.page_views.{column}"]

    assert (check.value, check.stops) == (1, True)
    assert "example" not in check.explanation
    assert "170" not in check.explanation


def test_one_address_among_many_that_only_look_like_one_is_found(published):
    published[1].execute(
        "insert into marts.page_views (page_path) "
        f"select '/img/' || n || '@2x.png' from range({BATCH + 1}) as t (n)"
    )
    assert privacy(published)["personal_data"].verdict == "passed"
    assert "personal_data:marts.page_views.page_path" not in privacy(published)
    published[1].execute(
        "insert into marts.page_views (page_path) values ('/u/ann@example.org')"
    )

    assert privacy(published)["personal_data:marts.page_views.page_path"].value == 1


def test_a_planted_text_is_found_wherever_it_is_and_not_told(published):
    home, connection = published
    home.secrets.mkdir()
    (home.secrets / "canaries.txt").write_text("Zaphod B'Brox\n\nnowhere\n")
    assert privacy(published)["canaries"].verdict == "passed"
    connection.execute("update marts.page_views set page_path = '/p/zaphod b''brox'")

    check = privacy(published)["canaries"]

    assert (check.value, check.stops) == (1, True)
    assert "marts.page_views.page_path" in check.explanation
    assert "zaphod" not in check.explanation.lower()


def test_averages_of_fewer_than_five_people_stop_a_publication(published):
    connection = published[1]
    connection.execute("update marts.cohort_retention set n_users = 4")
    assert not privacy(published)["group_size:marts.cohort_retention"].stops
    assert privacy(published)["group_size:marts.cohort_retention"].value == 2

    connection.execute(
        """update segments.personas set traits = '{"numbers": {"a": 1}}'"""
    )
    check = privacy(published)["group_size:segments.personas"]
    assert (check.value, check.stops) == (1, True)


BALANCED = """
create schema staging; create schema intermediate; create schema marts;
create table staging.stg_events as select unnest(range(5)) as event_key;
create table intermediate.int_event_duplicates_counted as select 1 as n_duplicates;
create table intermediate.int_events_identified as select
    'ann' as user_id, unnest([false, false, false, true]) as is_bot;
create table intermediate.int_events_sessionized as
select unnest(range(3)) as event_key;
create table marts.users as
select 3 as n_events, 1 as n_orders, 12.5::decimal(18, 4) as revenue;
create table marts.sessions as select 3 as n_events, 2.5::decimal(18, 4) as revenue;
create table staging.stg_order_lines as select
    'o1' as order_id, unnest(['x', 'x', 'x', 'y']) as content_hash, null as namespace,
    unnest([1, 1, 2, 2]) as file_id;
create table intermediate.int_order_lines_deduplicated as select
    unnest([2, null, 5]) as quantity, unnest([4, 2, -1]) as unit_price;
create table intermediate.int_order_lines_unified as select
    'o1' as order_id, 'order_lines' as origin, unnest([4, 2, -1]) as unit_price,
    unnest([8, 2, 0])::decimal(18, 4) as line_revenue;
create table intermediate.int_purchases_linked as select 'o2' as order_id;
create table intermediate.int_orders_unified as select
    unnest(['o1', 'o2']) as order_id, false as is_cancelled,
    unnest([10, 2.5])::decimal(18, 4) as ordered_value;
create table marts.orders as select
    unnest(['o1', 'o2']) as order_id, unnest(['ann', 'ann']) as user_id,
    unnest([null, 's1']) as session_id, unnest([false, true]) as is_cancelled,
    unnest([10, 2.5])::decimal(18, 4) as revenue;
"""


@pytest.fixture
def balanced() -> duckdb.DuckDBPyConnection:
    """A warehouse whose sums agree."""
    connection = duckdb.connect()
    connection.execute(BALANCED)
    return connection


def test_sums_that_agree_pass(balanced: duckdb.DuckDBPyConnection):
    assert {check.verdict for check in check_reconciliation(balanced)} == {"passed"}


@pytest.mark.parametrize(
    ("broken", "name", "value"),
    [
        ("insert into staging.stg_events values (9)", "events", 1),
        ("update marts.users set n_events = 2", "events", 1),
        ("update marts.sessions set n_events = 5", "events", 2),
        ("delete from marts.orders where order_id = 'o2'", "orders", 1),
        (
            "insert into marts.orders from marts.orders where order_id = 'o1'",
            "orders",
            2,
        ),
        (
            "insert into intermediate.int_order_lines_deduplicated values (1, 0)",
            "orders",
            1,
        ),
        (
            "update intermediate.int_order_lines_unified set line_revenue = 8.01 "
            "where unit_price = 4",
            "revenue",
            0.02,
        ),
        (
            "update intermediate.int_orders_unified set ordered_value = 9.99 "
            "where order_id = 'o1'",
            "revenue",
            0.02,
        ),
        (
            "update marts.orders set revenue = 10.01 where order_id = 'o1'",
            "revenue",
            0.02,
        ),
        ("update marts.users set revenue = 12.49", "revenue", 0.01),
        ("update marts.sessions set revenue = 2.49", "revenue", 0.01),
    ],
)
def test_a_row_or_a_cent_that_is_lost_stops_a_publication(
    balanced: duckdb.DuckDBPyConnection, broken: str, name: str, value: float
):
    balanced.execute(broken)

    found = {check.check_name: check for check in check_reconciliation(balanced)}

    check = found[f"{name}_reconciled"]
    assert check.stops
    assert check.value == pytest.approx(value)
