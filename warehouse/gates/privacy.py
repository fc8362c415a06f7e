"""Whether anything personal is about to be published.

The loader takes addresses and numbers out of whatever it reads; this looks once more at
every text that readers would see, for what it may have let through, for what was
planted to be found, and for descriptions of so few people that they describe somebody.
"""

import duckdb

from warehouse.gates.check import Check, judged
from warehouse.home import Home
from warehouse.redaction import looks_personal, redact
from warehouse.snapshots import PUBLISHED_SCHEMAS

FEWEST = 5  # people, as ml.features.FEWEST_DESCRIBED
MOST_SUSPECTS = 10_000  # texts of a column: what is personal is soon found among them


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
        for column, suspects, n_canaries in _suspects(
            connection, table, columns, canaries
        ):
            n_personal = sum(redact(text) != text for text in suspects)
            if n_personal:
                found.append(
                    judged(
                        "personal_data",
                        n_personal,
                        f"{n_personal:,} texts of {table}.{column} look as if they "
                        "held an address or a telephone number",
                        subject=f"{table}.{column}",
                    )
                )
            if n_canaries:
                planted.append(f"{table}.{column}")
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
) -> list[tuple[str, list[str], int]]:
    """Tell of each column which texts are suspect, and how many hold a canary."""
    texts = " union all ".join(
        f"(select distinct '{column}' as name, \"{column}\"::varchar as text "
        f"from {table})"
        for column in columns
    )
    suspect = looks_personal("text")
    held = "list_filter($canaries::varchar[], canary -> contains(lower(text), canary))"
    return connection.execute(
        f"""
        select
            name,
            coalesce(list(text) filter ({suspect}), [])[:{MOST_SUSPECTS}],
            count(*) filter ({f"len({held}) > 0" if canaries else "false"})
        from ({texts}) as texts
        group by name
        order by name
        """,
        {"canaries": canaries} if canaries else None,
    ).fetchall()


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
