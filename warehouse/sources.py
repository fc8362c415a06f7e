"""What a source is: its source.yml, checked at the door, mistake by mistake."""

import difflib
import re
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

import duckdb
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from warehouse.errors import ConfigurationError
from warehouse.home import parse_config, read_yaml
from warehouse.raw_tables import FIELDS, MONEY

CONFIG_FILE = "source.yml"
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
RAW_COLUMNS = {"email": "email_hash", "phone": "phone_hash", "source": "consent_source"}
_FIELD_NAMES = {column: field for field, column in RAW_COLUMNS.items()}

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
    """List our fields of `kind`, in the raw table's order, with their SQL types."""
    return {_FIELD_NAMES.get(name, name): type_ for name, type_ in FIELDS[kind].items()}


def _scalar_text(value: Any) -> Any:
    """Write a YAML scalar as a dump would; leave anything else to be refused."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value) if isinstance(value, (int, float)) else value


def _value_texts(values: Any) -> Any:
    """Write both sides of renamed values as text."""
    if not isinstance(values, dict):
        return values
    if any(isinstance(theirs, bool) for theirs in values):
        raise ValueError("YAML reads yes, no, on, off, true and false as truth: quote")
    return {_scalar_text(key): _scalar_text(value) for key, value in values.items()}


def _period(text: Any) -> Any:
    """Read a period such as `36 hours` or `30 days`."""
    match = _PERIOD.fullmatch(text) if isinstance(text, str) else None
    if text is not None and not match:
        raise ValueError("a period is written as 30 days or 36 hours")
    return match and timedelta(**{f"{match['unit']}s": int(match["count"])})


class ColumnRule(BaseModel):
    """Where one of our fields comes from: a column of theirs, or a constant."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    column: str | None = Field(None, min_length=1)
    values: Annotated[dict[str, str] | None, BeforeValidator(_value_texts)] = None
    unit: Literal["s", "ms", "us"] | None = None
    matches: str | None = None
    value: Annotated[str | None, BeforeValidator(_scalar_text)] = None

    @model_validator(mode="before")
    @classmethod
    def _accept_a_bare_name(cls, rule: Any) -> Any:
        return {"column": rule} if isinstance(rule, str) else rule

    @model_validator(mode="after")
    def _check_the_form(self) -> "ColumnRule":
        extras = [self.values, self.unit, self.matches]
        if (self.column is None) == (self.value is None):
            raise ValueError("give either a column or a value")
        if self.value is not None and any(extra is not None for extra in extras):
            raise ValueError("a constant value takes nothing else")
        if sum(extra is not None for extra in extras) > 1:
            raise ValueError("give one of values, unit and matches, not several")
        return self


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
    wait_for: Literal["_manifest.json", "_SUCCESS"] | None = None
    columns: dict[str, ColumnRule]
    name: str = Field("", exclude=True)

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
        types = field_types(self.kind)
        if "\\u0000" in self.model_dump_json():
            raise ValueError("no name or value may hold a NUL")
        for field, rule in self.columns.items():
            if field not in types:
                raise ValueError(_unknown_field(field, list(types), self.kind))
            _check_rule(field, types[field], rule)
        for group in REQUIRED[self.kind]:
            if not any(field in self.columns for field in group):
                raise ValueError(f"columns: {self.kind} need {' or '.join(group)}")
        paths = self.paths
        for path in paths:
            inner = [other for other in paths if other.startswith(f"{path}.")]
            if inner:
                raise ValueError(
                    f"columns: {path} and {inner[0]} cannot both be mapped"
                )
        for name in self.publish_attributes:
            if name in paths:
                raise ValueError(f"publish_attributes: {name} is mapped already")
        return self

    @property
    def paths(self) -> list[str]:
        """The columns of theirs that the map reads, each once."""
        columns = (rule.column for rule in self.columns.values())
        return list(dict.fromkeys(column for column in columns if column))


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
    if adapter != "generic" and adapter in get_args(Adapter):
        raise ConfigurationError(
            f"{path}: adapter: {adapter} is not available yet; describe the columns "
            "with adapter: generic"
        )
    if "name" in content:
        raise ConfigurationError(f"{path}: name: a source is named by its folder")
    return parse_config(Source, {**content, "name": folder.name}, path)


def _unknown_field(field: str, known: list[str], kind: str) -> str:
    nearest = difflib.get_close_matches(field, known, n=1, cutoff=0.5)
    hint = (
        f"; did you mean {nearest[0]}?" if nearest else f"; known: {', '.join(known)}"
    )
    return f"columns: {kind} have no field {field}{hint}"


def _check_rule(field: str, type_: str, rule: ColumnRule) -> None:
    """Refuse a form that does not fit the field's type."""
    if rule.unit and type_ != "TIMESTAMP":
        raise ValueError(f"columns.{field}: unit is for times")
    if rule.matches is not None:
        if type_ != "BOOLEAN":
            raise ValueError(f"columns.{field}: matches is for is_ fields")
        try:
            duckdb.execute("select regexp_matches('', ?)", [rule.matches])
        except duckdb.Error as error:
            raise ValueError(f"columns.{field}: matches: {error}") from None
    if rule.value is not None and not _is_constant(rule.value, type_):
        raise ValueError(
            f"columns.{field}: value: {rule.value!r} does not fit"
            + (" (quote it)" if rule.value in ("true", "false") else "")
        )


def _is_constant(text: str, type_: str) -> bool:
    """Tell whether a constant can be read as the type of its field."""
    try:
        if type_ == MONEY:
            return Decimal(text).is_finite()
        if type_ in ("TIMESTAMP", "DATE"):
            return bool(datetime.fromisoformat(text))
    except (ValueError, InvalidOperation):
        return False
    is_truth = text in ("true", "false")
    return is_truth if type_ == "BOOLEAN" else type_ == "VARCHAR" and not is_truth
