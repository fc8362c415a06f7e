"""Whether anything personal is about to be published.

The loader takes addresses and numbers out of whatever it reads; this looks once more at
every text that readers would see, for what it may have let through, for what was
planted to be found, and for descriptions of so few people that they describe somebody.
"""

from collections import Counter

import duckdb

from warehouse.errors import ConfigurationError
from warehouse.gates.check import Check, judged
from warehouse.home import Home
from warehouse.redaction import looks_personal, redact
from warehouse.snapshots import PUBLISHED_SCHEMAS

FEWEST = 5  # people, as ml.features.FEWEST_DESCRIBED
BATCH = 10_000  # suspects read at a time


def check_privacy(connection: duckdb.DuckDBPyConnection, home: Home) -> list[Check]:
    """Look at every text of the tables that are about to be published.

    `secrets/canaries.txt` of the home may list texts, a line each, that must never be
    published: addresses, names or numbers of test accounts. Neither they nor what is
    found is told; the columns are.
    """
    canaries = _canaries(home)
    found: list[Check] = []
    planted: list[str] = []
    n_columns = 0
    for table, columns in _texts(connection).items():
        n_columns += len(columns)
        personal, with_canaries = _suspects(connection, table, columns, canaries)
        found += [
            judged(
                "personal_data",
                n_texts,
                f"{n_texts:,} texts of {table}.{column} look as if they held an "
                "address or a telephone number",
                subject=f"{table}.{column}",
            )
            for column, n_texts in sorted(personal.items())
        ]
        planted += [f"{table}.{column}" for column in sorted(with_canaries)]
    told = f"{n_columns:,} columns of text were read"
    return [
        judged("personal_data", 0, f"{told}; others than those named hold nothing"),
        *found,
        judged(
            "canaries",
            len(planted),
            f"what secrets/canaries.txt lists is in {', '.join(planted)}"
            if planted
            else f"{told} for {len(canaries):,} canaries",
        ),
        *_group_sizes(connection),
    ]


def refuse_personal(text: str, home: Home) -> None:
    """Refuse a text that is to be published and holds what must not be.

    Raises
    ------
    ConfigurationError
        If it holds a canary, an address or a telephone number; it is not quoted.
    """
    if redact(text) != text or any(one in text.lower() for one in _canaries(home)):
        raise ConfigurationError(
            "--reason is published, and holds an address, a telephone number or a text "
            "of secrets/canaries.txt: say it without"
        )


def _canaries(home: Home) -> list[str]:
    """Read what must not be found, in lower case."""
    path = home.secrets / "canaries.txt"
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").lower().splitlines()
    return sorted({line.strip() for line in lines if line.strip()})


def _texts(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """List the columns that hold text, by table."""
    rows = connection.execute(
        "select table_schema || '.' || table_name, "
        "list(column_name order by column_name) "
        "from information_schema.columns "
        "where table_catalog = 'work' and list_contains(?, table_schema) "
        "and (data_type like '%VARCHAR%' or data_type like '%JSON%') "
        "group by table_schema, table_name order by table_schema, table_name",
        [list(PUBLISHED_SCHEMAS)],
    ).fetchall()
    return dict(rows)


def _suspects(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: list[str],
    canaries: list[str],
) -> tuple[Counter[str], set[str]]:
    """Count, by column, the texts that are personal; name those that hold a canary."""
    texts = " union all ".join(
        f"(select distinct '{column}' as name, \"{column}\"::varchar as text "
        f"from {table})"
        for column in columns
    )
    suspect = looks_personal("text")
    canary = "canary -> contains(lower(text), canary)"
    held = f"len(list_filter($canaries::varchar[], {canary})) > 0"
    # A table first: in little memory DuckDB 1.5.5 was seen to wait for ever for rows
    # of such a DISTINCT when they were to be streamed.
    connection.execute(
        f"""
        create or replace temp table suspects as
        select
            name,
            case when is_suspect then text end as text,
            has_canary
        from (
            select
                name, text, coalesce({suspect}, false) as is_suspect,
                coalesce({held if canaries else "false"}, false) as has_canary
            from ({texts}) as texts
        )
        where is_suspect or has_canary
        """,
        {"canaries": canaries} if canaries else None,
    )
    rows = connection.execute("from suspects")
    personal: Counter[str] = Counter()
    with_canaries: set[str] = set()
    while batch := rows.fetchmany(BATCH):
        for name, text, has_canary in batch:
            personal[name] += text is not None and redact(text) != text
            if has_canary:
                with_canaries.add(name)
    connection.execute("drop table suspects")
    return +personal, with_canaries


def _group_sizes(connection: duckdb.DuckDBPyConnection) -> list[Check]:
    """Count descriptions of so few people that they describe somebody."""
    ((n_personas, n_cohorts),) = connection.execute(
        f"""
        select
            (
                select count(*) from segments.personas
                where n_users < {FEWEST} and (traits ->> '$.numbers') <> '{{}}'
            ),
            (
                select count(distinct cohort_month) from marts.cohort_retention
                where n_users < {FEWEST}
            )
        """
    ).fetchall()
    return [
        judged(
            "group_size",
            n_personas,
            f"{n_personas} personas tell averages of fewer than {FEWEST} people"
            if n_personas
            else f"no persona tells averages of fewer than {FEWEST} people",
            subject="segments.personas",
        ),
        judged(
            "group_size",
            n_cohorts,
            f"{n_cohorts} months in which fewer than {FEWEST} people bought first: "
            "what they spent is told of them together",
            subject="marts.cohort_retention",
        ),
    ]
