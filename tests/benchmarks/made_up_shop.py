"""Write a year of a made-up shop, of any size, in which it is known who is who."""

import json
import os
from pathlib import Path

import duckdb

INBOX = {
    "web": {"kind": "events"},
    "app": {"kind": "events", "namespace": "app"},
    "crm": {"kind": "users"},
    "app_users": {"kind": "users", "namespace": "app"},
}
TABLES = {
    "web": "select * exclude (is_app) from events where not is_app",
    "app": "select * exclude (is_app, email) from events where is_app",
    "crm": """
        select
            'u' || person as user_id, email,
            case when person % 5 < 3 then phone end as phone
        from people where has_account
    """,
    "app_users": """
        select
            'm' || person as user_id, upper(email) as email,
            replace(phone, '+49', '0049 ') as phone
        from people where has_app
    """,
}
PEOPLE = """
    create table people as
    select
        person,
        person % 7 <> 3 as has_account,
        person % 2 = 0 as has_app,
        person % 50 = 0 as lends,
        person % 50 = 1 as borrows,
        'p' || person || '@example.org' as email,
        '+49170' || 1234567 + person as phone,
        person * 7919 % 182 as first_login_on_web,
        person * 104729 % 182 as first_login_in_app
    from range(?) as t (person)
"""
EVENTS = """
    create table events as
    with drawn as (
        select
            i, random() as r, random() as logs_in, random() as picks,
            random() < 0.004 as gives_address, random() < 0.03 as buys,
            floor(random() * $n_users)::bigint as person,
            i * 364 / $n_events as day_drawn
        from range($n_events) as t (i)
    ),
    placed as (
        select
            *,
            has_app and picks < 0.35 as is_app,
            (lends or borrows) and day_drawn >= 182 and not is_app as takes_turns,
            case
                when takes_turns
                    then day_drawn // 14 * 14 + day_drawn % 7 + 7 * borrows::int
                else day_drawn
            end as day,
            takes_turns and borrows as is_lent
        from drawn inner join people using (person)
    ),
    logged_in as (
        select
            *,
            logs_in < 0.7 and case
                when is_app then day >= first_login_in_app
                else has_account and day >= first_login_on_web
            end as is_logged_in
        from placed
    )
    select
        is_app,
        substr(md5(i::varchar), 1, 20) || '-' || person as event_id,
        case when is_logged_in then if(is_app, 'm', 'u') || person end as user_id,
        if(is_app, 'd', 'w') || substr(md5((person - is_lent::int)::varchar), 1, 12)
            as anonymous_id,
        case when gives_address and not is_app then email end as email,
        ['page_view', 'product_view', 'search'][1 + i % 3] as event_name,
        timestamp '2025-01-01' + to_milliseconds((day * 86400000)::bigint)
            as occurred_at,
        occurred_at + to_milliseconds((r * 90000)::bigint) as received_at,
        'https://shop.example/c/' || i % 61 as page_url,
        case when r < 0.4 then 'https://www.google.com/' end as referrer,
        ['google', 'newsletter', null][1 + i % 3] as utm_source,
        ['mobile', 'desktop', 'tablet'][1 + person % 3] as device_type,
        ['GB', 'DE', 'FR', 'US'][1 + person % 4] as country,
        'p' || floor(r * r * 400)::int as product_id,
        'c' || floor(r * r * 25)::int as category,
        case when buys then round(100 * r, 2) end as price,
        case when buys then 1 + i % 2 end as quantity,
        case when buys then 'o' || i end as order_id
    from logged_in order by i
"""


def write_inbox(inbox: Path, n_events: int, n_users: int) -> None:
    """Write the dumps of two trackers and two lists of customers, with their sources.

    Of the people, six in seven have an account of the shop, and half have the app with
    an account there, under another user_id; both lists have their address. A device is
    anonymous until some day of the first half-year, and three times in ten later. Four
    events of the web in a thousand carry an address. From July on, one browser in fifty
    is lent to a neighbour every other week. An event_id ends in the number of whom the
    event is of, for those who compare; nothing else does.
    """
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")  # it would be on stdout
        connection.execute("set threads = 1; select setseed(0.5)")
        connection.execute(PEOPLE, [n_users])
        connection.execute(EVENTS, {"n_events": n_events, "n_users": n_users})
        for name, table in TABLES.items():
            (inbox / name).mkdir(parents=True)
            columns = connection.execute(f"describe {table}").fetchall()
            mapping = {column: column for column, *_ in columns}
            source = {"adapter": "generic", "columns": mapping} | INBOX[name]
            (inbox / name / "source.yml").write_text(json.dumps(source))
            dump = inbox / name / "dump.parquet"
            connection.execute(f"copy ({table}) to '{dump}' (format parquet)")
            os.utime(dump, (0, 0))  # nobody waits to see whether it still grows
