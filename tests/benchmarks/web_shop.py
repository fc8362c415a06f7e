"""Write what a made-up web shop sends of its visitors, at any size, but for a last day.

    python tests/benchmarks/web_shop.py --out DIR [--users 30000] [--days 365]

DIR/inbox/shop        source.yml, and a dump of JSON lines a month
DIR/last_day/shop     the dump of the last day, to be put into the inbox later
DIR/truth.parquet     what kind of customer each person was made as

A person sends some 165 events a year, so 30,000 send about five million. Of the visits
a third begin and end without a login; a device is used by one person, and three in a
hundred events arrive twice. Whoever puts socks into a basket takes shoes in three of
five cases.
"""

import argparse
import json
import os
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

END = date(2026, 1, 1)
COLUMNS = (
    "event_id", "user_id", "anonymous_id", "event_name", "occurred_at", "received_at",
    "page_url", "referrer", "utm_source", "device_type", "country", "product_id",
    "category", "price", "quantity", "order_id",
)  # fmt: skip

PEOPLE = """
    create table kinds as from (values
        ('devoted', 0.10, 2.8, 11, 0.55, 2.6, 90.0, 1.0),
        ('regular', 0.20, 1.3, 9, 0.40, 1.8, 40.0, 1.0),
        ('thrifty', 0.20, 0.9, 7, 0.45, 1.8, 11.0, 1.0),
        ('looking', 0.28, 0.9, 11, 0.0, 0.0, 35.0, 1.0),
        ('passing', 0.12, 0.05, 5, 1.0, 0.2, 55.0, 1.0),
        ('gone', 0.10, 1.1, 9, 0.35, 1.8, 45.0, 0.35)
    ) as t (kind, share, visits_a_month, n_pages, buys, more_items, price, stays);
    create table people as
    with steps as (
        select *, sum(share) over (order by kind) as upper from kinds
    ),
    drawn as (select person, random() as draw from range($n_users) as t (person))
    select
        person, kind, visits_a_month, n_pages, buys, more_items, price, stays,
        ['mobile', 'desktop', 'tablet'][1 + person % 3] as device_type,
        ['GB', 'DE', 'FR', 'US'][1 + person // 3 % 4] as country
    from drawn asof join steps on drawn.draw <= steps.upper
    order by person;
"""
VISITS = """
    create table visits as
    with listed as (
        select
            *,
            unnest(range(greatest(
                1, round(visits_a_month * $n_days / 30 * (0.6 + 0.8 * random()))
            )::int)) as visit
        from people
    )
    select
        *,
        timestamp '2026-01-01' - to_days($n_days)
        + to_seconds((random() * stays * $n_days * 86400)::bigint) as began_at,
        1 - floor(ln(1 - random()) * n_pages)::int as n_views,
        random() < buys as has_bought,
        random() < 0.35 as is_logged_out,
        ['google', 'newsletter', 'social', null][1 + floor(random() * 4)::int]
            as utm_source
    from listed;
"""
EVENTS = """
    create table views as
    with listed as (select *, unnest(range(n_views)) as view from visits)
    select
        person, visit, 'v' || view as mark, is_logged_out, utm_source, device_type,
        country, null::double as price, null::int as quantity, false as is_purchase,
        (['page_view', 'product_view', 'add_to_cart', 'search', 'product_view'])
            [1 + if(view = 0, 0, floor(random() * 5)::int)] as event_name,
        began_at + to_milliseconds((view * 40000 + random() * 35000)::bigint)
            as occurred_at,
        floor(random() ** 2.5 * 500)::int as product
    from listed;
    create table lines as -- of all draws, so that they come in one order
    with listed as (
        select
            *, unnest(range(1 - floor(ln(1 - random()) * more_items)::int)) as line
        from visits where has_bought
    )
    select
        * replace (round(price * (0.7 + 0.6 * random()), 2) as price),
        1 + floor(random() * 2)::int as quantity,
        floor(random() ** 2.5 * 500)::int as product,
        random() < 0.6 as takes_shoes
    from listed;
    create table bought as
    with with_shoes as (
        from lines
        union all by name
        select * replace (line + 1000 as line, 8 as product) from lines
        where product = 7 and takes_shoes
    )
    select
        person, visit, 'b' || line as mark, false as is_logged_out, utm_source,
        device_type, country, price, quantity, true as is_purchase,
        'purchase' as event_name,
        began_at + to_milliseconds((n_views * 40000 + 50000)::bigint) as occurred_at,
        product
    from with_shoes;
    create table sent as
    with events as (from views union all by name from bought)
    select
        substr(md5(concat_ws('/', person, visit, mark)), 1, 24) as event_id,
        if(is_logged_out, null, 'u' || person) as user_id,
        'd' || substr(md5(person || '/' || visit % 3), 1, 14) as anonymous_id,
        event_name,
        occurred_at,
        occurred_at + to_milliseconds((random() * 60000)::bigint) as received_at,
        'https://shop.example/' || if(is_purchase, 'done', 'p/' || product) as page_url,
        if(utm_source is null, 'https://search.example/', null) as referrer,
        utm_source, device_type, country,
        's' || product as product_id, 'c' || product % 24 as category,
        price, quantity,
        if(is_purchase, 'o' || person || '-' || visit, null) as order_id
    from events
    where occurred_at < timestamp '2026-01-01';
    insert into sent
    select * replace (received_at + interval 7 minute as received_at) from sent
    where hash(event_id) % 33 = 0;
"""


def main() -> None:
    """Write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--users", type=int, default=30_000)
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    print(json.dumps(write_shop(options.out, options.users, options.days)))  # noqa: T201


def write_shop(out: Path, n_users: int, n_days: int = 365) -> dict[str, int]:
    """Write the dumps; tell how many events, distinct ones and orders there are."""
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false; set threads = 1")
        connection.execute("select setseed(0.25)").fetchall()
        connection.execute(PEOPLE, {"n_users": n_users})
        connection.execute(VISITS, {"n_days": n_days})
        connection.execute(EVENTS)
        last = datetime.combine(END - timedelta(days=1), datetime.min.time())
        months = connection.execute(
            "select distinct date_trunc('month', occurred_at) from sent order by 1"
        ).fetchall()
        folder = out / "inbox" / "shop"
        for (month,) in months:
            _write(
                connection,
                folder / f"{month:%Y-%m}.jsonl",
                f"date_trunc('month', occurred_at) = timestamp '{month}' "
                f"and occurred_at < timestamp '{last}'",
            )
        _write(
            connection,
            out / "last_day" / "shop" / f"{last:%Y-%m-%d}.jsonl",
            f"occurred_at >= timestamp '{last}'",
        )
        mapping = {column: column for column in COLUMNS}
        source = {"adapter": "generic", "kind": "events", "columns": mapping}
        (folder / "source.yml").write_text(json.dumps(source))
        connection.execute(
            f"copy (select 'u' || person as user_id, kind from people) "
            f"to '{out / 'truth.parquet'}' (format parquet)"
        )
        counted = connection.execute(
            "select count(*), count(distinct event_id), count(distinct order_id) "
            "from sent"
        ).fetchall()
        return dict(zip(("n_events", "n_distinct", "n_orders"), *counted, strict=True))


def _write(connection: duckdb.DuckDBPyConnection, file: Path, where: str) -> None:
    """Write a dump, in the order in which it was received."""
    file.parent.mkdir(parents=True, exist_ok=True)
    connection.execute(
        f"copy (from sent where {where} order by received_at, event_id) "
        f"to '{file}' (format json)"
    )
    os.utime(file, (0, 0))  # nobody waits to see whether it still grows


if __name__ == "__main__":
    main()
