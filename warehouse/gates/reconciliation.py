"""Whether a build has lost or doubled anything of what it was made of, to the cent.

Each sum is reckoned twice: as the models have it, and from one step before.
"""

import duckdb

from warehouse.gates.check import Check, judged
from warehouse.raw_tables import FIELDS

EVENTS = {
    "staged and neither kept nor left out as a copy": """
        (select count(*) from staging.stg_events)
        - (select count(*) from intermediate.int_events_identified)
        - (
            select coalesce(sum(n_duplicates), 0)
            from intermediate.int_event_duplicates_counted
        )
    """,
    "kept and of nobody in marts.users": """
        (
            select count(*) from intermediate.int_events_identified
            where not is_bot and user_id is not null
        )
        - (select coalesce(sum(n_events), 0) from marts.users)
    """,
    "that make sessions and are in none of marts.sessions": """
        (select count(*) from intermediate.int_events_sessionized)
        - (select coalesce(sum(n_events), 0) from marts.sessions)
    """,
}

ORDERS = {
    "told by lines or purchases and not in marts.orders, or the other way round": """
        (
            select count(*)
            from (
                select order_id from staging.stg_order_lines
                union
                select order_id from intermediate.int_purchases_linked
            ) as told
            full join marts.orders using (order_id)
            where told.order_id is null or orders.order_id is null
        )
    """,
    "in marts.orders more than once": """
        (select count(*) - count(distinct order_id) from marts.orders)
    """,
    "of somebody and counted for nobody in marts.users": """
        (
            select count(*) from marts.orders
            where not is_cancelled and user_id is not null
        )
        - (select coalesce(sum(n_orders), 0) from marts.users)
    """,
    "lines kept that were not delivered in one file, or the other way round": """
        (
            select coalesce(sum(n_most), 0)
            from (
                select max(n_lines) as n_most
                from (
                    select order_id, content_hash, namespace, count(*) as n_lines
                    from staging.stg_order_lines
                    group by order_id, content_hash, namespace, file_id
                ) as of_files
                group by order_id, content_hash, namespace
            ) as of_lines
        )
        - (select count(*) from intermediate.int_order_lines_deduplicated)
    """,
}

REVENUE = {
    "of lines delivered and of lines of orders": """
        (
            select coalesce(sum(
                cast(coalesce(quantity, 1) as decimal(19, 4))
                * cast(unit_price as decimal(19, 4))
            ), 0)
            from intermediate.int_order_lines_deduplicated
            where coalesce(quantity, 1) > 0 and unit_price > 0
        )
        - (
            select coalesce(sum(line_revenue), 0)
            from intermediate.int_order_lines_unified where origin = 'order_lines'
        )
    """,
    "of lines and of orders that have any": """
        (
            select coalesce(sum(line_revenue), 0)
            from intermediate.int_order_lines_unified
        )
        - (
            select coalesce(sum(ordered_value), 0)
            from intermediate.int_orders_unified
            where exists (
                from intermediate.int_order_lines_unified as lines
                where
                    lines.order_id = int_orders_unified.order_id
                    and (lines.origin = 'order_lines' or lines.unit_price is not null)
            )
        )
    """,
    "of orders, and of those of them that are not cancelled, in marts.orders": """
        (
            select coalesce(sum(ordered_value), 0)
            from intermediate.int_orders_unified where not is_cancelled
        )
        - (select coalesce(sum(revenue), 0) from marts.orders)
    """,
    "of orders of somebody and of marts.users": """
        (
            select coalesce(sum(revenue), 0) from marts.orders
            where user_id is not null
        )
        - (select coalesce(sum(revenue), 0) from marts.users)
    """,
    "of orders in a session and of marts.sessions": """
        (
            select coalesce(sum(revenue), 0) from marts.orders
            where session_id is not null
        )
        - (select coalesce(sum(revenue), 0) from marts.sessions)
    """,
}


def check_reconciliation(connection: duckdb.DuckDBPyConnection) -> list[Check]:
    """Compare what marts hold with what they were made of: events, orders, revenue."""
    return [
        _balanced(connection, "events_reconciled", "events", EVENTS),
        _balanced(connection, "orders_reconciled", "orders", ORDERS),
        _balanced(connection, "revenue_reconciled", "revenue", REVENUE),
    ]


def _balanced(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    what: str,
    differences: dict[str, str],
) -> Check:
    """Measure what does not add up, and say where."""
    listed = ", ".join(
        f"abs({' '.join(question.split())})::double"
        for question in differences.values()
    )
    (row,) = connection.execute(f"select {listed}").fetchall()
    wrong = [
        f"{difference:,.2f} {place}"
        for place, difference in zip(differences, row, strict=True)
        if difference
    ]
    told = (
        f"{what} that do not add up: {'; '.join(wrong)}"
        if wrong
        else f"{what} add up from each step to the next, {len(differences)} sums"
    )
    return judged(name, sum(row), told)


def rows_reconciled(connection: duckdb.DuckDBPyConnection) -> Check:
    """Lines with a row in `raw` and lines accepted by the ledger must be the same.

    A line may have rows of several kinds, as one that tells of a person, too.
    """
    counts = " union all ".join(
        f"select file_id, count(*) as n_rows from raw.{kind} group by file_id"
        for kind in FIELDS
    )
    rows = " union all ".join(
        f"select file_id, row_key from raw.{kind} "
        "semi join files_of_several_kinds using (file_id)"
        for kind in FIELDS
    )
    ((difference, files),) = connection.execute(
        f"""
        with counted as ({counts}),
        files_of_several_kinds as (
            select file_id from counted group by file_id having count(*) > 1
        ),
        found as (
            from counted anti join files_of_several_kinds using (file_id)
            union all
            select file_id, count(distinct row_key) from ({rows}) group by file_id
        ),
        compared as (
            select
                coalesce(source || '/' || file, 'file ' || file_id) as file,
                abs(coalesce(n_rows, 0) - coalesce(n_accepted, 0)) as difference
            from found full join (
                from ledger.files where status = 'loaded'
            ) as files using (file_id)
        )
        select
            coalesce(sum(difference), 0),
            coalesce(string_agg(file, ', ' order by file), '')
        from compared where difference > 0
        """
    ).fetchall()
    return judged(
        "rows_reconciled",
        difference,
        f"rows in the raw tables that no file of the ledger accounts for, or lines "
        f"that the ledger accepted and no raw table holds: {files}"
        if difference
        else "every accepted line has its row in the raw tables",
    )
