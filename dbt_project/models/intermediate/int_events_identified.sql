-- Incremental by event: those that came, went, or are found to be of another person or
-- of a bot are made anew. All else that is told of an event follows from its own row of
-- raw and from rules, and with these everything is made anew. What has changed is found
-- by comparing what is here with what is so now, of which persons are a few columns.
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='event_key',
    pre_hook="{{ forget_events_gone(ref('stg_events'), ref('int_event_copies_ranked')) }}"
) }}

with

events as (

    select * from {{ ref('int_events_attributed') }}

),

event_names as (

    select * from {{ ref('int_event_names_classified') }}

),

traffic_sources as (

    select * from {{ ref('int_traffic_sources_classified') }}

),

{% if is_incremental() %}
    events_touched as (

        select events.event_key

        from events

        left join {{ this }} as built
            on events.event_key = built.event_key

        where
            built.event_key is null
            or events.person_id <> built.user_id
            or events.is_identified <> built.is_identified
            or events.bot_reason is distinct from built.bot_reason

    ),

    events_changed as (

        select attributed.* from {{ ref('int_events_attributed') }} as attributed

        semi join events_touched
            on attributed.event_key = events_touched.event_key

    ),

{% else %}
    events_changed as (

        select * from events

    ),

{% endif %}

identified as (

    select
        -- ids
        events_changed.event_key,
        events_changed.event_id,
        events_changed.person_id as user_id,
        events_changed.anonymous_id,
        events_changed.tracker_session_id,
        events_changed.page_view_id,
        events_changed.order_id,
        events_changed.product_id,

        -- strings
        events_changed.source,
        events_changed.event_name,
        coalesce(event_names.event_type, 'other') as event_type,
        events_changed.page_path,
        traffic_sources.traffic_source,
        traffic_sources.traffic_medium,
        traffic_sources.traffic_campaign,
        traffic_sources.channel,
        events_changed.device_type,
        events_changed.os,
        events_changed.browser,
        events_changed.bot_reason,
        events_changed.country,
        events_changed.product_name,
        events_changed.category,

        -- numerics
        events_changed.price,
        events_changed.quantity,
        events_changed.revenue,
        events_changed.items,

        -- booleans
        events_changed.is_bot,
        events_changed.is_without_rate,
        coalesce(event_names.is_email_event, false) as is_email_event,
        coalesce(event_names.is_ping, false) as is_ping,
        events_changed.is_identified,
        coalesce(traffic_sources.is_campaign, false) as is_campaign,

        -- timestamps
        events_changed.occurred_at,
        events_changed.received_at

    from events_changed

    left join event_names
        on events_changed.event_name = event_names.event_name

    left join traffic_sources
        on
            events_changed.utm_source is not distinct from traffic_sources.utm_source
            and events_changed.utm_medium
            is not distinct from traffic_sources.utm_medium
            and events_changed.utm_campaign
            is not distinct from traffic_sources.utm_campaign
            and events_changed.click_id is not distinct from traffic_sources.click_id
            and events_changed.referrer_host
            is not distinct from traffic_sources.referrer_host

)

select * from identified
