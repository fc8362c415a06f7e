with

events as (

    select * from {{ ref('int_events_deduplicated') }}

),

devices as (

    select * from {{ ref('int_devices_owned') }}

),

shared_devices as (

    select * from {{ ref('int_shared_devices_followed') }}

),

persons_moved as (

    select * from {{ ref('int_persons_resolved') }}

    where is_moved

),

event_names as (

    select * from {{ ref('int_event_names_classified') }}

),

traffic_sources as (

    select * from {{ ref('int_traffic_sources_classified') }}

),

-- A bot that borrows somebody's id is not that person.
holders_found as (

    select
        events.*,
        case
            when events.user_id is not null then events.user_id
            when events.is_bot then events.anonymous_id
            else coalesce(shared_devices.user_id, devices.user_id, events.anonymous_id)
        end as holder_id,
        coalesce(
            events.user_id,
            case when not events.is_bot then devices.user_id end
        ) is not null as has_user,
        case
            when events.is_bot then null
            when coalesce(events.user_id, devices.user_id) is not null then 'user_id'
            else 'anonymous_id'
        end as holder_type

    from events

    left join devices
        on events.anonymous_id = devices.anonymous_id

    left join shared_devices
        on events.event_key = shared_devices.event_key

),

persons_resolved as (

    select
        holders_found.*,
        coalesce(persons_moved.user_id, holders_found.holder_id) as person_id,
        holders_found.has_user
        or coalesce(persons_moved.is_identified, false) as is_identified

    from holders_found

    left join persons_moved
        on
            holders_found.holder_id = persons_moved.identifier
            and holders_found.holder_type = persons_moved.identifier_type

),

identified as (

    select
        -- ids
        persons_resolved.event_key,
        persons_resolved.event_id,
        persons_resolved.person_id as user_id,
        persons_resolved.anonymous_id,
        persons_resolved.tracker_session_id,
        persons_resolved.page_view_id,
        persons_resolved.order_id,
        persons_resolved.product_id,

        -- strings
        persons_resolved.source,
        persons_resolved.event_name,
        coalesce(event_names.event_type, 'other') as event_type,
        persons_resolved.page_path,
        traffic_sources.traffic_source,
        traffic_sources.traffic_medium,
        traffic_sources.traffic_campaign,
        traffic_sources.channel,
        persons_resolved.device_type,
        persons_resolved.os,
        persons_resolved.browser,
        persons_resolved.bot_reason,
        persons_resolved.country,
        persons_resolved.product_name,
        persons_resolved.category,

        -- numerics
        persons_resolved.price,
        persons_resolved.quantity,
        persons_resolved.revenue,
        persons_resolved.items,

        -- booleans
        persons_resolved.is_bot,
        persons_resolved.is_without_rate,
        coalesce(event_names.is_email_event, false) as is_email_event,
        coalesce(event_names.is_ping, false) as is_ping,
        persons_resolved.is_identified,
        coalesce(traffic_sources.is_campaign, false) as is_campaign,

        -- timestamps
        persons_resolved.occurred_at,
        persons_resolved.received_at

    from persons_resolved

    left join event_names
        on persons_resolved.event_name = event_names.event_name

    left join traffic_sources
        on
            persons_resolved.utm_source is not distinct from traffic_sources.utm_source
            and persons_resolved.utm_medium
            is not distinct from traffic_sources.utm_medium
            and persons_resolved.utm_campaign
            is not distinct from traffic_sources.utm_campaign
            and persons_resolved.click_id is not distinct from traffic_sources.click_id
            and persons_resolved.referrer_host
            is not distinct from traffic_sources.referrer_host

)

select * from identified
