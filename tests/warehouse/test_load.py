"""Every line of every dump is accounted for, once, whatever happens meanwhile."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse import raw_rows
from warehouse.connection import open_work
from warehouse.errors import ConfigurationError
from warehouse.quarantine import LineReason, list_quarantine
from warehouse.raw_tables import create_tables

REFERENCE_DATA = Path(__file__).parents[3] / "shared" / "data"
CONSERVED = """
    select status = 'refused' or (
        n_lines = n_accepted + n_duplicate + n_quarantined + n_blank
        and n_accepted = (select count(*) from raw.events where file_id = f.file_id)
        and n_quarantined =
            (select count(*) from ledger.quarantine where file_id = f.file_id)
    )
    from ledger.files as f
"""

some_bytes = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.text(max_size=20).map(str.encode),
        st.sampled_from(
            [b"\n", b"\r\n", b"\r", b'"', b'""', b",", b"\x00", b"\xef\xbb\xbf"]
        ),
        st.sampled_from(
            [
                b'{"user":"u","event":"e","at":"2026-01-01"}\n',
                b'{"user":"u","user":"e"}\n',
                b'{"at":"2026-01-01"}{"user":1}\n',
                b"[[[[[",
                b'u,e,2026-01-01,"x"\n',
                b'"u","e\n',
                b'f",2026-01-01,x\n',
            ]
        ),
    ),
    max_size=12,
).map(b"".join)


@pytest.mark.parametrize("header", [b"", b"user,event,at,more\n", b"user;event;at\n"])
@given(contents=st.lists(some_bytes, min_size=10, max_size=10))
@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_bytes_are_lost_and_none_crash(make_inbox, header: bytes, contents: list):
    inbox = make_inbox()
    for number, content in enumerate(contents):
        ending = "csv" if header else ("json", "jsonl")[number % 2]
        inbox.put(f"{number}.{ending}", header + content)

    summary = inbox.load()

    assert summary.n_files == 10
    assert summary.n_loaded + summary.n_refused + summary.n_duplicate == 10
    assert inbox.query(CONSERVED) == [(True,)] * 10
    known = set(LineReason)
    assert {reason.split(":")[0] for _, reason in inbox.reasons()} <= known


def test_json_lines_that_are_no_objects_are_quarantined_with_their_bytes(events):
    bad = {
        "{": "invalid_json",
        '{"user": 1} {"user": 2}': "invalid_json",
        '{"user": "\\ud800"}': "invalid_json",
        "[1]": "not_an_object",
        "null": "not_an_object",
        '"text"': "not_an_object",
        '{"user": 1,}': "invalid_json",
        '{"user": [1, 2, ]}': "invalid_json",
        "{'user': 1}": "invalid_json",
        '{"user": 1} // one': "invalid_json",
        '{"user": 1, "user": 2}': "duplicate_key",
        '{"user": 1, "User": 2}': "duplicate_key",
        '{"x": 1, "y": 2, "x": 1}': "duplicate_key",
        '{"user": "\\u0000"}': "control_character",
        '{"user": "u", "event": "e", "at": "2026-01-01", "x": [NaN]}': "not_finite",
        "{}": "missing:event_name",
    }
    good = '{"user": "u", "event": "e", "at": "2026-01-01", "x": "NaN: [Infinity,}"}'
    events.put("a.jsonl", "\n".join([*bad, "", "  ", good]))

    assert events.column("line_number") == [len(bad) + 3]
    assert [reason for _, reason in events.reasons()] == list(bad.values())
    assert [line.decode() for line in events.raw_lines()] == list(bad)
    assert events.query("select n_lines, n_blank from ledger.files") == [
        (len(bad) + 3, 2)
    ]


def test_blank_lines_are_counted_and_line_numbers_are_the_files(events):
    line = json.dumps({"user": "u", "event": "e", "at": "2026-01-01"})
    events.put("a.jsonl", f"\n{line}\n\n\n{line}\n\n")

    assert events.column("line_number") == [2, 5]
    assert events.column("row_key - file_id * 4294967296") == [2, 5]
    assert events.query("select n_lines, n_blank from ledger.files") == [(6, 4)]


def test_csv_records_are_cut_by_the_rules_and_no_good_one_is_lost(events):
    events.describe({"page_title": "title"})
    events.put(
        "a.csv",
        "at,title,user,event\n"  # any order, by name
        '2026-01-01,"said ""so"", twice",u2,e\n'
        '2026-01-01,"over\n\ntwo, or three",u3,e\n'
        '2026-01-01,5" disk,u6,e\n'
        "\n"
        "2026-01-01,too few,u8\n"
        "2026-01-01,too,many,u9,e\n"
        '2026-01-01,"never closed,u10,e\n'
        "2026-01-01,good,u11,e\n"
        '2026-01-01,"closed"badly,u12,e\n'
        '2026-01-01,"takes the next,u13,e\n'
        '2026-01-01,in",u14,e,too many\n'
        "2026-01-01,,u15,e",
    )

    assert events.column("user_id") == ["u2", "u3", "u6", "u11", "u15"]
    assert events.column("page_title") == [
        'said "so", twice', "over\n\ntwo, or three", '5" disk', "good", None,
    ]  # fmt: skip
    assert events.column("line_number") == [2, 3, 6, 11, 15]
    assert events.reasons() == [
        (8, "wrong_number_of_columns"),
        (9, "wrong_number_of_columns"),
        (10, "unterminated_quote"),
        (12, "bad_quotes"),
        (13, "unterminated_quote"),
        (14, "wrong_number_of_columns"),
    ]
    assert events.query("select n_lines, n_blank from ledger.files") == [(12, 1)]


def test_a_record_does_not_reach_over_a_refused_line(events):
    events.describe({"page_title": "title"})
    lost = b'2026-01-01,"one\ncaf\xe9\nthree",u2,e\n'
    events.put("a.csv", b"at,title,user,event\n" + lost + b"2026-01-01,,u5,e\n")

    assert events.column("user_id") == ["u5"]
    assert events.reasons() == [
        (2, "unterminated_quote"),
        (3, "invalid_utf8"),
        (4, "wrong_number_of_columns"),
    ]


def test_permuted_files_and_lines_make_the_same_rows(make_inbox):
    lines = [
        {
            "user": f"u{i % 3}",
            "event": "e",
            "at": f"2026-01-0{i}",
            "x": i,
            "a": {"b": i},
        }
        for i in range(1, 9)
    ]
    columns = "source, content_hash, user_id, occurred_at, attributes"
    found = []
    for seed in (1, -1):
        inbox = make_inbox()
        ordered = [dict(list(line.items())[::seed]) for line in lines[::seed]]
        inbox.put_events(f"{'az'[seed]}.jsonl", *ordered[:4])
        inbox.put_events("m.jsonl", *ordered[4:])
        inbox.load()
        found.append(inbox.query(f"select {columns} from raw.events order by all"))

    assert len(found[0]) == 8
    assert found[0] == found[1]


some_events = st.lists(
    st.fixed_dictionaries(
        {
            "user": st.sampled_from(["u1", "u2", None]),
            "event": st.sampled_from(["view", "buy", ""]),
            "at": st.sampled_from(["2026-01-01", "2026-01-02T10:00:00+02:00", "soon"]),
        },
        optional={
            "id": st.sampled_from(["e1", "e2"]),
            "geo": st.sampled_from([{}, {"country": "DE"}, {"city": "X"}, "DE", None]),
            "more": st.sampled_from([{"b": 1, "a": None}, "x", None]),
        },
    ),
    max_size=12,
)


@pytest.mark.long
@given(events=some_events, order=st.randoms(use_true_random=False))
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_split_and_order_of_lines_makes_the_same_rows(make_inbox, events, order):
    columns = {"event_id": "id", "country": "geo.country"}
    together, apart = make_inbox(), make_inbox()
    for inbox in (together, apart):
        inbox.describe(columns)
    together.put_events("a.jsonl", *events)
    mixed = order.sample(events, len(events))
    for number in range(3):
        apart.put_events(f"{number}.jsonl", *mixed[number::3], {"n": number})
    together.put_events("b.jsonl", *({"n": number} for number in range(3)))

    found = []
    for inbox in (together, apart):
        inbox.load()
        said = "content_hash, event_id, user_id, event_name, occurred_at, country"
        rows = inbox.query(f"select {said}, attributes from raw.events order by all")
        reasons = inbox.query("select reason from ledger.quarantine order by all")
        found.append((rows, reasons, sorted(inbox.raw_lines())))

    assert found[0] == found[1]


def test_the_same_bytes_are_loaded_once_whatever_their_name(events):
    path = events.put_events("a.jsonl", {}, {"user": "u2"})
    events.load()
    assert events.load().n_unchanged == 1

    shutil.copy(path, events.folder / "b.jsonl")
    assert events.load().n_duplicate == 1
    assert events.load().n_unchanged == 2

    assert events.query("select count(*) from raw.events") == [(2,)]
    assert events.files() == [
        ("a.jsonl", "loaded", None),
        ("b.jsonl", "duplicate", "same as a.jsonl"),
    ]
    assert events.query(CONSERVED) == [(True,)] * 2


def test_another_content_of_the_same_name_is_a_conflict_shown_once(events):
    events.put_events("a.jsonl", {})
    events.load()
    events.put_events("a.jsonl", {"user": "u2"})

    assert events.load().n_refused == 1
    assert "conflict" in events.load().in_words()

    assert events.column("user_id") == ["u1"]
    assert [status for _, status, _ in events.files()] == ["loaded", "refused"]


def test_a_replacement_takes_the_place_of_all_earlier_rows(events):
    events.describe(on_redelivery="replace")
    events.put_events("a.jsonl", {}, {"event": ""})
    events.load()
    events.put_events("a.jsonl", {"user": "u2"})

    assert events.column("user_id") == ["u2"]
    assert events.reasons() == []
    assert [status for _, status, _ in events.files()] == ["replaced", "loaded"]

    events.put("a.jsonl", b"\xff\xfe")  # what cannot be read replaces nothing
    assert events.column("user_id") == ["u2"]

    events.put_events("a.jsonl", {}, {"event": ""})  # as it was at first
    assert events.column("user_id") == ["u1"]


def test_a_refused_file_is_loaded_once_it_can_be(events):
    events.put("a.csv", "user;action;at\nu1;e;2026-01-01\n")
    assert events.load().n_refused == 1
    assert events.load().n_refused == 1
    events.describe({"event_name": "action"})

    assert events.column("user_id") == ["u1"]
    assert [status for _, status, _ in events.files()] == ["refused", "loaded"]


@pytest.mark.parametrize("step", ["_insert_quarantine", "insert_ledger"])
def test_a_load_that_dies_within_a_file_leaves_nothing_of_it(events, monkeypatch, step):
    events.describe(on_redelivery="replace")
    events.put_events("a.jsonl", {})
    events.load()
    events.put_events("a.jsonl", {"user": "u2"}, {"event": ""})
    events.put_events("b.jsonl", {"user": "u3"})

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(raw_rows, step, die)
        with pytest.raises(KeyboardInterrupt):
            events.load()

    assert events.query("select user_id from raw.events") == [("u1",)]
    assert events.files() == [("a.jsonl", "loaded", None)]
    assert events.reasons() == []
    assert events.column("user_id") == ["u2", "u3"]


def test_a_line_that_is_not_accounted_for_refuses_its_file(events, monkeypatch):
    events.put_events("a.jsonl", {}, {"event": ""})
    monkeypatch.setattr(raw_rows, "_insert_quarantine", lambda *_: 0)

    assert events.load().n_refused == 1

    assert events.query("select count(*) from raw.events") == [(0,)]
    assert events.files()[0][2].startswith("counts_disagree")


def test_a_warehouse_of_an_earlier_version_gets_its_new_columns(make_inbox):
    columns = {"user_id": "user", "updated_at": "changed"}
    source = {"adapter": "generic", "kind": "users", "columns": columns, "trust": 3}
    inbox = make_inbox({**source, "publish_attributes": ["plan"]})
    with open_work(inbox.home) as connection:
        create_tables(connection)
        connection.execute("alter table raw.users drop column updated_at")
        for column in ("trust", "has_campaign_sessions", "longest_session_seconds"):
            connection.execute(f"alter table ledger.sources drop column {column}")
        connection.execute(
            "insert into ledger.sources (source, sessions) values ('shop', 'timeout')"
        )

    inbox.put("a.csv", "user,changed,plan\nann,2026-01-02 10:00:00,pro\n")
    inbox.load()

    assert inbox.query(
        "select user_id, updated_at::text, published_attributes from raw.users"
    ) == [("ann", "2026-01-02 10:00:00", '{"plan":"pro"}')]
    assert inbox.query(
        "select source, sessions, trust, has_campaign_sessions from ledger.sources"
    ) == [("shop", "timeout", 3, False)]


def test_a_column_that_a_file_lacks_is_null_and_told(events):
    events.describe({"price": "p"})
    events.put("a.csv", "user,event,at\nu1,e,2026-01-01\n")

    assert "shop/a.csv: has no column p" in events.load().warnings
    assert events.column("price") == [None]


def test_one_wrong_description_stops_the_load_before_it_begins(events):
    events.put_events("a.jsonl", {})
    (events.home.inbox / "a_first").mkdir()
    (events.home.inbox / "a_first" / "a.csv").write_text("a,b\n")

    with pytest.raises(ConfigurationError, match=r"a_first/source\.yml: missing"):
        events.load()

    assert events.files() == []


def test_progress_is_told_in_bytes_of_the_inbox(events):
    from datetime import datetime

    from warehouse.connection import open_work
    from warehouse.load import load_inbox
    from warehouse.raw_tables import create_tables

    first = events.put_events("a.jsonl", {}).stat().st_size
    second = events.put_events("b.jsonl", {}, {}).stat().st_size
    told = []
    with open_work(events.home) as connection:
        create_tables(connection)
        load_inbox(
            connection,
            events.home,
            load_id=1,
            loaded_at=datetime(2026, 1, 1),
            progress=lambda *step: told.append(step),
        )

    total = first + second
    assert ("shop", "a.jsonl", first, total) in told
    assert told[-1] == ("shop", "b.jsonl", total, total)
    assert [done for _, _, done, _ in told] == sorted(done for _, _, done, _ in told)


def test_the_quarantine_shows_an_example_without_addresses(events):
    from warehouse.connection import open_work

    events.put_events(
        "a.jsonl", {"user": "ann@example.org", "event": "", "n": 123456789}
    )
    events.put_events("b.jsonl", {"event": ""})
    events.load()

    with open_work(events.home) as connection:
        (group,) = list_quarantine(connection, events.home)

    assert group["source"] == "shop"
    assert group["reason"] == "missing:event_name"
    assert (group["n_lines"], group["file"], group["line_number"]) == (2, "a.jsonl", 1)
    assert group["example"].startswith('{"user": "***", "event": ""')
    assert "123456789" not in group["example"]


REFERENCE_LINES = {
    "cdnow": ("order_lines", 6_919),
    "clickstream": ("events", 31_106),
    "groceries": ("order_lines", 43_367),
    "online_retail": ("order_lines", 541_909),
    "people": ("users", 1_000),
    "rfm_orders": ("order_lines", 4_906),
}


@pytest.mark.skipif(not REFERENCE_DATA.is_dir(), reason="no reference data here")
def test_the_reference_data_is_loaded_to_the_last_line(events):
    shutil.rmtree(events.folder)
    for source in REFERENCE_LINES:
        (events.home.inbox / source).symlink_to(REFERENCE_DATA / source)

    assert events.load().n_quarantined == 0

    found = events.query("select source, (kind, n_accepted) from ledger.files")
    assert dict(found) == REFERENCE_LINES
    # 536365 is the first invoice of the shop; its customer is a number in the file.
    assert events.query(
        "select distinct user_id, is_cancelled, ordered_at::varchar "
        "from raw.order_lines where order_id = '536365'"
    ) == [("17850", False, "2010-12-01 08:26:00")]
    sums = "sum(quantity), sum(quantity * unit_price)::decimal(18, 2)::varchar"
    assert events.query(
        f"select {sums} from raw.order_lines where source = 'online_retail'"
    ) == [(5_176_450, "9747747.93")]
