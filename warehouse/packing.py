"""What dumps are packed in: gzip, zstd and ZIP, and how much may come out of it.

A name that ends in .gz, .zst or .zip tells that a file is packed; its first bytes tell
in what. Every checksum on the way is verified.
"""

import codecs
import gzip
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import BufferedIOBase, BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO

from backports import zstd

from warehouse.inbox import COMPRESSIONS, PLAIN, Dump
from warehouse.quarantine import FileReason, FileRefusedError

BLOCK_BYTES = 1 << 20
MAX_EXPANSION = 250  # times; looked at from MIN_EXPANDED_BYTES on
MIN_EXPANDED_BYTES = 1 << 28
MAX_FILE_BYTES = 1 << 38  # unpacked
MAX_DIRECTORY_BYTES = 1 << 24  # of an archive: some 100,000 files

_MAGIC = {
    "gzip": (b"\x1f\x8b",),
    "zstd": (
        b"\x28\xb5\x2f\xfd",
        *(bytes([number]) + b"\x2a\x4d\x18" for number in range(0x50, 0x60)),
    ),  # the others begin a frame to be skipped
    "zip": (b"PK\x03\x04", b"PK\x05\x06"),  # so are spreadsheets
    "bzip2": (b"BZh",),
    "xz": (b"\xfd7zX",),
    "parquet": (b"PAR1",),
}
_UNPACKING_ERRORS = (gzip.BadGzipFile, zlib.error, zstd.ZstdError, EOFError)
_UNZIPPING_ERRORS = (  # of what may be in a damaged directory
    *_UNPACKING_ERRORS,
    zipfile.BadZipFile,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class _Budget:
    """How many bytes may still come of a dump."""

    def __init__(self, dump: Dump) -> None:
        self._limit = max(MIN_EXPANDED_BYTES, MAX_EXPANSION * dump.n_bytes)
        self._n_bytes = 0

    def spend(self, n_bytes: int) -> None:
        """Count bytes, and refuse the dump once they are too many for it."""
        self._n_bytes += n_bytes
        if self._n_bytes > self._limit:
            words = f"more than {MAX_EXPANSION} times"
            raise FileRefusedError(FileReason.EXPANDS_TOO_MUCH, words)
        if self._n_bytes > MAX_FILE_BYTES:
            words = f"more than {MAX_FILE_BYTES:,} bytes"
            raise FileRefusedError(FileReason.TOO_LARGE, words)


class _BoundedReader(BufferedIOBase):
    """A reader that spends a budget."""

    def __init__(self, reader: IO[bytes] | BufferedIOBase, budget: _Budget) -> None:
        self._reader = reader
        self._budget = budget

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        block = self._reader.read(-1 if size is None else size)
        self._budget.spend(len(block))
        return block


class _ArchiveFile(BufferedReader):
    """A ZIP of which no more is read at once than a directory may be long."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile
        return super().read(size)


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file, following no link, nor waiting for a pipe's other end.

    Raises
    ------
    FileRefusedError
        If it is something else.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.fdopen(os.open(path, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise FileRefusedError(FileReason.NOT_A_REGULAR_FILE)
    return file


def packed_as_it_is(dump: Dump) -> Dump:
    """See a dump that is called packed as packed in what its first bytes say.

    Some exports call a ZIP `.json.gz`, and Parquet of which the pages are packed
    `.parquet.zst`. Bytes of no packing that is known here leave it as it is called.

    Raises
    ------
    FileRefusedError
        If it is no regular file.
    """
    if dump.compression == PLAIN:
        return dump
    with open_regular(dump.path) as file:
        found = _kind_of_bytes(file.peek(4))
    if found == dump.format == "parquet":
        return replace(dump, compression=PLAIN)
    return replace(dump, compression=found) if found in COMPRESSIONS.values() else dump


def unpack(
    file: BufferedIOBase | BufferedReader, start: bytes, dump: Dump
) -> Iterator[bytes]:
    """Yield blocks of the bytes of a dump that is no ZIP.

    Raises
    ------
    FileRefusedError
        If it is not what it is called, damaged, or grows too much.
    """
    readers = {PLAIN: lambda: file, "gzip": lambda: gzip.GzipFile(fileobj=file)}
    readers["zstd"] = lambda: zstd.ZstdFile(file)
    bad = None if dump.compression == PLAIN else FileReason(f"bad_{dump.compression}")
    found = _kind_of_bytes(start)
    if bad and found != dump.compression:
        raise FileRefusedError(bad, f"its bytes are {found or 'not packed'}")
    if not bad and found not in (None, dump.format):
        raise FileRefusedError(FileReason.NOT_WHAT_IT_IS_CALLED, f"it is {found}")
    try:
        yield from _blocks(readers[dump.compression](), _Budget(dump))
    except _UNPACKING_ERRORS as error:
        if not bad:
            raise
        words = "ends too early" if isinstance(error, EOFError) else "damaged"
        raise FileRefusedError(bad, words) from None


def unzip(dump: Dump) -> Iterator[bytes]:
    """Yield blocks of the bytes of what is in a ZIP, file after file by name.

    Each file may be packed once more, in gzip. Their names lead nowhere.

    Raises
    ------
    FileRefusedError
        If it is damaged, locked, holds something else, or grows too much.
    """
    unpacked, inflated = _Budget(dump), _Budget(dump)
    with _ArchiveFile(open_regular(dump.path).detach()) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                files = (
                    _file_in_zip(archive, info, dump, inflated, unpacked)
                    for info in _files_in_zip(archive, dump)
                )
                yield from _joined(files)
        except _UNZIPPING_ERRORS:
            raise FileRefusedError(FileReason.BAD_ZIP, "damaged, or locked") from None


def _kind_of_bytes(start: bytes) -> str | None:
    """Tell by its first bytes what a file is, if it is no text."""
    for kind, magics in _MAGIC.items():
        if start.startswith(magics):
            return kind
    return None


def _blocks(reader: IO[bytes] | BufferedIOBase, budget: _Budget) -> Iterator[bytes]:
    """Yield blocks for as long as there is a budget."""
    bounded = _BoundedReader(reader, budget)
    while block := bounded.read(BLOCK_BYTES):
        yield block


def _files_in_zip(archive: zipfile.ZipFile, dump: Dump) -> list[zipfile.ZipInfo]:
    """List the files of an archive by name; several must be lines of JSON.

    What a system notes down of its own, in names that begin with a dot, is left out.
    """
    infos = [
        info
        for info in archive.infolist()
        if not info.is_dir() and PurePosixPath(info.filename).name[:1] != "."
    ]
    if not infos:
        raise FileRefusedError(FileReason.BAD_ZIP, "no file in it")
    if len(infos) > 1 and dump.format not in ("json", "jsonl"):
        words = f"{len(infos)} files in it, which are no lines of JSON: unpack it first"
        raise FileRefusedError(FileReason.BAD_ZIP, words)
    if len(infos) > 1 and not all(_is_called_json(info.filename) for info in infos):
        words = f"{len(infos)} files in it, not all of them JSON: unpack it first"
        raise FileRefusedError(FileReason.BAD_ZIP, words)
    return sorted(infos, key=lambda info: info.filename)


def _is_called_json(name: str) -> bool:
    stem = name.lower().removesuffix(".gz")
    return stem.endswith((".json", ".jsonl"))


def _file_in_zip(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    dump: Dump,
    inflated: _Budget,
    unpacked: _Budget,
) -> Iterator[bytes]:
    """Yield blocks of one file of an archive."""
    with archive.open(info) as file:
        found = _kind_of_bytes(file.read(4))
    if found not in (None, "gzip", dump.format):
        raise FileRefusedError(FileReason.BAD_ZIP, f"{found} in it")
    with archive.open(info) as file:
        if found == "gzip":
            bounded = _BoundedReader(file, inflated)
            yield from _blocks(gzip.GzipFile(fileobj=bounded), unpacked)
        else:
            yield from _blocks(file, unpacked)


def _joined(files: Iterable[Iterator[bytes]]) -> Iterator[bytes]:
    """Yield the blocks of files one after the other, each file on a line of its own."""
    end = b"\n"
    for file_number, blocks in enumerate(files):
        for block_number, block in enumerate(blocks):
            if file_number and not block_number:
                block = block.removeprefix(codecs.BOM_UTF8)
                if end != b"\n":
                    yield b"\n"
            yield block
            end = block[-1:] or end
