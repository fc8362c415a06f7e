"""Which records are of one person though they share no key.

Fellegi and Sunter's model (A Theory for Record Linkage, JASA 64, 1969, p. 1183 ff.), as
Splink has it: each field on which two records agree, nearly agree or differ shifts the
odds that they are of one person by m / u, how often that happens among records of one
person and among those of strangers. u is counted on pairs drawn at random, m is learnt
by expectation maximisation among pairs that agree on something else.

The records stay in the database that they are in, a table of it:

| column | |
|---|---|
| record_id | integer, once a row; which rows are drawn for training goes by it |
| holder_id | integer: what the records of one key share; those need no link |
| namespace, has_user_id | within a namespace, users are told apart by their ids |
| first_name ... phone | texts, lower case, null where unknown: `FIELDS` |
| email_user, birth_year ... | parts of these, see `PARTS` |
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from math import log2
from typing import Any

from splink import DuckDBAPI, Linker, SettingsCreator
from splink import comparison_level_library as levels
from splink.blocking_rule_library import CustomRule
from splink.comparison_library import CustomComparison

from ml.errors import TooLittleToLearnError

logging.getLogger("splink").setLevel(logging.ERROR)

FIELDS = ("first_name", "last_name", "birth_date", "city", "email", "phone")

# How they come from the fields, in SQL.
PARTS = {
    "first_start": "substr(first_name, 1, 3)",
    "last_start": "substr(last_name, 1, 3)",
    "birth_year": "substr(birth_date, 1, 4)",
    "birth_day": "substr(birth_date, 6)",
    "email_user": "split_part(email, '@', 1)",
    "email_start": "substr(email, 1, 4)",
}

MIN_FILLED = 0.02  # of the records, for a field to be compared
MIN_FIELDS = 3
MIN_SURE_PAIRS = 50
SURE_SHARE = 0.6  # of all pairs of one person, those that SURE finds: a cautious guess
MAX_PAIRS_PER_RECORD = 20  # that one rule may ask to look at
MAX_TRAINING_PAIRS = 1_000_001  # Splink warns of a million

# Who is compared with whom: strangers by their keys, not users of one namespace.
_ALLOWED = (
    "l.holder_id <> r.holder_id and "
    "(l.namespace <> r.namespace or not (l.has_user_id or r.has_user_id))"
)
UNSEEN = 1e-6  # the probability of an outcome that was not seen

_SURE = (("email",), ("phone",), ("first_name", "last_name", "birth_date"))
_TRAINING = (("birth_date",), ("email",), ("phone",), ("first_name", "last_name"))

# What two records must have in common to be compared, from the rarest on. A common one
# is left out where it would give too many pairs.
_BLOCKING = (
    ("email",),
    ("phone",),
    ("email_user",),
    ("first_name", "last_name"),
    ("birth_date",),
    ("last_name", "birth_year"),
    ("first_name", "birth_year"),
    ("last_start", "birth_year"),
    ("first_start", "birth_year"),
    ("last_name", "city"),
    ("first_name", "city"),
    ("birth_year", "city"),
    ("email_start",),
    ("birth_day",),
    ("last_name",),
    ("first_name",),
    ("birth_year",),
)
_SWAPPED = (
    "l.first_name = r.last_name and l.last_name = r.first_name "
    "and l.first_name <> l.last_name"
)


@dataclass(frozen=True)
class MatchWeight:
    """How much one outcome of a comparison says."""

    comparison: str
    level: int  # 0 for the least alike
    description: str
    m_probability: float
    u_probability: float
    match_weight: float  # log2 (m / u)


@dataclass(frozen=True)
class Linkage:
    """Which records are alike, and the model that says so."""

    pairs: str  # a table: record_id_l and _r, holder_id_l and _r, match_probability
    parameters: dict[str, Any]  # Splink's settings, as trained
    weights: list[MatchWeight]
    n_records: int
    n_sure_pairs: int


def link_records(database: DuckDBAPI, table: str, *, least: float) -> Linkage:
    """Learn from records how those of one person are alike; tell which are.

    Parameters
    ----------
    database : splink.DuckDBAPI
        Where the records are; Splink's own tables go there, too.
    table : str
        Its name; for its columns see above.
    least : float
        Pairs of a lower probability are left out.

    Raises
    ------
    TooLittleToLearnError
        If there is too little to learn from; the message says what.
    """
    counts = _counts(database, table)
    fields = [
        name for name in FIELDS if counts[name] >= MIN_FILLED * counts["n_records"] > 0
    ]
    if len(fields) < MIN_FIELDS:
        raise TooLittleToLearnError(
            f"profiles say {len(fields)} of {', '.join(FIELDS)}: {MIN_FIELDS} are "
            "needed"
        )
    if not counts["n_allowed"]:
        raise TooLittleToLearnError(
            "all have a user_id of one namespace, which tells them apart"
        )
    n_sure = _count_pairs(database, table, _cheap(database, table, fields, _SURE))
    if n_sure < MIN_SURE_PAIRS:
        raise TooLittleToLearnError(
            f"{n_sure} pairs of profiles that may be of one person have the same "
            f"address, number, or name and birth date: {MIN_SURE_PAIRS} are needed"
        )
    sessions = [
        rule
        for rule in _cheap(database, table, fields, _TRAINING)
        if _count_pairs(database, table, [rule]) >= MIN_SURE_PAIRS
    ]
    learnt = {name for rule in sessions for name in fields if name not in rule}
    if not learnt.issuperset(fields):
        raise TooLittleToLearnError(
            "too few profiles have something in common beside one thing"
        )
    share = n_sure / SURE_SHARE / counts["n_allowed"]
    linker = Linker(
        database.register(table),
        SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="record_id",
            probability_two_random_records_match=min(share, 0.5),
            comparisons=[_comparison(name) for name in fields],
            blocking_rules_to_generate_predictions=[
                CustomRule(rule) for rule in _blocking(database, table, fields)
            ],
            additional_columns_to_retain=["holder_id"],
            retain_matching_columns=False,
        ),
        log_level=None,
    )
    linker.training.estimate_u_using_random_sampling(
        max_pairs=MAX_TRAINING_PAIRS, seed=1
    )
    for rule in sessions:
        linker.training.estimate_parameters_using_expectation_maximisation(
            _rule(rule), max_pairs=MAX_TRAINING_PAIRS
        )
    parameters = _smoothed(linker.misc.save_model_to_json(), n_sure)
    trained = Linker(database.register(table), parameters, log_level=None)
    scored = trained.inference.predict(threshold_match_probability=least)
    return Linkage(
        pairs=scored.physical_name,
        parameters=parameters,
        weights=_weights(parameters),
        n_records=counts["n_records"],
        n_sure_pairs=n_sure,
    )


def _comparison(name: str) -> CustomComparison:
    """Tell in which steps two records can be alike in a field."""
    exact = levels.ExactMatchLevel(name, term_frequency_adjustments=True)
    steps: list[Any]
    if name in ("first_name", "last_name"):
        other = "last_name" if name == "first_name" else "first_name"
        swapped = levels.CustomLevel(
            f'"{name}_l" = "{other}_r" or "{other}_l" = "{name}_r"',
            label_for_charts="first and last name swapped",
        )
        steps = [
            exact,
            levels.JaroWinklerLevel(name, 0.9),
            swapped,
            levels.JaroWinklerLevel(name, 0.75),
        ]
    elif name == "city":
        steps = [exact, levels.JaroWinklerLevel(name, 0.85)]
    elif name == "email":
        steps = [
            exact,
            levels.LevenshteinLevel(name, 2),
            levels.ExactMatchLevel("email_user"),
            levels.JaroWinklerLevel(name, 0.88),
        ]
    else:
        steps = [
            exact,
            levels.LevenshteinLevel(name, 1),
            levels.LevenshteinLevel(name, 2),
        ]
    return CustomComparison(
        output_column_name=name,
        comparison_levels=[levels.NullLevel(name), *steps, levels.ElseLevel()],
    )


def _having(
    fields: list[str], rules: Iterable[tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """Give the rules that ask for nothing but these fields and their parts."""
    there = {*fields, *(part for part in PARTS if _field_of(part) in fields)}
    return [rule for rule in rules if there.issuperset(rule)]


def _field_of(part: str) -> str:
    return next(name for name in FIELDS if name in PARTS[part])


def _rule(columns: tuple[str, ...]) -> str:
    """Write as SQL that two records are equal in columns, and may be compared."""
    equal = " and ".join(f"l.{column} = r.{column}" for column in columns)
    return f"{equal} and {_ALLOWED}"


def _blocking(database: DuckDBAPI, table: str, fields: list[str]) -> list[str]:
    """Write the rules by which records are compared."""
    chosen = [_rule(rule) for rule in _cheap(database, table, fields, _BLOCKING)]
    if {"first_name", "last_name"}.issubset(fields):
        chosen.append(f"{_SWAPPED} and {_ALLOWED}")
    return chosen


def _cheap(
    database: DuckDBAPI,
    table: str,
    fields: list[str],
    rules: Iterable[tuple[str, ...]],
) -> list[tuple[str, ...]]:
    """Choose the rules that do not give too many pairs."""
    possible = _having(fields, rules)
    if not possible:
        return []
    counted = " union all ".join(
        f"select {number} as number, sum(n_pairs) as n_pairs from ("
        f"select count(*) * (count(*) - 1) / 2 as n_pairs from {table} "
        f"where {' and '.join(f'{column} is not null' for column in rule)} "
        f"group by {', '.join(rule)})"
        for number, rule in enumerate(possible)
    )
    n_pairs = dict(_ask(database, counted))
    ((n_records,),) = _ask(database, f"select count(*) from {table}")
    limit = MAX_PAIRS_PER_RECORD * n_records
    return [
        rule for number, rule in enumerate(possible) if (n_pairs[number] or 0) <= limit
    ]


def _counts(database: DuckDBAPI, table: str) -> dict[str, int]:
    """Count the records, those that have each field, and pairs that may be compared."""
    filled = ", ".join(f"count({name})" for name in FIELDS)
    ((n_records, *n_filled),) = _ask(
        database, f"select count(*), {filled} from {table}"
    )
    ((n_barred,),) = _ask(
        database,
        "select coalesce(sum(n * (n - 1) / 2 - n_guests * (n_guests - 1) / 2), 0) "
        "from (select count(*) as n, count(*) filter (not has_user_id) as n_guests "
        f"from {table} group by namespace)",
    )
    return {
        "n_records": n_records,
        "n_allowed": n_records * (n_records - 1) // 2 - int(n_barred),
        **dict(zip(FIELDS, n_filled, strict=True)),
    }


def _count_pairs(database: DuckDBAPI, table: str, rules: list[tuple[str, ...]]) -> int:
    """Count the pairs of records that some rule finds, those of strangers by key."""
    if not rules:
        return 0
    pairs = " union ".join(
        f"select l.record_id, r.record_id from {table} as l inner join {table} as r "
        f"on {_rule(rule)} and l.record_id < r.record_id"
        for rule in rules
    )
    ((n_pairs,),) = _ask(database, f"select count(*) from ({pairs})")
    return n_pairs


def _ask(database: DuckDBAPI, question: str) -> list[tuple]:
    return database.duckdb_con.execute(question).fetchall()


def _smoothed(parameters: dict[str, Any], n_sure: int) -> dict[str, Any]:
    """Let no outcome be less likely among pairs of one person than one unseen is.

    What was seen in none of n pairs has a share of some 1 / (n + outcomes) of them, and
    not none (Laplace's rule of succession). The shares of a field add up to 1, and one
    of which nothing was learnt is left out.
    """
    learnt = []
    for comparison in parameters["comparisons"]:
        steps = _steps(comparison)
        if not any(isinstance(step.get("m_probability"), float) for step in steps):
            continue
        least = 1 / (n_sure + len(steps))
        shares = [max(_probability(step.get("m_probability")), least) for step in steps]
        for step, share in zip(steps, shares, strict=True):
            step["m_probability"] = share / sum(shares)
            step["u_probability"] = _probability(step.get("u_probability"))
        learnt.append(comparison)
    return parameters | {"comparisons": learnt, "linker_uid": "tessera"}


def _steps(comparison: dict[str, Any]) -> list[dict[str, Any]]:
    """List the outcomes of a comparison in which both records say something."""
    return [
        step
        for step in comparison["comparison_levels"]
        if not step.get("is_null_level")
    ]


def _weights(parameters: dict[str, Any]) -> list[MatchWeight]:
    """List what each outcome of each comparison says."""
    weights = []
    for comparison in parameters["comparisons"]:
        for level, step in enumerate(reversed(_steps(comparison))):
            m, u = step["m_probability"], step["u_probability"]
            name = comparison["output_column_name"]
            label = step["label_for_charts"]
            weights.append(MatchWeight(name, level, label, m, u, log2(m / u)))
    return weights


def _probability(value: float | str | None) -> float:
    return max(value, UNSEEN) if isinstance(value, float) else UNSEEN
