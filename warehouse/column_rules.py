"""How one of our fields is made of columns of theirs: the rules of a map."""

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

import duckdb
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from warehouse.raw_tables import ITEM_FIELDS, ITEMS, MONEY


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


def _listed(names: Any) -> Any:
    """Write one name as a list of one."""
    return [names] if isinstance(names, str) else names


Names = Annotated[
    list[Annotated[str, Field(min_length=1)]],
    BeforeValidator(_listed),
    Field(min_length=1),
]


class ColumnRule(BaseModel):
    """Where one of our fields comes from.

    From a column of theirs, or the first of several that says something; from a digest
    of several; or it is a constant.

    `unless` is a pattern that what is found must not match; or patterns that other
    columns must not match, where one that says nothing is an empty text. `unless_same`
    is a column that must not say the same. `extract` is a pattern with one group: what
    that finds in a column is what the column says.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    column: Names | None = None
    values: Annotated[dict[str, str] | None, BeforeValidator(_value_texts)] = None
    unit: Literal["s", "ms", "us"] | None = None
    is_local: bool = False
    matches: str | None = None
    extract: str | None = None
    unless: str | dict[str, str] | None = None
    unless_same: str | None = None
    fields: dict[str, Names] | None = None
    digest: Names | None = None
    per_day: bool = False  # of a digest: and of the day on which it happened
    value: Annotated[str | None, BeforeValidator(_scalar_text)] = None

    @model_validator(mode="before")
    @classmethod
    def _accept_bare_names(cls, rule: Any) -> Any:
        return {"column": rule} if isinstance(rule, (str, list)) else rule

    @model_validator(mode="after")
    def _check_the_form(self) -> "ColumnRule":
        extras = [self.values, self.unit, self.matches, self.fields, self.unless_same]
        extras += [self.exception, self.extract]
        if sum(one is not None for one in (self.column, self.digest, self.value)) != 1:
            raise ValueError("give either a column or a value")
        if self.column is None and any(extra is not None for extra in extras):
            raise ValueError("a constant value takes nothing else")
        if self.value is not None and self.unless is not None:
            raise ValueError("a constant value takes nothing else")
        readings = [self.values, self.unit, self.matches, self.fields]
        if sum(extra is not None for extra in readings) > 1:
            raise ValueError("give one of values, unit and matches, not several")
        if self.extract is not None and (self.matches or self.fields):
            raise ValueError("extract goes with neither matches nor fields")
        if self.per_day and not self.digest:
            raise ValueError("per_day is for a digest")
        if self.is_local and not self.unit:
            raise ValueError("is_local is for counts since 1970, which have a unit")
        return self

    @property
    def columns(self) -> list[str]:
        """The columns of theirs that may give the field, the first choice first."""
        return self.column or []

    @property
    def origins(self) -> list[str]:
        """The columns of theirs that the field is made of."""
        return self.columns + (self.digest or [])

    @property
    def exception(self) -> str | None:
        """The pattern of what says nothing."""
        return self.unless if isinstance(self.unless, str) else None

    @property
    def conditions(self) -> dict[str, str]:
        """Other columns of theirs, and the pattern that each must not match."""
        return self.unless if isinstance(self.unless, dict) else {}

    @property
    def paths(self) -> list[str]:
        """All columns of theirs that are read for the field."""
        same = [self.unless_same] if self.unless_same else []
        return self.origins + list(self.conditions) + same

    @property
    def is_plain(self) -> bool:
        """Tell whether the field is a column just as it is."""
        extras = [self.values, self.unit, self.matches, self.unless, self.fields]
        extras += [self.unless_same, self.extract]
        return len(self.columns) == 1 and all(extra is None for extra in extras)


def check_rule(field: str, type_: str, rule: ColumnRule) -> None:
    """Refuse a form that does not fit the field's type."""
    if rule.unit and type_ != "TIMESTAMP":
        raise ValueError(f"columns.{field}: unit is for times")
    if rule.fields is not None and type_ != ITEMS:
        raise ValueError(f"columns.{field}: fields is for items")
    if unknown := set(rule.fields or {}) - set(ITEM_FIELDS):
        raise ValueError(f"columns.{field}: items have no field {min(unknown)}")
    if rule.digest and not field.endswith("_id"):
        raise ValueError(f"columns.{field}: digest is for ids")
    if rule.matches is not None and type_ != "BOOLEAN":
        raise ValueError(f"columns.{field}: matches is for is_ fields")
    patterns = [("unless", pattern) for pattern in rule.conditions.values()]
    if rule.exception is not None:
        patterns.append(("unless", rule.exception))
    for name, pattern in (("matches", rule.matches), *patterns):
        try:
            duckdb.execute("select regexp_matches('', ?)", [pattern])
        except duckdb.Error as error:
            raise ValueError(f"columns.{field}: {name}: {error}") from None
    if rule.extract is not None:
        named = (
            "select regexp_extract('', ?, ['found'])"  # refused if there is no group
        )
        try:
            duckdb.execute(named, [rule.extract])
        except duckdb.Error as error:
            raise ValueError(f"columns.{field}: extract: {error}") from None
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
