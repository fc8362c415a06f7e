with

bot_events as (

    select * from {{ ref('int_bot_events_counted') }}

),

listed as (

    select
        -- strings
        source,
        bot_reason,

        -- numerics
        n_events,
        n_devices

    from bot_events

)

select * from listed
