with

events as (

    select * from {{ ref('int_events_deduplicated') }}

    where not is_bot

),

shared_devices as (

    select * from {{ ref('int_devices_owned') }}

    where is_shared

),

followed as (

    select
        events.event_key,
        coalesce(
            {{ latest_known('events.user_id', 'device_history') }},
            {{ next_known('events.user_id', 'device_history') }}
        ) as user_id

    from events

    inner join shared_devices
        on events.anonymous_id = shared_devices.anonymous_id

    window device_history as (
        partition by events.anonymous_id
        order by
            events.occurred_at,
            events.event_id,
            events.event_key
    )

)

select * from followed
