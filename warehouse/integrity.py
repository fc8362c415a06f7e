"""One pass over the bytes of a dump: what it weighs, and whether it may be trusted.

DuckDB reads fast what is clean, and fails or guesses at what is not: it checks no gzip
sum, takes a truncated zstd stream for a whole one, and stops at invalid UTF-8. So the
bytes are checked here first, and a file with suspect lines is read from a copy in
which those are empty: line numbers stay, and the lines go to quarantine.
"""

import codecs
import hashlib
import json
import shutil
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import Literal

import numpy as np

from warehouse.inbox import PLAIN, Dump
from warehouse.packing import BLOCK_BYTES, open_regular, unpack, unzip
from warehouse.quarantine import FileReason, FileRefusedError
from warehouse.suspects import (
    LONG_LINE_BYTES,
    MAX_LINE_BYTES,
    RefusedLine,
    write_cleaned,
    write_plain,
)

FIRST_PRINTABLE = 32

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Report = Callable[[int], None]
Document = Literal["array", "unstructured"]


@dataclass(frozen=True)
class Scan:
    """What one pass found; `path` is what DuckDB reads, `compression` how."""

    sha256: str
    n_lines: int = 0
    n_quotes: int = 0
    first_line: bytes = b""
    is_suspect: bool = False
    document: Document | None = None  # JSON that is not one object a line
    has_escaped_nul: bool = False
    path: Path = Path()
    compression: str = PLAIN
    refused: list[RefusedLine] = field(default_factory=list)


class _HashedFile(BufferedIOBase):
    """A file that hashes what is read of it and reports how far it is.

    The hash is made in a thread of its own, beside what is done with the bytes.
    """

    def __init__(self, file: BufferedReader, report: Report) -> None:
        self._file = file
        self._report = report
        self._sha256 = hashlib.sha256()
        self._hasher = ThreadPoolExecutor(max_workers=1)
        self._pending: Future[None] | None = None
        self.n_bytes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        block = self._file.read(size)
        if self._pending:
            self._pending.result()
        self._pending = self._hasher.submit(self._sha256.update, block)
        self.n_bytes += len(block)
        self._report(self.n_bytes)
        return block

    def hexdigest(self) -> str:
        """Hash what is left to read too, and tell the sum of all."""
        while self.read(BLOCK_BYTES):
            pass
        self._hasher.shutdown()
        return self._sha256.hexdigest()


def hash_file(path: Path, report: Report = lambda _: None) -> str:
    """Tell the sha256 of a file's bytes."""
    with open_regular(path) as file:
        return _HashedFile(file, report).hexdigest()


def scan_file(dump: Dump, staged_files: Path, report: Report = lambda _: None) -> Scan:
    """Check the bytes of `dump`, and copy it to `staged_files` where it needs it.

    Raises
    ------
    FileRefusedError
        If it is not whole, not what its name says, or grows too much unpacked.
    """
    if dump.compression == "zip":
        sha256 = hash_file(dump.path, report)
        scan = scan_file(_unzip(dump, staged_files), staged_files)
        return replace(scan, sha256=sha256)
    with open_regular(dump.path) as file:
        hashed = _HashedFile(file, report)
        blocks = unpack(hashed, file.peek(4), dump)
        if dump.format == "parquet":
            path = _unpack_parquet(dump, blocks, staged_files)
            return Scan(hashed.hexdigest(), path=path)
        scan = _scan_blocks(blocks, may_be_document=dump.format == "json")
        sha256 = hashed.hexdigest()
    if not scan.is_suspect:
        path = _safe_link(dump.path, staged_files)
        return replace(scan, sha256=sha256, path=path, compression=dump.compression)
    with open_regular(dump.path) as file:
        blocks = unpack(file, file.peek(4), dump)
        path = staged_files / "cleaned"
        if scan.document:
            write_plain(blocks, path)
            return replace(scan, sha256=sha256, path=path)
        is_json = dump.format != "csv"
        first_line, refused = write_cleaned(blocks, path, is_json=is_json)
    return replace(
        scan, sha256=sha256, path=path, first_line=first_line, refused=refused
    )


