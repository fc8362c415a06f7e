"""What a source is: its source.yml, checked at the door, mistake by mistake.

A named adapter is a source.yml of its own, in `adapters/maps`, which that of the source
may change field by field.
"""

import difflib
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from warehouse.column_rules import ColumnRule, Names, check_rule
from warehouse.contacts import check_region
from warehouse.errors import ConfigurationError
from warehouse.home import parse_config, read_yaml
from warehouse.raw_tables import DERIVED, FIELDS, PRIVATE

CONFIG_FILE = "source.yml"
MAPS = Path(__file__).parent / "adapters" / "maps"
_PERIOD = re.compile(r"(?P<count>\d{1,5}) ?(?P<unit>hour|day|week)s?")
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Kind = Literal["events", "order_lines", "users", "consents", "surveys"]
Adapter = Literal[
    "generic",
    "segment",
    "ga4",
    "snowplow",
    "posthog",
    "amplitude",
    "mixpanel",
    "shopify_orders",
]

# Our field -> its raw column, where the two differ.
RAW_COLUMNS = {
    "email": "email_hash",
    "phone": "phone_hash",
    "ip": "ip_hash",
    "source": "consent_source",
}
_FIELD_NAMES = {column: field for field, column in RAW_COLUMNS.items()}

# What tells who somebody is: of these every alternative is taken out of a line.
PERSONAL = {"email", "phone", "ip", *PRIVATE["users"]}

# When what a line tells of happened.
MOMENTS = {
    "events": "occurred_at",
    "order_lines": "ordered_at",
    "users": "signed_up_at",
    "consents": "decided_at",
    "surveys": "answered_at",
}

# Each group needs one of its fields.
REQUIRED: dict[str, list[tuple[str, ...]]] = {
    "events": [("event_name",), ("occurred_at",), ("user_id", "anonymous_id")],
    "order_lines": [("order_id",), ("ordered_at",), ("product_id",)],
    "users": [("user_id", "email", "anonymous_id")],
    "consents": [("user_id", "email"), ("purpose",), ("decision",), ("decided_at",)],
    "surveys": [("answered_at",), ("question",), ("answer",), ("user_id", "email")],
}


def field_types(kind: str) -> dict[str, str]:
    """List our fields of `kind` with their SQL types, those of the vault last."""
    fields = {
        _FIELD_NAMES.get(name, name): type_
        for name, type_ in FIELDS[kind].items()
        if name not in DERIVED
    }
    return fields | PRIVATE.get(kind, {})


def _period(text: Any) -> Any:
    """Read a period such as `36 hours` or `30 days`."""
    match = _PERIOD.fullmatch(text) if isinstance(text, str) else None
    if text is not None and not match:
        raise ValueError("a period is written as 30 days or 36 hours")
    return match and timedelta(**{f"{match['unit']}s": int(match["count"])})


class SessionRules(BaseModel):
    """What makes a session of the events of a source; one word says `by` alone."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    by: Literal["timeout", "tracker"] = "timeout"
    new_on_campaign: bool = False
    longest: Annotated[timedelta | None, BeforeValidator(_period)] = None

    @field_validator("longest")
    @classmethod
    def _some_time(cls, longest: timedelta | None) -> timedelta | None:
        if longest is not None and not longest:
            raise ValueError("must be longer than nothing")
        return longest

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, told: Any) -> Any:
        return {"by": told} if isinstance(told, str) else told

    @property
    def longest_seconds(self) -> int | None:
        """After how many seconds a session is cut, if the source says so."""
        return None if self.longest is None else int(self.longest.total_seconds())


class Part(BaseModel):
    """Another kind of row that lines of a source also tell of."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: Kind
    where: dict[str, Names] = {}  # column of theirs -> the values that it may have
    columns: dict[str, ColumnRule]


class FillDown(BaseModel):
    """Columns that only the first of the lines with the same name fills in."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    by: str
    columns: list[str]


class Pings(BaseModel):
    """How often a tracker says that a page is still looked at, in seconds."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    first_after: int = Field(ge=0, le=3600)
    every: int = Field(ge=1, le=3600)


