"""Lines that no fast reader may see: which they are, and a copy without them."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from warehouse.quarantine import FileReason, FileRefusedError, LineReason

MAX_LINE_BYTES = 1 << 20
MAX_DEPTH = 500  # of nested JSON; DuckDB's merge crashes from some 100,000
LONG_LINE_BYTES = 1 << 14  # a shorter line cannot nest too deep to read
MAX_REFUSED_BYTES = 1 << 28

_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f]")
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]')


@dataclass(frozen=True)
class RefusedLine:
    """A line that no reader may see, with its bytes (the first of too long a one)."""

    line_number: int
    reason: LineReason
    raw_line: bytes


def write_cleaned(
    blocks: Iterator[bytes], path: Path, *, is_json: bool
) -> tuple[bytes, list[RefusedLine]]:
    """Copy lines with plain line ends, empty where refused; tell first and refused."""
    refused: list[RefusedLine] = []
    first_line = b""
    n_refused_bytes = 0
    with path.open("wb") as copy:
        path.chmod(0o600)
        for line_number, line in enumerate(_split_lines(blocks), start=1):
            if line_number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            plain = line.removesuffix(b"\r")
            reason = _line_reason(plain, is_json=is_json)
            if reason:
                n_refused_bytes += len(line)
                refused.append(RefusedLine(line_number, reason, line))
                plain = b""
            if n_refused_bytes > MAX_REFUSED_BYTES:
                raise FileRefusedError(FileReason.TOO_MANY_BAD_LINES)
            if line_number == 1:
                first_line = plain
            copy.write(plain + b"\n")
    return first_line, refused


def write_plain(blocks: Iterator[bytes], path: Path) -> None:
    """Copy a document without its byte-order mark."""
    with path.open("wb") as copy:
        path.chmod(0o600)
        copy.write(next(blocks, b"").removeprefix(codecs.BOM_UTF8))
        copy.writelines(blocks)


def _split_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines without their line feed; of one too long a little more than allowed.

    The little more lets `_line_reason` see that it is too long.
    """
    kept = b""
    for block in blocks:
        *lines, rest = block.split(b"\n")
        for line in lines:
            yield (kept + line)[: MAX_LINE_BYTES + 2]
            kept = b""
        kept = (kept + rest)[: MAX_LINE_BYTES + 2]
    if kept:
        yield kept


def _line_reason(line: bytes, *, is_json: bool) -> LineReason | None:
    """Tell why a line must not be read, if so."""
    if len(line) > MAX_LINE_BYTES:
        return LineReason.TOO_LONG
    if _CONTROL.search(line):
        return LineReason.CONTROL_CHARACTER
    try:
        line.decode()
    except UnicodeDecodeError:
        return LineReason.INVALID_UTF8
    if is_json and len(line) >= LONG_LINE_BYTES and nesting_depth(line) > MAX_DEPTH:
        return LineReason.TOO_DEEP
    return None


def nesting_depth(line: bytes) -> int:
    """Tell how deep brackets nest outside strings."""
    if line.count(b"[") + line.count(b"{") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for match in _BRACKETS.finditer(line):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(match[0], 0)
        deepest = max(deepest, depth)
    return deepest
