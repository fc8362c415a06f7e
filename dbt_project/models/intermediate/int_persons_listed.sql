with

events as (

    select * from {{ ref('int_events_identified') }}

    where not is_bot

),

order_lines as (

    select * from {{ ref('int_order_lines_deduplicated') }}

    where user_id is not null

),

profiles as (

    select * from {{ ref('int_profiles_unified') }}

),

mentions as (

    select
        user_id,
        is_identified

    from events

    union all

    select
        user_id,
        is_identified

    from order_lines

    union all

    select
        user_id,
        is_identified

    from profiles

),

persons as (

    select
        user_id,
        bool_or(is_identified) as is_identified

    from mentions

    group by user_id

),

-- A profile says where a person lives; else most events do, else most order lines.
countries_counted as (

    select
        user_id,
        country,
        1 as precedence,
        1 as n_rows

    from profiles

    where country is not null

    union all

    select
        user_id,
        country,
        2 as precedence,
        count(*) as n_rows

    from events

    where country is not null

    group by
        user_id,
        country

    union all

    select
        user_id,
        country,
        3 as precedence,
        count(*) as n_rows

    from order_lines

    where country is not null

    group by
        user_id,
        country

),

countries_ranked as (

    select
        user_id,
        country,
        row_number() over (
            partition by user_id
            order by
                precedence asc,
                n_rows desc,
                country asc
        ) as country_rank

    from countries_counted

),

devices_counted as (

    select
        user_id,
        device_type,
        count(*) as n_events

    from events

    where device_type is not null

    group by
        user_id,
        device_type

),

devices_ranked as (

    select
        user_id,
        device_type,
        row_number() over (
            partition by user_id
            order by
                n_events desc,
                device_type asc
        ) as device_rank

    from devices_counted

),

listed as (

    select
        persons.user_id,
        countries_ranked.country,
        devices_ranked.device_type,
        persons.is_identified

    from persons

    left join countries_ranked
        on
            persons.user_id = countries_ranked.user_id
            and countries_ranked.country_rank = 1

    left join devices_ranked
        on
            persons.user_id = devices_ranked.user_id
            and devices_ranked.device_rank = 1

)

select * from listed
