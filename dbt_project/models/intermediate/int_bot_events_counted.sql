with

events as (

    select * from {{ ref('int_events_identified') }}

    where is_bot

),

counted as (

    select
        source,
        bot_reason,
        count(*) as n_events,
        count(distinct anonymous_id) as n_devices

    from events

    group by
        source,
        bot_reason

)

select * from counted
