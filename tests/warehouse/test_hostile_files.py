"""A file that was made to break the loader breaks at most itself."""

import gzip
import io
import json
import os
import subprocess
import sys
import zipfile

import duckdb
import pytest

from warehouse import load, upkeep
from warehouse.connection import open_work
from warehouse.raw_tables import create_tables

GOOD = {"user": "u1", "event": "view", "at": "2026-01-01 10:00:00"}
LINE = json.dumps(GOOD).encode() + b"\n"
DEEP = "[" * 200_000 + "]" * 200_000


def write_parquet(inbox, file: str, columns: str) -> None:
    path = inbox.folder / file
    duckdb.execute(
        f"copy (select 'u1' as user, 'view' as event, timestamp '2026-01-01' as at, "
        f"{columns}) to '{path}'"
    )


def load_elsewhere(inbox) -> int:
    """Load in a process of its own, since a crash would take this one with it."""
    code = "from warehouse.cli import main; main()"
    command = [sys.executable, "-c", code, "load", "--home", str(inbox.home.root)]
    return subprocess.run(command, check=False, capture_output=True).returncode


def test_json_nested_too_deep_within_a_text_is_not_looked_into(events):
    events.describe({"items": "cart", "country": "p.c"})
    cart = f'[{{"product_id": "p", "more": {DEEP}}}]'
    events.put("a.jsonl", json.dumps(GOOD | {"cart": cart}))
    quoted = cart.replace('"', '""')
    events.put("b.csv", f'user,event,at,cart\nu1,view,2026-01-01,"{quoted}"\n')
    write_parquet(events, "c.parquet", f"""'{{"c": "DE", "m": {DEEP}}}' as p""")

    assert load_elsewhere(events) == 0
    assert events.query("select file, reason from ledger.quarantine order by file") == [
        ("a.jsonl", "bad_value:items"), ("b.csv", "bad_value:items"),
    ]  # fmt: skip


def test_a_key_with_a_nul_is_only_its_lines_fault(events):
    events.put("a.jsonl", LINE + b'{"user": "u", "a\\u0000b": 1}\n' + LINE)

    assert events.column("line_number") == [1, 3]
    assert events.reasons() == [(2, "control_character")]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_a_time_beyond_reckoning_is_only_its_lines_fault(events, zone: str):
    events.describe(timezone=zone)
    beyond = ["294247-01-10 04:00:54-10:00", "294247-01-10 04:00:54", "0001-01-01+12"]
    bad = "".join(json.dumps(GOOD | {"at": moment}) + "\n" for moment in beyond)
    events.put("a.jsonl", LINE + bad.encode())
    write_parquet(events, "b.parquet", "timestamp '294247-01-10 04:00:54' as at_2")
    events.put("c.jsonl", LINE + b"\n")

    assert len(events.column("line_number")) == 3
    assert len(events.reasons()) == 3


def test_a_far_time_of_parquet_is_only_its_rows_fault(events):
    events.describe(timezone="America/New_York")
    duckdb.execute(
        f"""
        copy (
            select 'u1' as user, 'view' as event,
                unnest([timestamp '294247-01-10 04:00:54', '2026-01-01 10:00']) as at
        ) to '{events.folder}/a.parquet'
        """
    )

    assert events.column("occurred_at::varchar") == ["2026-01-01 15:00:00"]
    assert events.reasons() == [(1, "bad_value:occurred_at")]


@pytest.mark.parametrize("offset", ["+25:00", "+10:60", "-99", "+16"])
def test_an_offset_that_no_place_has_is_refused(events, offset: str):
    events.put_events("a.jsonl", {"at": f"2026-01-01T10:00:00{offset}"})

    assert events.column("line_number") == []


def commented_gzip(content: bytes) -> bytes:
    packed = bytearray(gzip.compress(content, mtime=0))
    packed[3] |= 16
    return bytes(packed[:10]) + b"a comment\0" + bytes(packed[10:])


@pytest.mark.parametrize(
    "packed", [gzip.compress(LINE) + bytes(100), commented_gzip(LINE)]
)
def test_gzip_that_only_python_reads_is_read_from_a_copy(events, packed: bytes):
    events.put("a.jsonl.gz", packed)

    assert events.load().n_accepted == 1


def damaged_archives() -> list[bytes]:
    archives = []
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            archive.writestr("größe.jsonl", LINE * 50)
        content = buffer.getvalue()
        for position in range(30, len(content), 11):
            flipped = bytes([content[position] ^ 255])
            archives.append(content[:position] + flipped + content[position + 1 :])
    return archives


def test_a_damaged_archive_stops_no_other_file(events):
    for number, content in enumerate(damaged_archives()):
        events.put(f"{number:03}.jsonl.zip", content)
    events.put("z.jsonl", LINE)

    summary = events.load()

    assert summary.n_files == summary.n_refused + summary.n_loaded + summary.n_duplicate
    assert summary.n_refused > 40
    assert ("z.jsonl", "refused") not in [file[:2] for file in events.files()]


