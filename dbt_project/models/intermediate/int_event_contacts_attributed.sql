with

events as (

    select * from {{ ref('int_events_deduplicated') }}

    where
        (email_hash is not null or phone_hash is not null)
        and not is_bot

),

devices as (

    select * from {{ ref('int_devices_owned') }}

),

shared_devices as (

    select * from {{ ref('int_shared_devices_followed') }}

),

-- As in int_events_identified: an event on a device is its user's of that time.
holders_found as (

    select
        events.namespace,
        coalesce(events.user_id, shared_devices.user_id, devices.user_id) as user_id,
        events.anonymous_id,
        events.email_hash,
        events.phone_hash,
        events.occurred_at

    from events

    left join devices
        on events.anonymous_id = devices.anonymous_id

    left join shared_devices
        on events.event_key = shared_devices.event_key

),

holders_listed as (

    select
        namespace,
        user_id,
        case when user_id is null then anonymous_id end as anonymous_id,
        email_hash,
        phone_hash,
        min(occurred_at) as first_seen_at,
        count(*) as n_rows

    from holders_found

    group by
        namespace,
        user_id,
        case when user_id is null then anonymous_id end,
        email_hash,
        phone_hash

)

select * from holders_listed
