"""What was refused and why: the closed lists of reasons, and the list for the eye."""

import re
from enum import StrEnum

import duckdb

from warehouse.home import Home
from warehouse.keys import Keyring
from warehouse.redaction import redact
from warehouse.vault import vault_of

EXAMPLE_LENGTH = 100

_FIRST_OF_EACH_REASON = """
    select
        source,
        reason,
        count(*),
        arg_min(
            {'file': file, 'line_number': line_number, 'raw_line': raw_line},
            (file, line_number)
        )
    from ledger.quarantine left join vault.quarantine using (file_id, line_number)
    group by source, reason
    order by source, reason
"""
_ADDRESS = re.compile(r"[^\s\"',;:<>]+@[^\s\"',;:<>]+")
_LONG_NUMBER = re.compile(r"\+?\d[\d ().-]{7,}\d")


class LineReason(StrEnum):
    """Why a line is in quarantine; from `MISSING` on followed by ``:<our field>``."""

    INVALID_UTF8 = "invalid_utf8"
    CONTROL_CHARACTER = "control_character"
    TOO_LONG = "too_long"
    TOO_DEEP = "too_deep"
    INVALID_JSON = "invalid_json"
    NOT_AN_OBJECT = "not_an_object"
    DUPLICATE_KEY = "duplicate_key"
    NOT_FINITE = "not_finite"
    UNTERMINATED_QUOTE = "unterminated_quote"
    BAD_QUOTES = "bad_quotes"
    WRONG_NUMBER_OF_COLUMNS = "wrong_number_of_columns"
    MISSING = "missing"
    BAD_VALUE = "bad_value"
    TOO_EARLY = "too_early"  # before 1980
    IN_FUTURE = "in_future"  # later than it was received, or loaded
    TOO_LATE = "too_late"  # older than the `late_after` of its source


# Of these no fix of a map makes sense; the bytes of the last are not even whole.
UNREADABLE = (
    LineReason.INVALID_UTF8,
    LineReason.CONTROL_CHARACTER,
    LineReason.TOO_DEEP,
    LineReason.TOO_LONG,
)


class FileReason(StrEnum):
    """Why a whole file is refused; words may follow after a colon."""

    BAD_GZIP = "bad_gzip"
    BAD_ZSTD = "bad_zstd"
    BAD_ZIP = "bad_zip"
    NOT_WHAT_IT_IS_CALLED = "not_what_it_is_called"
    EXPANDS_TOO_MUCH = "expands_too_much"
    UTF16 = "utf16"
    TOO_MANY_BAD_LINES = "too_many_bad_lines"
    BAD_HEADER = "bad_header"
    DUPLICATE_COLUMN = "duplicate_column"
    MISSING_COLUMN = "missing_column"
    INVALID_JSON = "invalid_json"
    INVALID_PARQUET = "invalid_parquet"
    COUNTS_DISAGREE = "counts_disagree"
    CONFLICT = "conflict"
    READER_FAILED = "reader_failed"
    TAKES_TOO_LONG = "takes_too_long"
    TOO_LARGE = "too_large"
    BAD_NAME = "bad_name"
    NOT_READABLE = "not_readable"
    NOT_A_REGULAR_FILE = "not_a_regular_file"
    BAD_MANIFEST = "bad_manifest"
    MANIFEST_MISMATCH = "manifest_mismatch"


class FileRefusedError(Exception):
    """A whole file cannot be loaded; the message is a reason of the closed list."""

    def __init__(self, reason: FileReason, words: str = "") -> None:
        super().__init__(f"{reason}: {words}" if words else str(reason))


def list_quarantine(connection: duckdb.DuckDBPyConnection, home: Home) -> list[dict]:
    """Group the quarantine by source and reason, the first line of each as example.

    Returns
    -------
    list of dict
        `source`, `reason`, `n_lines`, and `file`, `line_number` and `example` of the
        first line; the example is shortened and its addresses masked.

    Raises
    ------
    ConfigurationError
        If a key, or the vault where the lines are, is missing or wrong.
    """
    if not connection.execute("from ledger.quarantine limit 1").fetchall():
        return []
    keyring = Keyring(home, connection)
    keyring.check()
    with vault_of(home, connection, keyring) as vault:
        rows = vault.open().execute(_FIRST_OF_EACH_REASON).fetchall()
    return [
        {
            "source": source,
            "reason": reason,
            "n_lines": n_lines,
            "file": first["file"],
            "line_number": first["line_number"],
            "example": shorten(first["raw_line"] or b""),
        }
        for source, reason, n_lines, first in rows
    ]


def shorten(raw_line: bytes) -> str:
    """Show the start of a refused line: printable, its addresses and numbers masked.

    >>> shorten(b'{"user": "ann@example.org", "n": NaN}')
    '{"user": "***", "n": NaN}'
    """
    text = raw_line[: 4 * EXAMPLE_LENGTH].decode("utf-8", errors="backslashreplace")
    masked = redact(_LONG_NUMBER.sub("***", _ADDRESS.sub("***", text)))
    printable = "".join(
        character if character.isprintable() else repr(character)[1:-1]
        for character in masked
    )
    is_cut = len(printable) > EXAMPLE_LENGTH or len(raw_line) > 4 * EXAMPLE_LENGTH
    return printable[:EXAMPLE_LENGTH] + ("..." if is_cut else "")
