"""What would come of a dump if it were loaded: looked at, and nothing is written."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import yaml

from warehouse.adapters.generic import judge_staged, stage_dump
from warehouse.adapters.mapping import TimeLimits
from warehouse.adapters.quoting import sql_name
from warehouse.adapters.reading import BLANK, Reading
from warehouse.connection import LOADING_MEMORY
from warehouse.drift import missing_columns
from warehouse.guessing import guess_columns, guess_unit, named_maps, recognize
from warehouse.home import parse_config
from warehouse.inbox import Dump, dump_at
from warehouse.integrity import Scan, scan_file
from warehouse.personal_names import withhold
from warehouse.quarantine import FileRefusedError, shorten
from warehouse.raw_tables import WITHHELD, create_tables
from warehouse.sources import (
    CONFIG_FILE,
    REQUIRED,
    ColumnRule,
    Source,
    field_types,
    read_source,
    with_map,
)

LINES_SAMPLED = 1000
MAX_DEPTH_OF_PATHS = 3
NAMES_SHOWN = 40


@dataclass(frozen=True)
class FieldCheck:
    """Where one of our fields comes from, and in how many of the good lines it is."""

    field: str
    comes_from: str
    n_given: int


@dataclass(frozen=True)
class Refused:
    """Why some lines would go to quarantine, and the first of them, masked."""

    reason: str
    n_lines: int
    line_number: int
    example: str


@dataclass
class DumpCheck:
    """What would come of a dump."""

    file: str
    adapter: str
    chosen_by: str
    kind: str = ""
    n_lines: int = 0
    n_accepted: int = 0
    n_blank: int = 0
    fields: list[FieldCheck] = field(default_factory=list)
    also: list[str] = field(default_factory=list)  # other kinds that lines tell of
    kept: list[str] = field(default_factory=list)  # not mapped, in attributes
    withheld: list[str] = field(default_factory=list)  # of those, in the vault
    doubts: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    file_refused: str | None = None  # why nothing of it would be loaded
    wanting: list[str] = field(default_factory=list)  # fields that have to be named
    source_yml: str = ""

    def in_words(self) -> str:
        """Say it in lines."""
        lines = [f"{self.file}: adapter {self.adapter} ({self.chosen_by})"]
        if self.file_refused:
            lines.append(f"the whole file would be refused: {self.file_refused}")
        elif self.wanting:
            lines.append(
                f"it looks like {self.kind}, but no column like "
                f"{', '.join(self.wanting)}: "
                "name it in columns, put source.yml beside the file, and check again"
            )
        else:
            lines.append(
                f"{self.n_lines:,} lines, read as {self.kind}: {self.n_accepted:,} "
                f"accepted, {self.n_lines - self.n_accepted - self.n_blank:,} to "
                f"quarantine, {self.n_blank:,} blank"
            )
        width = max((len(one.field) for one in self.fields), default=0)
        for one in self.fields:
            share = one.n_given / max(self.n_accepted, 1)
            lines.append(f"  {one.field:<{width}}  {share:>4.0%}  {one.comes_from}")
        lines += self.also
        for words, names in (
            ("kept in attributes", self.kept),
            ("kept in the vault alone, by their names", self.withheld),
        ):
            if names:
                more = len(names) - NAMES_SHOWN
                rest = f", and {more} more (--json lists them)" if more > 0 else ""
                lines.append(f"{words}: {', '.join(names[:NAMES_SHOWN])}{rest}")
        lines += self.doubts
        lines += [
            f"refused: {one.reason}: {one.n_lines:,} lines, such as line "
            f"{one.line_number:,}: {one.example}"
            for one in self.refused
        ]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        return asdict(self)


def check_dump(path: Path, loaded_at: datetime) -> DumpCheck:
    """Say what would come of a dump, by the source.yml beside it or one that would fit.

    Parameters
    ----------
    path : Path
        The dump, in the inbox or anywhere.
    loaded_at : datetime
        When it would be loaded, naive UTC; what is later cannot have happened.

    Raises
    ------
    ConfigurationError
        If it is no dump, or the source.yml beside it is wrong.
    """
    dump = dump_at(path)
    with (
        TemporaryDirectory() as staged_files,
        duckdb.connect(config={"memory_limit": LOADING_MEMORY}) as connection,
    ):
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"set temp_directory = '{staged_files}/spill'")
        create_tables(connection)
        try:
            scan = scan_file(dump, Path(staged_files), lambda _: None)
        except FileRefusedError as refusal:
            return DumpCheck(
                path.name, "unknown", "not read", file_refused=f"{refusal}"
            )
        config = _described_beside(path)
        if config:
            source = read_source(config.parent)
            found = DumpCheck(path.name, source.adapter, f"as {CONFIG_FILE} says")
            found.source_yml = config.read_text()
        else:
            try:
                found, content = _guess(connection, dump, scan)
            except FileRefusedError as refusal:
                words = str(refusal)
                return DumpCheck(path.name, "unknown", "not read", file_refused=words)
            found.source_yml = _as_yaml(content, found.wanting)
            if found.wanting:
                return found
            source = parse_config(Source, with_map(content), path)
        try:
            _judge(connection, found, source, dump, scan, loaded_at)
        except FileRefusedError as refusal:
            found.file_refused = str(refusal)
    return found


def _described_beside(path: Path) -> Path | None:
    """Find the source.yml that stands for a dump: in its folder or one above.

    One that is empty is about to be written, with what is printed here.
    """
    for folder in list(path.absolute().parents)[:4]:
        config = folder / CONFIG_FILE
        if config.is_file() and config.stat().st_size:
            return config
    return None


def _guess(
    connection: duckdb.DuckDBPyConnection, dump: Dump, scan: Scan
) -> tuple[DumpCheck, dict]:
    """Find an adapter by the names in a dump, or a map that is likely."""
    constant = {"user_id": ColumnRule(value="anybody")}
    anything = Source(adapter="generic", kind="users", columns=constant)
    n_cells = scan.first_line.count(b"\t") + 1 if dump.format == "csv" else 0
    adapter, names = recognize([], n_cells), []
    if not adapter:  # it has a header, or is none of those without
        names = _paths(connection, dump, stage_dump(connection, anything, dump, scan))
        adapter = recognize([name.split(".")[0] for name in names] + names, 0)
    if adapter:
        seen = ", ".join(named_maps()[adapter].get("recognized_by", []))
        found = DumpCheck(dump.file, adapter, f"it has {seen}")
        return found, {"adapter": adapter}
    kind, columns = guess_columns(names)
    known_by = f"guessed by the names of {len(columns)} of its {len(names)} columns"
    found = DumpCheck(dump.file, "generic", known_by, kind)
    if 2 * len(columns) < len(names):
        others = " or ".join(other for other in REQUIRED if other != kind)
        found.doubts.append(
            f"most of its columns are not known: see whether it is {kind}, and not "
            f"{others}, and map in source.yml what matters"
        )
    found.wanting = [
        " or ".join(group)
        for group in REQUIRED[kind]
        if not any(name in columns for name in group)
    ]
    found.kept = [shorten(n.encode()) for n in names if n not in columns.values()]
    rules: dict[str, Any] = dict(columns)
    types = field_types(kind)
    times = {name: p for name, p in columns.items() if types[name] == "TIMESTAMP"}
    samples = _sample(connection, dump, scan, list(times.values())) if times else {}
    for name, path in times.items():
        if unit := guess_unit(samples[path]):
            rules[name] = {"column": path, "unit": unit}
    return found, {"adapter": "generic", "kind": kind, "columns": rules}


def _paths(
    connection: duckdb.DuckDBPyConnection, dump: Dump, reading: Reading
) -> list[str]:
    """List the names of a dump's columns; of JSON, dotted paths of its first lines."""
    if dump.format not in ("json", "jsonl"):
        return reading.names
    structure = _structure_of(
        connection,
        "select line as object from lines_staged "
        "where json_valid(line) and json_type(line) = 'OBJECT'",
    )
    return [path for path, _ in _flattened(structure)]


