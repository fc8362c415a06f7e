"""An answer for whoever asked: a table to look at, CSV for sheets, JSON for tools."""

import csv
import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain
from typing import Any, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from warehouse.errors import ConfigurationError, TesseraError
from warehouse.home import Home
from warehouse.query import Answer, asked

ROWS_COUNTED = 1_000_000
CHARACTERS_SHOWN = 60
WIDE = 10_000  # columns of a screen that nobody looks at: a pipe, a file

# What a spreadsheet takes for the beginning of a formula (OWASP ASVS 1.2.10, and the
# full-width forms that OWASP's page on CSV injection adds).
_BEGINS_FORMULA = tuple("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")


def answer_question(
    home: Home,
    *,
    question: str | None,
    file: TextIO | None,
    version: int | None,
    timeout: float,
    rows: int,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Ask a snapshot, and write the answer to standard output.

    Raises
    ------
    ConfigurationError
        If there is no question or more than one, or it is not one that reads.
    TesseraError
        If nothing is published, or the answer takes too long.
    """
    if as_csv and as_json:
        raise ConfigurationError("choose --csv or --json")
    if question and file:
        raise ConfigurationError("give the question once: as SQL or as --file")
    if not question and not file and sys.stdin.isatty():
        raise ConfigurationError("there is no question: give SQL, or --file FILE")
    text = question or (file or sys.stdin).read()
    with asked(home, text, version=version, seconds=timeout) as answer:
        try:
            if as_json:
                write_json(answer, sys.stdout)
            elif as_csv:
                write_csv(answer, sys.stdout)
            else:
                show_table(answer, rows, sys.stdout)
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise TesseraError(
                f"the answer could not be written: {error.strerror}"
            ) from error


def show_table(answer: Answer, n_shown: int, out: TextIO) -> None:
    """Show the first rows as a table, and tell how many there are."""
    rows = _shown(answer.batches, n_shown)
    kept: list[tuple] = next(rows)
    if answer.names == ["explain_key", "explain_value"]:  # a plan, drawn in letters
        out.writelines(f"{plan}\n" for _, plan in kept)
        return
    table = Table(box=SIMPLE_HEAD, header_style="bold")
    for name in answer.names:
        table.add_column(Text(_printable(name)), overflow="ellipsis", no_wrap=True)
    for row in kept:
        table.add_row(*(Text(_cell(value)) for value in row))
    is_screen = out.isatty()
    console = Console(file=out, highlight=False, width=None if is_screen else WIDE)
    console.print(table, crop=False)
    n_rows: int = next(rows)
    console.print(_counted(len(kept), n_rows, answer.version))


def _shown(batches: Iterable[list[tuple]], n_shown: int) -> Iterator[Any]:
    """Give the first rows; then, when asked again, how many there are in all."""
    kept: list[tuple] = []
    n_rows = 0
    is_told = False
    for batch in batches:
        kept += batch[: max(n_shown - len(kept), 0)]
        n_rows += len(batch)
        if not is_told and len(kept) == n_shown:
            is_told = True
            yield kept
        if n_rows > ROWS_COUNTED:
            break
    if not is_told:
        yield kept
    yield n_rows


def _counted(n_shown: int, n_rows: int, version: int) -> str:
    """Tell how many rows there are."""
    of = f" of snapshot {version}"
    if n_rows > ROWS_COUNTED:
        return f"the first {n_shown:,} of more than {ROWS_COUNTED:,} rows{of}"
    if n_rows > n_shown:
        return f"the first {n_shown:,} of {n_rows:,} rows{of} (--rows, --csv, --json)"
    return f"{n_rows:,} row{'' if n_rows == 1 else 's'}{of}"


def write_csv(answer: Answer, out: TextIO) -> None:
    """Write all rows as CSV that a spreadsheet takes for data, never for formulas."""
    writer = csv.writer(out)  # by RFC 4180, with its line ends
    writer.writerow([harmless(name) for name in answer.names])
    for batch in answer.batches:
        writer.writerows([_csv_value(value) for value in row] for row in batch)


def harmless(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula.

    Examples
    --------
    >>> harmless("=1+1"), harmless("a=1")
    ("'=1+1", 'a=1')
    """
    return f"'{text}" if text.startswith(_BEGINS_FORMULA) else text


def _csv_value(value: Any) -> Any:
    """Write numbers and times as they are, texts so that they stay texts."""
    if value is None or isinstance(value, bool | int | float | Decimal | date):
        return value
    return harmless(_as_text(value))


def write_json(answer: Answer, out: TextIO) -> None:
    """Write all rows as one JSON object; `status`, its last name, tells the end.

    Raises
    ------
    ConfigurationError
        If two columns have one name.
    SystemExit
        If the answer breaks off; the object says so, and is complete.
    """
    twice = [name for name, n in Counter(answer.names).items() if n > 1]
    if twice:
        raise ConfigurationError(
            f"several columns are called {', '.join(twice)}; name them apart with `as`"
        )
    columns = [
        {"name": name, "type": kind}
        for name, kind in zip(answer.names, answer.types, strict=True)
    ]
    out.write(
        f'{{"snapshot_version": {answer.version}, "columns": {json.dumps(columns)}, '
        '"rows": ['
    )
    n_rows = 0
    end: dict[str, Any] = {"status": "done"}
    try:
        for row in chain.from_iterable(answer.batches):
            told = dict(zip(answer.names, map(_json_value, row), strict=True))
            out.write(("," if n_rows else "") + "\n" + json.dumps(told))
            n_rows += 1
    except TesseraError as error:
        end = {"status": "failed", "error": str(error)}
        sys.stderr.write(f"tessera: {error}\n")
        raise SystemExit(error.exit_code) from error
    finally:
        out.write("], " + json.dumps({"n_rows": n_rows, **end})[1:] + "\n")


def _json_value(value: Any) -> Any:
    """Turn a value into what JSON can hold; what is no finite number is null."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_json_value(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _json_value(each) for name, each in value.items()}
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, str | int) else str(value)


def _as_text(value: Any) -> str:
    """Write any value as one text; lists and structs as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple | dict | bytes):
        return json.dumps(_json_value(value), ensure_ascii=False)
    return str(value)


def _cell(value: Any) -> str:
    """Write a value so that it fits a table and moves no cursor."""
    if value is None:
        return ""
    text = _printable(_as_text(value))
    if len(text) > CHARACTERS_SHOWN:
        return text[: CHARACTERS_SHOWN - 1] + "…"
    return text


def _printable(text: str) -> str:
    """Show control characters instead of sending them to a terminal."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