def test_a_pipe_for_a_manifest_is_not_waited_for(events):
    events.put("a.jsonl", LINE)
    os.mkfifo(events.folder / "_manifest.json")

    assert events.load().n_refused == 1


def test_a_file_that_is_gone_again_stops_no_other(events, monkeypatch):
    gone = events.put("a.jsonl", LINE)
    events.put("b.jsonl", LINE)
    find_arrived = load.find_arrived

    def find_late(*arguments):
        gone.unlink()
        return find_arrived(*arguments)

    monkeypatch.setattr(load, "find_arrived", find_late)

    assert events.load().n_accepted == 1


def test_a_wide_header_costs_little(events):
    names = [*GOOD, *(f"c{i}" for i in range(5000))]
    values = [*GOOD.values(), *(["1"] * 5000)]
    events.put("a.csv", ",".join(names) + "\n" + ",".join(values) + "\n")
    events.put("b.csv", ",".join(map(str, range(20_000))) + "\n")

    assert events.load().n_accepted == 1
    assert events.files()[1][2] == "bad_header: more than 10,000 columns"
    assert events.column("len(json_keys(attributes))") == [5000]


def test_whatever_else_a_reader_trips_over_is_only_its_files_fault(events, monkeypatch):
    def trip(*_: object) -> None:
        raise duckdb.ParserException("unterminated quoted string: ann@example.org")

    events.put("a.jsonl", LINE)
    monkeypatch.setattr(load, "stage_dump", trip)

    assert events.load().n_refused == 1
    assert events.files() == [("a.jsonl", "refused", "reader_failed: ParserException")]


@pytest.mark.parametrize("blank", ["\u00a0", "\r", "\u000b", " "])
def test_a_number_behind_any_blank_is_hashed(events, blank: str):
    events.put_events("a.jsonl", {"user": f"{blank}+49 170 1234567"})

    (user,) = events.column("user_id")
    assert len(user) == 64


def test_a_replaced_file_gives_way_to_its_copies_in_the_same_load(events):
    events.describe(on_redelivery="replace")
    events.put("x.jsonl", LINE)
    events.load()
    events.put("a.jsonl", LINE)
    events.load()
    events.put_events("x.jsonl", {"user": "u2"})

    assert events.load().n_loaded == 2
    assert sorted(events.column("user_id")) == ["u1", "u2"]


def test_a_copy_that_cannot_take_the_place_is_refused_once(events):
    events.describe(on_redelivery="replace")
    events.put("x.jsonl", LINE)
    events.put("y.jsonl", LINE)
    events.load()
    events.put_events("x.jsonl", {"user": "u2"})
    events.put(
        "_manifest.json", '[{"name": "x.jsonl"}, {"name": "y.jsonl", "lines": 9}]'
    )

    for _ in range(2):
        summary = events.load()
        assert (summary.n_files, summary.n_refused) == (2, 1)
    assert summary.n_unchanged == 1


def test_an_empty_file_is_not_what_its_manifest_promises(events):
    events.put("a.jsonl", b"")
    write_parquet(events, "b.parquet", "1 as x")
    listed = [{"name": "a.jsonl", "lines": 9}, {"name": "b.parquet", "lines": 9}]
    events.put("_manifest.json", json.dumps(listed))

    assert events.load().n_refused == 2


def test_a_parquet_row_is_replayed_as_it_would_have_been(make_inbox):
    columns = """
        'inf'::double as inf, 'nan'::double as nan, 5.0::double as whole, 7 as qty,
        1.10::decimal(9, 2) as amount, 'DE' as "geo.country", {'b': 2} as nested
    """
    fixed = {"country": "geo.country", "price": "amount"}
    mended, fresh = make_inbox(), make_inbox()
    mended.describe(fixed | {"event_name": "inf", "received_at": "qty"})
    fresh.describe(fixed)
    for inbox in (mended, fresh):
        write_parquet(inbox, "a.parquet", columns)
        inbox.load()
    assert mended.reasons() == [(1, "bad_value:received_at")]
    text = (fresh.folder / "source.yml").read_text()
    (mended.folder / "source.yml").write_text(text)

    assert upkeep.replay(mended.home).n_accepted == 1
    rows = [
        inbox.query("select * exclude (load_id) from raw.events")
        for inbox in (mended, fresh)
    ]
    assert rows[0] == rows[1]


def test_texts_of_parquet_are_held_to_the_same_rules(events):
    write_parquet(events, "a.parquet", "'a' || chr(0) || 'b' as text")
    write_parquet(events, "b.parquet", "1 as File_Row_Number")

    assert events.column("attributes") == ['{"File_Row_Number":1}']
    assert events.reasons() == [(1, "control_character")]


def test_a_warehouse_of_an_earlier_version_is_brought_up_to_date(events):
    with open_work(events.home) as connection:
        create_tables(connection)
        connection.execute("alter table ledger.files drop column header")
        connection.execute("alter table ledger.files drop column format")
        connection.execute("drop table ledger.source_fields")
        connection.execute("alter table raw.events alter content_hash set not null")
    events.describe({"event_id": "id"})
    events.put_events("a.jsonl", {"id": "e1"})

    assert events.load().n_accepted == 1
