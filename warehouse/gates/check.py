"""A check: what was measured, against the limit that the seed `check_limits` gives."""

import csv
from dataclasses import dataclass
from functools import cache

from warehouse.dbt_parse import DBT_PROJECT
from warehouse.errors import ConfigurationError

LIMITS = DBT_PROJECT / "seeds" / "check_limits.csv"
SEVERITIES = ("error", "warn")


@dataclass(frozen=True)
class Limit:
    """How far a value may go, from how many rows on it says something, and why."""

    severity: str
    limit_value: float
    least_rows: float
    reason: str


@dataclass(frozen=True)
class Check:
    """One gate: what was measured, what may be, and what it means."""

    check_name: str
    severity: str
    value: float
    limit_value: float
    explanation: str

    @property
    def verdict(self) -> str:
        """`passed` if the value does not exceed its limit."""
        return "passed" if self.value <= self.limit_value else "failed"

    @property
    def stops(self) -> bool:
        """Whether nothing is to be published because of it."""
        return self.verdict == "failed" and self.severity == "error"


def judged(
    name: str,
    value: float,
    explanation: str,
    *,
    subject: str = "",
    n_rows: float | None = None,
) -> Check:
    """Put a value beside its limit.

    Parameters
    ----------
    name : str
        Of the check, as in `check_limits`.
    value : float
        What is compared; at the limit it passes.
    explanation : str
        What was found, in a sentence.
    subject : str, optional
        What it was measured of, as a source. It goes into the name of the check, and
        the seed may have a limit for it alone.
    n_rows : float, optional
        How many rows the value is made of; fewer than `least_rows` say nothing.
    """
    full_name = f"{name}:{subject}" if subject else name
    limit = limit_of(full_name)
    if n_rows is not None and n_rows < limit.least_rows:
        told = f"too few to tell ({n_rows:,.0f} of at least {limit.least_rows:,.0f})"
        return Check(full_name, limit.severity, 0.0, limit.limit_value, told)
    return Check(
        full_name, limit.severity, float(value), limit.limit_value, explanation
    )


def limit_of(check_name: str) -> Limit:
    """Find the limit of a check: that of its subject, else that of its kind.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    known = limits()
    for name in (check_name, check_name.split(":")[0]):
        if name in known:
            return known[name]
    raise ConfigurationError(f"{LIMITS}: no limit for {check_name}")


@cache
def limits() -> dict[str, Limit]:
    """Read the seed of limits.

    Raises
    ------
    ConfigurationError
        If a line of it cannot be used; it is named.
    """
    with LIMITS.open(encoding="utf-8-sig", newline="") as file:
        return {
            line["check_name"]: _limit(number, line)
            for number, line in enumerate(csv.DictReader(file), 2)
        }


def _limit(number: int, line: dict[str, str]) -> Limit:
    """Read one line."""
    try:
        if line["severity"] not in SEVERITIES:
            raise ValueError(f"severity is {line['severity']!r}, not error or warn")
        return Limit(
            line["severity"],
            float(line["limit_value"]),
            float(line["least_rows"]),
            line["reason"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{LIMITS}, line {number}: {error}") from error