def _structure_of(connection: duckdb.DuckDBPyConnection, objects: str) -> dict:
    """Tell which names and types there are in the first of some JSON objects."""
    ((structure,),) = connection.execute(
        "select json_group_structure(cast(object as json)) "
        f"from ({objects} limit {LINES_SAMPLED})"
    ).fetchall()
    found = json.loads(structure or "{}")
    return found if isinstance(found, dict) else {}


def _flattened(
    structure: dict, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any]]:
    """Name what objects hold, by dotted paths, and what is there."""
    for name, inner in structure.items():
        if isinstance(inner, dict) and len(path) + 1 < MAX_DEPTH_OF_PATHS:
            yield from _flattened(inner, (*path, name))
        elif name:
            yield ".".join((*path, name)), inner


def _sample(
    connection: duckdb.DuckDBPyConnection, dump: Dump, scan: Scan, paths: list[str]
) -> dict[str, list[str]]:
    """Read the first texts of some columns."""
    rule = {"user_id": ColumnRule(column=paths)}
    source = Source(adapter="generic", kind="users", columns=rule)
    reading = stage_dump(connection, source, dump, scan)
    connection.execute("create or replace temp view lines_judged as from lines_staged")
    selected = ", ".join(reading.texts[path] for path in paths)
    rows = connection.execute(
        f"select {selected} from ({reading.rows}) limit {LINES_SAMPLED}"
    ).fetchall()
    texts = zip(*rows, strict=True) if rows else ([] for _ in paths)
    return {
        path: [text for text in found if text]
        for path, found in zip(paths, texts, strict=True)
    }


