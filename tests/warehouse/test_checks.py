"""What a check says, of what it finds."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from warehouse import checks, stages
from warehouse.errors import ConfigurationError, GateFailedError
from warehouse.gates.amounts import amounts_converted, currencies_agree
from warehouse.gates.check import Check, judged, limits
from warehouse.gates.persons import (
    persons_kept,
    persons_merged,
    persons_segmented,
    segments_kept,
)
from warehouse.home import Home
from warehouse.raw_tables import create_tables

ROOT = Path(__file__).parents[2]


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
    """A warehouse whose last snapshot had 110 persons, ten of them provisionally."""
    connection = duckdb.connect()
    create_tables(connection)
    connection.execute(
        "insert into previous.user_segments by name select "
        "'u' || number as user_id, 's1' as segment_id, 'm1' as model_version, "
        "number >= 100 as is_provisional from range(110) as persons (number)"
    )
    connection.execute("create schema segments")
    connection.execute(
        "create table segments.user_segments as select "
        "user_id, segment_id, model_version from previous.user_segments"
    )
    return connection


def test_four_in_five_may_change_their_segment_and_more_stops_a_publication(
    segmented: duckdb.DuckDBPyConnection,
):
    segmented.execute(
        "update segments.user_segments set segment_id = 's2' "
        "where substr(user_id, 2)::int < 80 or substr(user_id, 2)::int >= 100"
    )
    check = segments_kept(segmented)
    assert (check.verdict, check.severity, check.value) == ("passed", "error", 0.8)

    segmented.execute("delete from segments.user_segments where user_id = 'u99'")
    segmented.execute("insert into segments.user_segments values ('eve', 's1', 'm1')")
    check = segments_kept(segmented)
    assert (check.verdict, check.value, check.stops) == ("failed", 80 / 99, True)
    assert "of 99 persons who were in a segment before 80 are in" in check.explanation
    assert "the model is the same" in check.explanation

    segmented.execute("update segments.user_segments set model_version = 'm2'")
    check = segments_kept(segmented)
    assert (check.check_name, check.verdict) == ("segments_refitted", "failed")
    assert "the model is another one" in check.explanation
    assert not check.stops

    segmented.execute("delete from segments.user_segments where segment_id = 's1'")
    segmented.execute("delete from previous.user_segments where user_id > 'u50'")
    assert segments_kept(segmented).verdict == "passed"


@pytest.mark.parametrize("emptied", ["previous", "segments"])
def test_where_nobody_was_or_is_segmented_nobody_has_moved(
    segmented: duckdb.DuckDBPyConnection, emptied: str
):
    segmented.execute(f"delete from {emptied}.user_segments")

    check = segments_kept(segmented)

    assert (check.verdict, check.value) == ("passed", 0)


def test_where_persons_were_segmented_nobody_may_be_left_without(
    segmented: duckdb.DuckDBPyConnection,
):
    segmented.execute("create schema marts")
    segmented.execute("create table marts.users as from segments.user_segments")
    assert persons_segmented(segmented).value == 0
    segmented.execute("delete from segments.user_segments")

    assert (persons_segmented(segmented).value, persons_segmented(segmented).stops) == (
        110,
        True,
    )
    segmented.execute("delete from previous.user_segments")
    assert persons_segmented(segmented).value == 0


@pytest.fixture
def known() -> duckdb.DuckDBPyConnection:
    """A warehouse that has published forty persons, and knows them still."""
    connection = duckdb.connect()
    create_tables(connection)
    connection.execute(
        "insert into previous.user_identifiers by name select "
        "'user_id' as identifier_type, 'u' || number as identifier, "
        "'u' || number as user_id, 'itself' as match_rule "
        "from range(40) as persons (number)"
    )
    connection.execute("create schema marts")
    connection.execute(
        "create table marts.user_identifiers as from previous.user_identifiers"
    )
    return connection


def test_one_person_in_ten_may_vanish_and_more_stops_a_publication(
    known: duckdb.DuckDBPyConnection,
):
    known.execute("delete from marts.user_identifiers where identifier < 'u12'")
    assert known.execute("select 40 - count(*) from marts.user_identifiers").fetchall()
    check = persons_kept(known, is_earlier=False)
    assert (check.verdict, check.value) == ("passed", 0.1)

    known.execute("delete from marts.user_identifiers where identifier = 'u12'")
    check = persons_kept(known, is_earlier=False)
    assert (check.verdict, check.value, check.stops) == ("failed", 0.125, True)
    assert "5 are not known" in check.explanation
    assert persons_kept(known, is_earlier=True).verdict == "passed"


def test_a_person_who_became_another_one_is_no_person_gone(
    known: duckdb.DuckDBPyConnection,
):
    known.execute("update marts.user_identifiers set user_id = 'u0'")

    assert persons_kept(known, is_earlier=False).value == 0
    assert persons_merged(known).value == 39 / 40


NAMES = ("volume_drop", "group_size:segments.personas")


@pytest.fixture
def ledger() -> duckdb.DuckDBPyConnection:
    """A ledger in which two checks of a run have failed, and another warns."""
    connection = duckdb.connect()
    create_tables(connection)
    record(connection, *(judged(name, 9, f"{name} is 9") for name in NAMES))
    record(connection, judged("duplicate_share", 0.9, "many of ann@example.org"))
    return connection


def record(connection: duckdb.DuckDBPyConnection, *found: Check) -> None:
    checks.record(connection, "run_1", list(found))


def verdicts(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple]:
    rows = connection.execute(
        "select check_name, verdict, accepted_because from ledger.checks"
    ).fetchall()
    return {name: (verdict, because) for name, verdict, because in rows}


def test_a_failed_check_stops_and_says_how_to_accept_it(ledger):
    with pytest.raises(GateFailedError) as stopped:
        checks.pass_or_stop(ledger, "run_1")

    told = str(stopped.value)
    assert "the last good snapshot stands" in told
    assert "volume_drop: volume_drop is 9" in told
    assert "duplicate_share" not in told
    assert (
        "tessera publish --accept group_size:segments.personas --accept volume_drop"
        in told
    )


def test_what_is_accepted_is_on_record_and_stays_while_it_is_the_same(ledger):
    one = checks.Acceptance(NAMES[:1], "we closed for a day")
    with pytest.raises(GateFailedError, match="group_size") as stopped:
        checks.pass_or_stop(ledger, "run_1", one)
    assert "volume_drop" not in str(stopped.value)

    checks.pass_or_stop(ledger, "run_1", checks.Acceptance(NAMES[1:], "they know"))

    assert verdicts(ledger) == {
        "volume_drop": ("accepted", "we closed for a day"),
        "group_size:segments.personas": ("accepted", "they know"),
        "duplicate_share": ("failed", None),
    }
    assert [line.split(":")[0] for line in checks.findings(ledger, "run_1")] == [
        "warning",
        "accepted",
        "accepted",
    ]
    assert checks.findings(ledger, "run_1", only_new=True) == checks.findings(
        ledger, "run_1"
    )
    record(ledger, judged("volume_drop", 9, "volume_drop is 9"))
    checks.pass_or_stop(ledger, "run_1")
    record(ledger, judged("volume_drop", 9, "on another day"))
    with pytest.raises(GateFailedError, match="on another day"):
        checks.pass_or_stop(ledger, "run_1")
    record(ledger, judged("volume_drop", 10, "worse"))
    with pytest.raises(GateFailedError, match="worse"):
        checks.pass_or_stop(ledger, "run_1")
    record(ledger, judged("volume_drop", 0, "well"))
    checks.pass_or_stop(ledger, "run_1")
    assert verdicts(ledger)["volume_drop"] == ("passed", None)


def test_what_is_accepted_outlives_a_run_that_begins_again_and_finds_the_same(ledger):
    with pytest.raises(GateFailedError):
        checks.pass_or_stop(ledger, "run_1", checks.Acceptance(NAMES[:1], "closed"))

    checks.forget_checks(ledger, "run_1")
    record(ledger, judged("volume_drop", 9, "volume_drop is 9"))
    checks.pass_or_stop(ledger, "run_1")
    assert verdicts(ledger) == {"volume_drop": ("accepted", "closed")}

    checks.forget_checks(ledger, "run_1")
    checks.pass_or_stop(ledger, "run_1")
    assert verdicts(ledger) == {}


def test_what_an_earlier_attempt_to_publish_found_is_forgotten(
    ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    record(ledger, judged("personal_data", 1, "one", subject="marts.users.country"))
    for gates in (checks.reconciliation, checks.deliveries, checks.persons):
        for name in vars(gates):
            if name in ("rows_reconciled", "persons_segmented", "segments_kept"):
                monkeypatch.setattr(gates, name, lambda _: judged("canaries", 0, ""))
            elif name in ("rows_kept", "files_refused", "quarantined_shares"):
                monkeypatch.setattr(gates, name, lambda *_: [])
    monkeypatch.setattr(checks, "files_kept", lambda *_: judged("files_kept", 0, ""))
    monkeypatch.setattr(checks.privacy, "check_privacy", lambda *_: [])

    checks.check_publication(ledger, Home.at(tmp_path), "run_1")

    assert set(verdicts(ledger)) == {
        "volume_drop",
        "duplicate_share",
        "files_kept",
        "canaries",
    }


def test_only_what_was_measured_is_accepted(ledger):
    misspelt = checks.Acceptance(("group_size:personas",), "so it is")

    with pytest.raises(
        ConfigurationError, match=r"no such check; it has group_size:segments\.personas"
    ):
        checks.pass_or_stop(ledger, "run_1", misspelt)


@pytest.mark.parametrize(
    "reason", ["told by ann@example.org", "asked +49 170 1234567", "Zaphod said so"]
)
def test_a_reason_that_is_personal_is_not_published(tmp_path: Path, reason: str):
    home = Home.at(tmp_path)
    home.secrets.mkdir()
    (home.secrets / "canaries.txt").write_text("zaphod\n")
    acceptance = checks.Acceptance(NAMES, reason)

    with pytest.raises(ConfigurationError, match="--reason is published") as refused:
        stages.publish(home, acceptance=acceptance)
    with pytest.raises(ConfigurationError, match="--reason is published"):
        stages.run(home, acceptance=acceptance)
    assert reason not in str(refused.value)
    assert not home.warehouse.exists()


def test_what_the_last_snapshot_warned_of_is_no_news(ledger):
    checks.pass_or_stop(ledger, "run_1", checks.Acceptance(NAMES, "so it is"))
    ledger.execute(
        "insert into ledger.runs (run_id, started_at, status) "
        "values ('run_1', timestamp '2026-01-01', 'published')"
    )
    found = [
        judged("duplicate_share", 0.8, "still many"),
        judged("orders_unmatched", 0.9, "most orders"),
    ]
    checks.record(ledger, "run_2", found)
    assert checks.findings(ledger, "run_2", only_new=True) == [
        "warning: orders_unmatched: most orders"
    ]
    checks.record(ledger, "run_3", [judged("duplicate_share", 0.95, "even more")])
    assert checks.findings(ledger, "run_3", only_new=True) == [
        "warning: duplicate_share: even more"
    ]

    assert checks.findings(ledger, "run_2") == [
        "warning: duplicate_share: still many",
        "warning: orders_unmatched: most orders",
    ]
    assert checks.findings(ledger, "run_2", only_new=True) == [
        "warning: orders_unmatched: most orders"
    ]


def test_other_tests_and_days_are_news_and_a_longer_silence_is_none(ledger):
    found = {
        "data_tests": "test one: Got 3 results; test two: Got 1 result",
        "days_missing": "a holiday; nothing on 2026-01-01; nothing on 2026-01-06",
        "source_fresh": "nothing of the 9 days after 2026-01-01",
    }
    checks.record(
        ledger, "run_1", [judged(name, 4, told) for name, told in found.items()]
    )
    checks.pass_or_stop(ledger, "run_1", checks.Acceptance(NAMES, "so it is"))
    ledger.execute(
        "insert into ledger.runs (run_id, started_at, status) "
        "values ('run_1', timestamp '2026-01-01', 'published')"
    )

    def news(**told: str) -> list[str]:
        checks.record(
            ledger, "run_2", [judged(name, 5, text) for name, text in told.items()]
        )
        found = checks.findings(ledger, "run_2", only_new=True)
        checks.forget_checks(ledger, "run_2")
        return [line.split(": ")[1] for line in found]

    assert news(source_fresh="nothing of the 10 days after 2026-01-01") == []
    assert news(data_tests="test one: Got 4 results") == ["data_tests"]
    ledger.execute("update ledger.checks set value = 5 where run_id = 'run_1'")
    assert news(**found) == []
    assert news(data_tests="test one: Got 4 results") == []
    assert news(data_tests="test one: Got 3 results; test new: Got 1 result") == [
        "data_tests"
    ]
    assert news(days_missing="a holiday; nothing on 2026-01-06") == []
    assert news(
        days_missing="a holiday; nothing on 2026-01-06; nothing on 2026-01-08"
    ) == ["days_missing"]


def test_what_is_told_of_a_check_names_nobody(ledger):
    assert ledger.execute(
        "select explanation from ledger.checks where check_name = 'duplicate_share'"
    ).fetchall() == [("many of [email]",)]


@pytest.mark.parametrize(
    ("name", "reason", "told"),
    [
        ("volume_drop", " ", "--reason"),
        ("no_such_check", "because", "no limit for no_such_check"),
        ("models_and_tests:marts", "because", "cannot be accepted"),
    ],
)
def test_an_acceptance_names_a_check_and_a_reason(name: str, reason: str, told: str):
    with pytest.raises(ConfigurationError, match=told):
        checks.Acceptance((name,), reason)


def test_a_check_has_the_limit_of_what_it_is_measured_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seed = tmp_path / "check_limits.csv"
    seed.write_text(
        "check_name,severity,limit_value,least_rows,reason\n"
        "volume_spike,error,5,30,usual\n"
        "volume_spike:mail/events,warn,50,0,newsletters\n"
    )
    monkeypatch.setattr("warehouse.gates.check.LIMITS", seed)
    limits.cache_clear()

    assert judged("volume_spike", 6, "", subject="web/events").stops
    assert judged("volume_spike", 6, "", subject="web/events", n_rows=30).stops
    assert not judged("volume_spike", 6, "", subject="web/events", n_rows=29).stops
    assert judged("volume_spike", 6, "", subject="mail/events").verdict == "passed"

    seed.write_text(seed.read_text().replace("error", "fatal"))
    limits.cache_clear()
    with pytest.raises(ConfigurationError, match="line 2: severity is 'fatal'"):
        judged("volume_spike", 6, "")
    limits.cache_clear()


def test_every_line_of_the_seed_is_of_a_check():
    code = "".join(path.read_text() for path in (ROOT / "warehouse").rglob("*.py"))

    unused = {name for name in limits() if f'"{name.split(":")[0]}"' not in code}
    assert unused == set()