@contextmanager
def staging_folder(folder: Path) -> Generator[Path]:
    """Give an empty private folder for copies; nothing of it outlives the block."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unpack_copy(dump: Dump, scan: Scan, staged_files: Path) -> Scan:
    """Have a clean file read from an unpacked copy: DuckDB knows not every gzip."""
    path = staged_files / "unpacked"
    with open_regular(dump.path) as file:
        write_plain(unpack(file, file.peek(4), dump), path)
    return replace(scan, path=path, compression=PLAIN)


def _safe_link(path: Path, staged_files: Path) -> Path:
    """Name a file so that DuckDB sees no pattern in its name."""
    link = staged_files / "dump"
    link.unlink(missing_ok=True)
    link.symlink_to(path.absolute())
    return link


def _write_private(blocks: Iterator[bytes], path: Path) -> Path:
    with path.open("wb") as copy:
        path.chmod(0o600)
        copy.writelines(blocks)
    return path


def _unzip(dump: Dump, staged_files: Path) -> Dump:
    """Write out what is in a ZIP archive, its checksums verified."""
    path = _write_private(unzip(dump), staged_files / "unzipped")
    n_bytes = path.stat().st_size
    return replace(dump, path=path, compression=PLAIN, n_bytes=n_bytes)


def _scan_blocks(blocks: Iterator[bytes], *, may_be_document: bool) -> Scan:
    """Count lines and quotes, and notice anything that no fast reader may see.

    A JSON document has no lines to refuse one by one: it is refused as a whole.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    n_lines = n_quotes = 0
    head, tail = b"", b"\n"
    is_suspect = has_escaped_nul = False
    document: Document | None = None
    for block in blocks:
        if not n_lines and len(head) < MAX_LINE_BYTES:
            head += block
            document = _document_form(head) if may_be_document else None
        codes = np.frombuffer(block, np.uint8)
        n_ends = _count(codes, b"\n")
        n_lines += n_ends
        n_quotes += _count(codes, b'"')
        if b"\\" in block or b"\\" in tail:
            has_escaped_nul |= b"\\u0000" in tail[-5:] + block
        n_controls = int(np.count_nonzero(codes < FIRST_PRINTABLE)) - n_ends
        if n_controls:
            n_controls -= _count(codes, b"\t")
        if not document:
            is_suspect |= n_controls > 0 or _has_long_line(block)
        elif n_controls and n_controls > _count(codes, b"\r"):
            raise FileRefusedError(FileReason.INVALID_JSON, "control characters")
        try:
            if decoder.getstate()[0] or not block.isascii():
                decoder.decode(block)
        except UnicodeDecodeError:
            is_suspect = True
            decoder.reset()
            if document:
                raise FileRefusedError(FileReason.INVALID_JSON, "not UTF-8") from None
        tail = block[-6:]
        if head.startswith(_UTF16):
            raise FileRefusedError(FileReason.UTF16, "save it as UTF-8")
    has_bom = head.startswith(codecs.BOM_UTF8)
    return Scan(
        sha256="",
        n_lines=n_lines + (not tail.endswith(b"\n")),
        n_quotes=n_quotes,
        first_line=head.partition(b"\n")[0],
        is_suspect=bool(is_suspect or decoder.getstate()[0] or has_bom),
        document=document,
        has_escaped_nul=has_escaped_nul,
    )


def _document_form(head: bytes) -> Document | None:
    """Tell whether JSON is an array, or objects that go over several lines."""
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    first_line, _, rest = text.partition(b"\n")
    if not text.startswith(b"{"):
        return "array" if text.startswith(b"[") else None
    try:
        json.loads(first_line)
    except (ValueError, RecursionError):
        is_one = first_line.rstrip() == b"{" or b"\n{" not in b"\n" + rest
        return "unstructured" if is_one else None
    return None


def _count(codes: np.ndarray, byte: bytes) -> int:
    """Count a byte that may be frequent, some ten times faster than `bytes.count`."""
    return int(np.count_nonzero(codes == byte[0]))


def _has_long_line(block: bytes) -> bool:
    """Tell whether any whole window of `LONG_LINE_BYTES` has no line end."""
    starts = range(0, len(block) - LONG_LINE_BYTES + 1, LONG_LINE_BYTES)
    return any(
        block.find(b"\n", start, start + LONG_LINE_BYTES) < 0 for start in starts
    )


def _unpack_parquet(dump: Dump, blocks: Iterator[bytes], staged_files: Path) -> Path:
    """Write a compressed Parquet file out plain; read a plain one where it is."""
    if dump.compression == PLAIN:
        for _ in blocks:
            pass
        return _safe_link(dump.path, staged_files)
    return _write_private(blocks, staged_files / "unpacked")