def _judge(
    connection: duckdb.DuckDBPyConnection,
    found: DumpCheck,
    source: Source,
    dump: Dump,
    scan: Scan,
    loaded_at: datetime,
) -> None:
    """Read every line as the source would, and count what comes of it."""
    found.kind = source.kind
    reading = stage_dump(connection, source, dump, scan)
    judge_staged(connection, source, reading, TimeLimits(loaded_at))
    mapped = [name for name in field_types(source.kind) if name in source.columns]
    given = ", ".join(f"count({sql_name(name)})" for name in mapped)
    connection.execute(
        "create or replace temp table looked_at as select "
        "line_number, reason, raw_line, attributes, "
        f"{', '.join(sql_name(name) for name in mapped)} from judged"
    )
    ((found.n_accepted, *counts),) = connection.execute(
        f"select count(*), {given} from looked_at where reason is null"
    ).fetchall()
    found.fields = [
        FieldCheck(name, _rule_in_words(source.columns[name], reading), n_given)
        for name, n_given in zip(mapped, counts, strict=True)
    ]
    found.also = [_part_in_words(part, reading) for part in source.parts]
    found.doubts += [
        f"no column {column}" for column in missing_columns(connection, source, reading)
    ]
    structure = _structure_of(
        connection,
        "select attributes as object from looked_at "
        "where reason is null and attributes is not null",
    )
    text, _ = withhold(
        json.dumps(structure),
        source.publish_attributes,
        of_persons=source.kind == "users",
    )
    for path, inner in _flattened(json.loads(text)):
        names = found.withheld if inner == WITHHELD else found.kept
        names.append(shorten(path.encode()))
    refused = connection.execute(
        """
        select reason, count(*), min(line_number), min_by(raw_line, line_number)
        from looked_at where reason is not null group by reason order by all
        """
    ).fetchall()
    n_emptied = len(scan.refused)  # they are staged as blank lines
    found.n_blank = sum(n for reason, n, *_ in refused if reason == BLANK) - n_emptied
    found.refused = [
        Refused(reason, n, number, shorten((line or "").encode()))
        for reason, n, number, line in refused
        if reason != BLANK
    ] + [
        Refused(str(one.reason), 1, one.line_number, shorten(one.raw_line or b""))
        for one in scan.refused
    ]
    found.n_lines = found.n_accepted + sum(n for _, n, *_ in refused)


def _part_in_words(part: Source, reading: Reading) -> str:
    """Say which rows of another kind come of the lines, too."""
    asked = " and ".join(
        f"{path} is {' or '.join(values)}" for path, values in part.where.items()
    )
    fields = ", ".join(
        f"{name} from {_rule_in_words(rule, reading)}"
        for name, rule in part.columns.items()
    )
    return f"also {part.kind}{f', where {asked}' if asked else ''}: {fields}"


def _rule_in_words(rule: ColumnRule, reading: Reading) -> str:
    """Say where a field comes from."""
    if rule.value is not None:
        return f"always {rule.value!r}"
    there = [path for path in rule.origins if path not in reading.absent]
    if not there:
        return f"{rule.origins[0]}: not in this file"
    words = " + ".join(there) if rule.digest else ", else ".join(there)
    extras = {
        "unit": f"counted in {rule.unit}",
        "values": "values renamed",
        "matches": f"whether it matches {rule.matches}",
        "exception": f"unless it matches {rule.exception}",
        "digest": "their digest",
    }
    told = [text for name, text in extras.items() if getattr(rule, name) is not None]
    return f"{words} ({'; '.join(told)})" if told else words


def _as_yaml(content: dict, wanting: list[str]) -> str:
    """Write a source.yml to start from, with a line for each field that is wanting."""
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return text + "".join(f"  # {name}: which column?\n" for name in wanting)