class Source(BaseModel):
    """One folder of the inbox, as its source.yml describes it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    adapter: Adapter
    kind: Kind
    timezone: str = "UTC"
    namespace: str = ""
    on_redelivery: Literal["keep", "replace"] = "keep"
    publish_attributes: list[str] = []
    late_after: Annotated[timedelta | None, BeforeValidator(_period)] = None
    phone_region: Annotated[str | None, AfterValidator(check_region)] = None
    wait_for: Literal["_manifest.json", "_SUCCESS"] | None = None
    sessions: SessionRules = SessionRules()
    pings: Pings | None = None
    required: list[str] = []
    trust: int = Field(0, ge=-1000, le=1000)  # the greater is believed first
    columns: dict[str, ColumnRule]
    also: list[Part] = []
    unpack: dict[str, Literal["pairs", "json", "list"]] = {}
    header: list[str] = []
    fill_down: FillDown | None = None
    recognized_by: list[str] = []
    name: str = Field("", exclude=True)
    is_part: bool = Field(False, exclude=True)
    where: dict[str, Names] = Field({}, exclude=True)  # of a part alone

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ValueError, OSError, LookupError):
            raise ValueError(f"{timezone!r} is not a name like Europe/Berlin") from None
        return timezone

    @field_validator("namespace")
    @classmethod
    def _check_namespace(cls, namespace: str) -> str:
        if namespace and not SAFE_NAME.fullmatch(namespace):
            raise ValueError("may hold letters, digits, dot, dash and underscore")
        return namespace

    @model_validator(mode="after")
    def _check_columns(self) -> "Source":
        if "\\u0000" in self.model_dump_json():
            raise ValueError("no name or value may hold a NUL")
        for part in (self, *self.also):
            _check_part(part)
        if self.sessions.by == "tracker" and "session_id" not in self.columns:
            raise ValueError("sessions: tracker needs columns.session_id")
        if self.pings and self.kind != "events":
            raise ValueError("pings: only events have them")
        for field in self.required:
            if field not in self.columns:
                raise ValueError(f"required: {field} is not in columns")
        for i, part in enumerate(self.also):
            if part.kind == self.kind or any(
                part.kind == other.kind and not _are_apart(part, other)
                for other in self.also[:i]
            ):
                raise ValueError(
                    f"also: {part.kind}: a line makes one row of a kind; say in where "
                    "which lines are of which part"
                )
        taken = self.taken
        for path in taken:
            inner = [other for other in taken if other.startswith(f"{path}.")]
            if inner:
                raise ValueError(
                    f"columns: {path} and {inner[0]} cannot both be mapped"
                )
        for name in self.publish_attributes:
            if name in taken:
                raise ValueError(f"publish_attributes: {name} is mapped already")
        return self

    @property
    def paths(self) -> list[str]:
        """The columns of theirs that are read, each once."""
        paths: list[str] = []
        for part in (self, *self.also):
            for rule in part.columns.values():
                paths += rule.paths
            paths += part.where
        return list(dict.fromkeys(paths))

    @property
    def taken(self) -> list[str]:
        """The columns that are not kept in `attributes`, since they are mapped.

        Of several alternatives that is the first, but all of what is personal. What
        only a part was taken out of stays.
        """
        rules = list(self.columns.items())
        for part in self.also:
            rules += [item for item in part.columns.items() if item[0] in PERSONAL]
        paths = [
            path
            for field, rule in rules
            if rule.extract is None or field in PERSONAL
            for path in (rule.columns if field in PERSONAL else rule.columns[:1])
        ]
        return list(dict.fromkeys(paths))

    @property
    def needs(self) -> list[tuple[str, ...]]:
        """Groups of our fields, of each of which a line needs one."""
        return REQUIRED[self.kind] + [(field,) for field in self.required]

    @property
    def parts(self) -> list["Source"]:
        """The other kinds of rows that the lines tell of, each as a source."""
        return [
            self.model_copy(
                update={
                    "kind": part.kind,
                    "columns": part.columns,
                    "where": part.where,
                    "also": [],
                    "is_part": True,
                    "late_after": None,
                    "required": [],
                    "publish_attributes": (
                        self.publish_attributes if part.kind == "users" else []
                    ),
                }
            )
            for part in self.also
        ]


def read_source(folder: Path) -> Source:
    """Read the source.yml of an inbox folder.

    Raises
    ------
    ConfigurationError
        If it is missing or wrong; the file and the field are named.
    """
    path = folder / CONFIG_FILE
    if not SAFE_NAME.fullmatch(folder.name):
        raise ConfigurationError(
            f"{folder.name!r}: a source's folder may hold letters, digits, dot, dash "
            "and underscore in its name"
        )
    if path.is_symlink() or not path.is_file():
        raise ConfigurationError(f"{path}: missing; it says what the dumps here are")
    content = read_yaml(path)
    adapter = content.get("adapter")
    if "name" in content:
        raise ConfigurationError(f"{path}: name: a source is named by its folder")
    for only_of_parts in ("where", "is_part"):
        if only_of_parts in content:
            raise ConfigurationError(
                f"{path}: {only_of_parts}: only parts in also have it"
            )
    if "adapter" in content and adapter not in get_args(Adapter):
        nearest = difflib.get_close_matches(str(adapter), get_args(Adapter), n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else "known:"
        raise ConfigurationError(
            f"{path}: adapter: there is no {adapter!a}; {hint} "
            f"({', '.join(get_args(Adapter))})"
        )
    if adapter != "generic" and "kind" in content:
        raise ConfigurationError(f"{path}: kind: {adapter} knows its own")
    return parse_config(Source, {**with_map(content), "name": folder.name}, path)


def with_map(content: dict) -> dict:
    """Lay what a source.yml says over the map of its adapter, field by field."""
    adapter = content.get("adapter")
    if adapter == "generic" or adapter not in get_args(Adapter):
        return content
    known = read_yaml(MAPS / f"{content['adapter']}.yml")
    columns = content.get("columns", {})
    if isinstance(columns, dict):
        columns = known["columns"] | columns
    return {**known, **content, "columns": columns}


def _are_apart(part: Part, other: Part) -> bool:
    """Tell whether no line can be of both parts."""
    return any(
        set(values).isdisjoint(other.where.get(path, values))
        for path, values in part.where.items()
    )


def _check_part(part: "Source | Part") -> None:
    """Refuse columns that do not fit a kind."""
    types = field_types(part.kind)
    for field, rule in part.columns.items():
        if field not in types:
            raise ValueError(_unknown_field(field, list(types), part.kind))
        check_rule(field, types[field], rule)
    for group in REQUIRED[part.kind]:
        if not any(field in part.columns for field in group):
            raise ValueError(f"columns: {part.kind} need {' or '.join(group)}")


def _unknown_field(field: str, known: list[str], kind: str) -> str:
    nearest = difflib.get_close_matches(field, known, n=1, cutoff=0.5)
    hint = (
        f"; did you mean {nearest[0]}?" if nearest else f"; known: {', '.join(known)}"
    )
    return f"columns: {kind} have no field {field}{hint}"
