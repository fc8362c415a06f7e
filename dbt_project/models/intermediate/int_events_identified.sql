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

{% if is_incremental() %}
    events_touched as (

        select attributed.event_key

        from {{ ref('int_events_attributed') }} as attributed

        left join {{ this }} as built
            on attributed.event_key = built.event_key

        where
            built.event_key is null
            or attributed.person_id is distinct from built.user_id
            or attributed.is_identified is distinct from built.is_identified
            or attributed.bot_reason is distinct from built.bot_reason

    ),

{% endif %}

events as (

    select attributed.* from {{ ref('int_events_attributed') }} as attributed

    {% if is_incremental() %}
        semi join events_touched
            on attributed.event_key = events_touched.event_key
    {% endif %}

),

event_names as (

    select * from {{ ref('int_event_names_classified') }}

),

traffic_sources as (

    select * from {{ ref('int_traffic_sources_classified') }}

),

identified as (

    select
        -- ids
        events.event_key,
        events.event_id,
        events.person_id as user_id,
        events.anonymous_id,
        events.tracker_session_id,
        events.page_view_id,
        events.order_id,
        events.product_id,

        -- strings
        events.source,
        events.event_name,
        coalesce(event_names.event_type, 'other') as event_type,
        events.page_path,
        traffic_sources.traffic_source,
        traffic_sources.traffic_medium,
        traffic_sources.traffic_campaign,
        traffic_sources.channel,
        events.device_type,
        events.os,
        events.browser,
        events.bot_reason,
        events.country,
        events.product_name,
        events.category,

        -- numerics
        events.price,
        events.quantity,
        events.revenue,
        events.items,

        -- booleans
        events.is_bot,
        events.is_without_rate,
        coalesce(event_names.is_email_event, false) as is_email_event,
        coalesce(event_names.is_ping, false) as is_ping,
        events.is_identified,
        coalesce(traffic_sources.is_campaign, false) as is_campaign,

        -- timestamps
        events.occurred_at,
        events.received_at

    from events

    left join event_names
        on events.event_name = event_names.event_name

    left join traffic_sources
        on
            events.utm_source is not distinct from traffic_sources.utm_source
            and events.utm_medium
            is not distinct from traffic_sources.utm_medium
            and events.utm_campaign
            is not distinct from traffic_sources.utm_campaign
            and events.click_id is not distinct from traffic_sources.click_id
            and events.referrer_host
            is not distinct from traffic_sources.referrer_host

)

select * from identified
