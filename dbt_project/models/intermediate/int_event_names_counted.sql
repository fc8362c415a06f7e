with

events as (

    select * from {{ ref('int_events_identified') }}

    where not is_bot

),

event_names as (

    select * from {{ ref('int_event_names_classified') }}

),

names_counted as (

    select
        source,
        event_name,
        count(*) as n_events,
        count(distinct user_id) as n_users

    from events

    group by
        source,
        event_name

),

-- A name that few people have might be made of what one of them wrote.
names_told as (

    select
        names_counted.source,
        case
            when event_names.is_known or names_counted.n_users >= 5
                then names_counted.event_name
        end as event_name,
        coalesce(event_names.event_type, 'other') as event_type,
        coalesce(event_names.is_known, false) as is_known,
        names_counted.n_events

    from names_counted

    left join event_names
        on names_counted.event_name = event_names.event_name

),

counted as (

    select
        source,
        event_name,
        event_type,
        is_known,
        cast(sum(n_events) as bigint) as n_events

    from names_told

    group by
        source,
        event_name,
        event_type,
        is_known

)

select * from counted
