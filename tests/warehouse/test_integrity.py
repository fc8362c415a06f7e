"""The bytes of a dump are checked before anybody reads them."""

import gzip
import hashlib
import io
import json
import os
import tracemalloc
import zipfile

import duckdb
import pytest
from backports import zstd

from warehouse.load import UNVERIFIED

LINE = b'{"user": "u1", "event": "view", "at": "2026-01-01"}\n'


def flipped(content: bytes, position: int, bits: int = 4) -> bytes:
    byte = bytes([content[position] ^ bits])
    return content[:position] + byte + content[position + 1 :]


def packed(content: bytes) -> bytes:
    """Compress without a time inside, so that a test has the same name every time."""
    return gzip.compress(content, mtime=0)


def zipped(*contents: bytes, **named: bytes) -> bytes:
    """Put each content into one archive, as a file of its own."""
    buffer = io.BytesIO()
    files = {f"{number}.jsonl": content for number, content in enumerate(contents)}
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in (files | named).items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def locked(archive: bytes) -> bytes:
    """Say of each file of an archive that it is encrypted."""
    for header, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        before, *files = archive.split(header)
        files = [flipped(header + one, offset, 1) for one in files]
        archive = before + b"".join(files)
    return archive


PACKED = packed(LINE * 1000)
PLAIN_PARQUET = b"PAR1 not PAR1"
SUMMED = zstd.compress(
    b"".join(LINE.replace(b"u1", b"u%d" % n) for n in range(1000)),
    options={zstd.CompressionParameter.checksum_flag: 1},
)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("a.jsonl.gz", flipped(PACKED, len(PACKED) // 2), "bad_gzip"),
        ("a.jsonl.gz", flipped(PACKED, len(PACKED) - 6), "bad_gzip: damaged"),
        ("a.jsonl.gz", PACKED[:-9], "bad_gzip: ends too early"),
        ("a.jsonl.gz", PACKED + b"junk", "bad_gzip: damaged"),
        ("a.jsonl.gz", LINE, "bad_gzip: its bytes are not packed"),
        ("a.jsonl.gz", b"", "bad_gzip: its bytes are not packed"),
        ("a.jsonl.zst", zstd.compress(LINE * 1000)[:-5], "bad_zstd: ends too early"),
        ("a.jsonl.zst", zstd.compress(LINE) + b"junk", "bad_zstd: damaged"),
        ("a.jsonl.zst", flipped(SUMMED, len(SUMMED) - 6), "bad_zstd: damaged"),
        ("a.jsonl.zst", flipped(SUMMED, 12), "bad_zstd: damaged"),
        ("a.jsonl.gz", PLAIN_PARQUET, "bad_gzip: its bytes are parquet"),
        ("a.jsonl.gz", zipped(LINE * 1000)[:-5], "bad_zip: damaged"),
        ("a.jsonl.zip", PACKED[:-9], "bad_gzip: ends too early"),
        ("a.jsonl.zip", LINE, "bad_zip: damaged"),
        ("a.jsonl.zip", zipped(LINE * 1000)[:-5], "bad_zip: damaged"),
        ("a.jsonl.zip", flipped(zipped(LINE * 1000), 60), "bad_zip: damaged"),
        ("a.jsonl.zip", locked(zipped(LINE)), "bad_zip: damaged, or locked"),
        ("a.jsonl.zip", locked(zipped(LINE, LINE)), "bad_zip: damaged, or locked"),
        ("a.csv.zip", zipped(LINE, LINE), "bad_zip: 2 files in it, which are no"),
        ("a.jsonl.zip", zipped(LINE, **{"b.csv": LINE}), "bad_zip: 2 files in it, not"),
        ("a.jsonl.zip", zipped(LINE, zipped(LINE)), "bad_zip: zip in it"),
        ("a.jsonl.zip", zipped(zipped(LINE)), "bad_zip: zip in it"),
        ("a.jsonl.zip", zipped(LINE, PACKED[:-9]), "bad_zip: damaged"),
        ("a.jsonl.zip", zipped(LINE, flipped(PACKED, len(PACKED) - 6)), "bad_zip: da"),
        ("a.jsonl.zip", zipped(packed(PACKED)), "not_what_it_is_called: it is gzip"),
        ("a.jsonl.zip", zipped(), "bad_zip: no file in it"),
        ("a.jsonl.zip", zipped(**{".DS_Store": LINE}), "bad_zip: no file in it"),
        ("a.json.zip", zipped(b"[" + LINE + b"]", b"[" + LINE + b"]"), "invalid_json"),
        ("a.jsonl", PACKED, "not_what_it_is_called: it is gzip"),
        ("a.csv", zipped(LINE), "not_what_it_is_called: it is zip"),
        ("a.csv", b"PAR1", "not_what_it_is_called: it is parquet"),
        ("a.jsonl", LINE.decode().encode("utf-16"), "utf16: save it as UTF-8"),
        ("a.json", b"[" + LINE + b", {]", "invalid_json: not whole, or"),
        ("a.json", b'[{"user": "caf\xe9"}]', "invalid_json: not UTF-8"),
        ("a.json", b'[{"user": "\x00"}]', "invalid_json: control characters"),
        (
            "a.json",
            b'[{"a": ' + b"[" * 9000 + b"]" * 9000 + b"}]",
            "invalid_json: nested",
        ),
        ("a.parquet.zst", PLAIN_PARQUET, "invalid_parquet: its footer"),
        ("a.parquet", PLAIN_PARQUET, "invalid_parquet: its footer"),
        ("a.csv", b"", "bad_header"),
        ("a.csv", b'user,"event\n', "bad_header"),
        ("a.csv", b"user,event,at,user\n", "duplicate_column"),
        ("a.csv", b"user,event,at,User\n", "duplicate_column"),
        ("a.csv", b"user,at\n", "missing_column: event"),
        ("a.csv", b"user event at\nu1 view 2026-01-01\n", "missing_column"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(
    events, file: str, content: bytes, reason: str
):
    events.put(file, content)

    summary = events.load()

    assert (summary.n_refused, summary.n_accepted) == (1, 0)
    ((_, status, found),) = events.files()
    assert status == "refused"
    assert found.startswith(reason)
    assert events.query("select count(*) from raw.events") == [(0,)]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("a.jsonl", LINE * 3),
        ("a.jsonl", (LINE * 3).rstrip()),
        ("a.jsonl", b"\xef\xbb\xbf" + LINE * 3),
        ("a.jsonl", (LINE * 3).replace(b"\n", b"\r\n")),
        ("a.jsonl.gz", packed(LINE) + packed(LINE * 2)),
        ("a.JSONL.ZST", zstd.compress(LINE) + zstd.compress(LINE * 2)),
        ("a.jsonl.gz", zstd.compress(LINE * 3)),
        ("a.jsonl.zst", packed(LINE * 3)),
        ("a.jsonl.zip", packed(LINE * 3)),
        ("a.jsonl.zip", zipped(LINE * 3)),
        ("a.json.gz", zipped(packed(LINE * 3))),
        ("a.jsonl.zip", zipped(LINE, LINE.rstrip(), LINE)),
        ("a.jsonl.zip", zipped(LINE, b"", packed(LINE.rstrip()), b"", LINE.rstrip())),
        ("a.jsonl.zip", zipped(*[b"\xef\xbb\xbf" + LINE.rstrip()] * 3)),
        ("a.jsonl.zip", zipped(**{"../../a.jsonl": LINE, "/etc/b.JSON.gz": LINE * 2})),
        ("a.jsonl.zip", zipped(LINE * 3, **{"__MACOSX/._0.jsonl": b"junk", "d/": b""})),
        ("a.csv.zip", zipped(b"user,event,at\r\n" + b"u1,view,2026-01-01\r\n" * 3)),
        ("a.json", LINE * 3),
        ("a.json", b"[" + b",".join([LINE] * 3) + b"]"),
        ("a.json", b"\xef\xbb\xbf \n[" + b",".join([LINE] * 3) + b"]\n"),
        ("a.json", json.dumps([json.loads(LINE)] * 3, indent=2).encode()),
        ("a.json.gz", packed(b"[" + b",".join([LINE] * 3) + b"]")),
        ("a.json", (json.dumps(json.loads(LINE), indent=2) + "\n").encode() * 3),
        ("a.csv", b"user,event,at\n" + b"u1,view,2026-01-01\n" * 3),
        ("a.csv", b"\xef\xbb\xbfuser,event,at\r\n" + b"u1,view,2026-01-01\r\n" * 3),
        ("a.csv.gz", packed(b"at|event|user\n" + b"2026-01-01|view|u1\n" * 3)),
        ("a[1]*.csv", b"user\tevent\tat\n" + b"u1\tview\t2026-01-01\n" * 3),
        ("country=DE/a.csv", b'"user";"event";"at"\n' + b"u1;view;2026-01-01\n" * 3),
    ],
)
def test_every_form_of_the_same_lines_is_read_alike(events, file: str, content: bytes):
    events.put(file, content)

    content = "\x1fuser_id=u1\x1fevent_name=view\x1foccurred_at=2026-01-01 00:00:00"
    expected = hashlib.md5(content.encode()).hexdigest()
    assert events.column("user_id") == ["u1"] * 3
    assert events.query("select distinct content_hash, attributes from raw.events") == [
        (expected, None)
    ]
    assert not events.home.staged_files.exists()


def test_a_damaged_parquet_file_is_refused_or_said_to_be_unverified(events):
    """A flipped byte in its rows may show nowhere, but in the sum of a manifest."""
    path = events.folder / "a.parquet"
    duckdb.execute(
        f"""
        copy (
            select 'u' || i as user, 'view' as event, timestamp '2026-01-01' as at
            from range(2000) as t (i)
        ) to '{path}'
        """
    )
    content = path.read_bytes()
    damaged = [flipped(content, position) for position in range(4, 4000, 400)]
    for number, damage in enumerate([content[:-9], content[9:], *damaged]):
        events.put(f"{number}.parquet", damage)
    path.unlink()
    events.put("listed/a.parquet", damaged[0])
    sha256 = hashlib.sha256(content).hexdigest()
    events.put(
        "listed/_manifest.json", json.dumps([{"name": "a.parquet", "sha256": sha256}])
    )

    events.load()

    reasons = {file: (status, reason) for file, status, reason in events.files()}
    assert reasons["0.parquet"] == ("refused", "invalid_parquet: its footer")
    assert reasons["1.parquet"] == ("refused", "invalid_parquet: its rows")
    assert reasons["listed/a.parquet"][1].startswith("manifest_mismatch")
    others = {reasons[f"{number}.parquet"] for number in range(2, 12)}
    assert others <= {
        ("loaded", UNVERIFIED),
        ("refused", "invalid_parquet: its rows"),
        ("refused", "invalid_parquet: its footer"),
    }
    events.put("listed/a.parquet", content)
    assert events.load().n_accepted == 2000
    assert ("listed/a.parquet", "loaded", None) in events.files()


def test_a_header_alone_is_a_file_without_lines(events):
    events.put("a.csv", "user,event,at\n")
    events.put("b.jsonl", "")

    assert events.load().n_loaded == 2
    assert events.query("select n_lines, n_accepted from ledger.files") == [(0, 0)] * 2


def test_suspect_lines_are_refused_one_by_one_with_their_bytes(events):
    deep = b'{"user": "u1", "x": ' + b"[" * 9000 + b"]" * 9000 + b"}\n"
    bad = [b'{"user": "caf\xe9"}', b'{"user": "\x07"}', b'{"user": "a\rb"}']
    content = (
        LINE + b"\n".join(bad) + b"\n\n" + deep + LINE + b"x" * 2**21 + b"\n" + LINE
    )
    events.put("a.jsonl", content)

    assert events.column("line_number") == [1, 7, 9]
    assert events.reasons() == [
        (2, "invalid_utf8"),
        (3, "control_character"),
        (4, "control_character"),
        (6, "too_deep"),
        (8, "too_long"),
    ]
    raw_lines = events.raw_lines()
    assert raw_lines[:3] == bad
    assert len(raw_lines[4]) < 2**20 + 10
    assert events.query(
        "select n_lines, n_accepted, n_quarantined, n_blank from ledger.files"
    ) == [(9, 3, 5, 1)]


def test_what_is_too_large_is_refused_in_little_memory(events):
    """A line of 50 MB, a million brackets and a number of 5,000 digits."""
    line = '{"user": "u1", "event": "e", "at": "2026-01-01", "x": %s}\n'
    events.put(
        "a.jsonl",
        line % 1
        + line % f'"{"x" * 50_000_000}"'
        + line % ("[" * 10**6 + "]" * 10**6)
        + line % ("[" * 9000 + "]" * 9000)
        + line % ("9" * 5000)
        + line % 2,
    )
    tracemalloc.start()

    events.load()

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30_000_000
    assert events.reasons() == [(2, "too_long"), (3, "too_long"), (4, "too_deep")]
    assert events.column("attributes") == [
        f'{{"x":{number}}}' for number in (1, "9" * 5000, 2)
    ]


def test_a_lone_line_cut_within_a_character_is_refused(events):
    events.put("a.jsonl", LINE + '{"user": "é'.encode()[:-1])

    assert events.column("line_number") == [1]
    assert events.reasons() == [(2, "invalid_utf8")]


def test_a_clean_file_is_read_in_place(events, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("a clean file was copied")

    monkeypatch.setattr("warehouse.integrity.write_cleaned", fail)
    events.put("a.jsonl", LINE * 3)

    assert events.load().n_accepted == 3


def test_what_unpacks_to_too_much_is_refused(events, monkeypatch):
    monkeypatch.setattr("warehouse.packing.MIN_EXPANDED_BYTES", 1000)
    events.put("a.jsonl.gz", gzip.compress(b" " * 2**22))

    events.load()

    assert events.files()[0][2] == "expands_too_much: more than 250 times"


@pytest.mark.parametrize(
    "content",
    [
        zipped(*[packed(b" " * 2**12)] * 300),  # each little, all too much
        zipped(packed(b" " * 2**22)),
        zipped(packed(b"") + bytes(2**22)),  # nothing comes out of it, ever
        zipped(packed(b"") * 2**13),
    ],
)
def test_what_files_of_an_archive_unpack_to_is_counted_together(
    events, monkeypatch, content: bytes
):
    monkeypatch.setattr("warehouse.packing.MIN_EXPANDED_BYTES", 1000)
    monkeypatch.setattr("warehouse.packing.MAX_EXPANSION", 10)
    events.put("a.jsonl.zip", content)

    events.load()

    assert events.files()[0][2] == "expands_too_much: more than 10 times"


def test_the_directory_of_an_archive_is_bounded(events, monkeypatch):
    monkeypatch.setattr("warehouse.packing.MAX_DIRECTORY_BYTES", 1000)
    events.put("a.jsonl.zip", zipped(*[LINE] * 9))
    events.put("b.jsonl.zip", zipped(*[LINE] * 30))

    assert events.load().n_accepted == 9
    assert [status for _, status, _ in events.files()] == ["loaded", "refused"]


def test_the_files_of_an_archive_are_read_in_the_order_of_their_names(events):
    lines = {
        f"{hour}.json.gz": packed(LINE.replace(b"u1", b"u%d" % hour))
        for hour in (3, 1, 2)
    }
    events.put("a.json.zip", zipped(**lines))

    assert events.column("user_id") == ["u1", "u2", "u3"]
    assert events.query("select n_lines from ledger.files") == [(3,)]


def test_parquet_that_is_called_packed_is_read_as_it_is(events):
    path = events.folder / "a.parquet"
    duckdb.execute(
        f"copy (select 'u1' as user, 'view' as event, timestamp '2026-01-01' as at) "
        f"to '{path}' (compression zstd)"
    )
    path.rename(events.folder / "a.parquet.zst")

    assert events.column("user_id") == ["u1"]
    assert events.files() == [("a.parquet.zst", "loaded", UNVERIFIED)]


def test_only_regular_files_of_the_inbox_are_opened(events, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.jsonl").write_bytes(LINE)
    (events.folder / "folder").symlink_to(outside)
    (events.folder / "link.jsonl").symlink_to(outside / "a.jsonl")
    os.mkfifo(events.folder / "pipe.jsonl")
    events.put("two\nlines.jsonl", LINE)
    events.put("x" * 249 + ".jsonl", LINE)
    events.put("Größe '; drop table raw.events; --.jsonl", LINE)

    refused = events.load().n_refused

    assert refused == 4
    assert [file for file in events.files() if file[1] == "refused"] == [
        ("folder", "refused", "not_a_regular_file: a symbolic link"),
        ("link.jsonl", "refused", "not_a_regular_file: a symbolic link"),
        ("pipe.jsonl", "refused", "not_a_regular_file: a device or a pipe"),
        ("two\\nlines.jsonl", "refused", "bad_name: not printable"),
    ]
    loaded = [file for file, status, _ in events.files() if status != "refused"]
    assert [len(name.encode()) for name in loaded] == [42, 255]
    assert events.query("select count(*) from raw.events") == [(1,)]  # the same bytes
    assert events.load().n_unchanged == 2
    assert len(events.files()) == 6


def test_a_link_that_takes_the_place_of_a_dump_is_not_followed(events, monkeypatch):
    from warehouse import load

    path = events.put("a.jsonl", LINE)
    secret = events.put("../../secret", LINE)
    find_arrived = load.find_arrived

    def find_and_swap(*arguments):
        found = find_arrived(*arguments)
        path.unlink()
        path.symlink_to(secret)
        return found

    monkeypatch.setattr(load, "find_arrived", find_and_swap)

    assert "still being written" in events.load().in_words()
    assert events.files() == []


def test_what_is_no_dump_is_left_alone(events):
    for name in (".hidden.csv", "README.md", "a.csv.part", "notes.txt"):
        events.put(name, LINE)
    events.put(".trash/a.jsonl", LINE)
    events.put("_old/a.jsonl", LINE)
    events.put("new/a.jsonl", LINE)
    events.put("../stray.jsonl", LINE)

    summary = events.load()

    assert events.files() == [("new/a.jsonl", "loaded", None)]
    assert summary.warnings == [
        "shop/notes.txt: of no known format, left alone",
        "stray.jsonl: in no source's folder, left alone",
    ]


def test_a_file_that_grows_meanwhile_is_left_for_later(events, monkeypatch):
    from warehouse import load

    path = events.put("a.jsonl", LINE)
    stage_dump = load.stage_dump

    def write_meanwhile(*arguments):
        with path.open("ab") as file:
            file.write(LINE)
        return stage_dump(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(load, "stage_dump", write_meanwhile)
        assert "still being written" in events.load().in_words()
    assert events.files() == []
    assert events.load().n_accepted == 2
