"""The core by hand: SQL on one file of DuckDB, no dbt and no tests."""

import duckdb
from common import (
    AS_OF,
    COUNTED,
    LEAST_CONFIDENCE,
    LEAST_SUPPORT,
    OUTPUTS,
    TEXTS,
    Watch,
    cluster,
)

COLUMNS = (
    dict.fromkeys(TEXTS, "varchar")
    | {"occurred_at": "timestamp", "received_at": "timestamp"}
    | {"price": "double", "quantity": "integer"}
)
STEPS = {
    "load": """
        create table loaded as
        from read_json($dumps, format = 'newline_delimited', columns = {columns})
    """,
    "deduplicate and stitch": """
        create table owners as
        select anonymous_id, max_by(user_id, occurred_at) as owner
        from loaded where user_id is not null group by anonymous_id;
        create table copies as
        with twice as (
            select event_id from loaded group by event_id having count(*) > 1
        ),
        numbered as (
            select
                loaded.rowid as row_number,
                row_number() over (
                    partition by event_id order by received_at, loaded.rowid
                ) as copy
            from loaded semi join twice using (event_id)
        )
        select row_number from numbered where copy > 1;
        create table events as
        select
            loaded.rowid as event_key,
            loaded.* replace (coalesce(user_id, owner, anonymous_id) as user_id)
        from loaded left join owners using (anonymous_id)
        where loaded.rowid not in (from copies)
    """,
    "sessions": """
        create table visits as
        with paused as (
            select
                event_key, user_id, occurred_at, event_id,
                coalesce(
                    occurred_at - lag(occurred_at) over of_user > interval 30 minute,
                    true
                ) as begins
            from events
            window of_user as (partition by user_id order by occurred_at, event_id)
        )
        select
            event_key, user_id,
            count_if(begins) over (
                partition by user_id order by occurred_at, event_id
                rows unbounded preceding
            ) as session_number
        from paused;
        create table sessions as
        select
            visits.user_id, session_number,
            min(occurred_at) as started_at, max(occurred_at) as ended_at,
            count(*) as n_events,
            count_if(event_name = 'page_view') as n_page_views,
            count_if(event_name = 'add_to_cart') as n_add_to_carts,
            count(distinct order_id) as n_orders,
            sum(price * quantity) as revenue,
            min_by(utm_source, occurred_at) as utm_source,
            min_by(device_type, occurred_at) as device_type
        from visits join events using (event_key)
        group by visits.user_id, session_number
    """,
    "rfm and features": """
        create table rfm as
        with buyers as (
            select
                user_id,
                date_diff('day', max(occurred_at)::date, date $as_of) as recency_days,
                count(distinct order_id) as frequency,
                sum(price * quantity) as monetary_value
            from events where order_id is not null group by user_id
        )
        select
            *,
            ceil(5 * cume_dist() over (order by recency_days desc)) as r,
            ceil(5 * cume_dist() over (order by frequency)) as f,
            ceil(5 * cume_dist() over (order by monetary_value)) as m
        from buyers;
        create table features as
        select
            user_id, count(*) as n_sessions, sum(n_events) as n_events,
            avg(n_events) as events_per_session,
            sum(n_add_to_carts) as n_add_to_carts, sum(n_orders) as n_orders,
            coalesce(sum(revenue), 0) as revenue,
            date_diff('day', max(ended_at)::date, date $as_of) as recency_days
        from sessions group by user_id
    """,
    "rules": """
        create table rules as
        with baskets as (
            select distinct order_id, product_id from events where order_id is not null
        ),
        counted as (select count(distinct order_id) as n_orders from baskets),
        products as (
            select product_id, count(*) as n from baskets, counted
            group by product_id, n_orders having n >= {least_support} * n_orders
        ),
        frequent as (from baskets semi join products using (product_id)),
        pairs as (
            select
                one.product_id as antecedent, other.product_id as consequent,
                count(*) as n
            from frequent as one join frequent as other
                on one.order_id = other.order_id and one.product_id <> other.product_id
            group by antecedent, consequent
        )
        select
            antecedent, consequent, pairs.n / n_orders as support,
            pairs.n / one.n as confidence,
            pairs.n * n_orders / (one.n * other.n) as lift
        from pairs, counted, products as one, products as other
        where
            one.product_id = antecedent and other.product_id = consequent
            and pairs.n >= {least_support} * n_orders
            and pairs.n >= {least_confidence} * one.n
    """,
}


def main() -> None:
    """Do it."""
    watch = Watch()
    connection = duckdb.connect(str(watch.out / "peer.duckdb"))
    connection.execute("set preserve_insertion_order = false")
    for step, statements in STEPS.items():
        script = (
            statements.replace("{columns}", str(COLUMNS))
            .replace("{least_support}", str(LEAST_SUPPORT))
            .replace("{least_confidence}", str(LEAST_CONFIDENCE))
            .replace("$as_of", f"'{AS_OF}'")
            .replace("$dumps", str([str(dump) for dump in watch.dumps]))
        )
        connection.execute(script).fetchall()
        watch.done(step)
    features = connection.execute("from features order by user_id").df()
    segments = cluster(features.set_index("user_id"))
    watch.done("clustering")
    connection.execute("create table segments as from segments")
    for table in OUTPUTS:
        connection.execute(f"copy {table} to '{watch.out / table}.parquet'")
    watch.done("write")
    counts = [
        connection.execute(f"select count(*) from {table}").fetchall()[0][0]
        for table in COUNTED
    ]
    assert len(segments) == len(features)
    connection.close()
    watch.tell(*counts)


if __name__ == "__main__":
    main()
