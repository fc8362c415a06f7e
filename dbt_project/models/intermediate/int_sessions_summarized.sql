-- Incremental by person, as `int_events_sessionized` is.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_persons_changed('session_events_hash') }}"
) }}

with

persons_touched as (

    {{ persons_touched('session_events_hash') }}

),

session_events as (

    select session_events.* from {{ ref('int_events_sessionized') }} as session_events

    {{ of_persons_touched('session_events') }}

),

events as (

    select
        *,
        {{ record_of([
            'channel', 'traffic_source', 'traffic_medium', 'traffic_campaign'
        ]) }} as origin

    from {{ ref('int_events_identified') }}

),

events_summarized as (

    select
        session_events.session_id,
        session_events.user_id,
        session_events.session_number,
        session_events.tracker_session_id,
        session_events.is_continuation,
        session_events.session_events_hash,
        min(session_events.occurred_at) as started_at,
        max(session_events.occurred_at) as ended_at,
        count(*) as n_events,
        count(*) filter (
            where events.event_type = 'page_view'
        ) as n_page_views,
        count(*) filter (
            where events.event_type = 'product_view'
        ) as n_product_views,
        count(*) filter (
            where events.event_type = 'search'
        ) as n_searches,
        count(*) filter (
            where events.event_type = 'add_to_cart'
        ) as n_add_to_carts,
        count(*) filter (
            where events.event_type = 'begin_checkout'
        ) as n_begin_checkouts,
        count(*) filter (
            where events.event_type = 'purchase'
        ) as n_purchases,
        count(*) filter (where events.is_ping) as n_pings,
        cast(
            sum({{ engaged_pause('session_events.idle_seconds') }}) as bigint
        ) as engaged_seconds,
        max(session_events.occurred_at) filter (
            where events.event_type = 'add_to_cart'
        ) as last_added_to_cart_at,
        min(session_events.occurred_at) filter (
            where events.event_type = 'purchase'
        ) as first_purchased_at,
        min(session_events.session_event_number) filter (
            where events.event_type = 'purchase'
        ) as n_events_to_purchase,
        min_by(events.origin, session_events.session_event_number) filter (
            where events.channel is not null
        ) as first_origin,
        {%- for told in ["page_path", "device_type", "os", "browser"] %}
            min_by(events.{{ told }}, session_events.session_event_number) filter (
                where events.{{ told }} is not null
            ) as first_{{ told }},
        {%- endfor %}
        max_by(events.page_path, session_events.session_event_number) filter (
            where events.page_path is not null
        ) as last_page_path

    from session_events

    inner join events
        on session_events.event_key = events.event_key

    group by
        session_events.session_id,
        session_events.user_id,
        session_events.session_number,
        session_events.tracker_session_id,
        session_events.is_continuation,
        session_events.session_events_hash

),

cuts_flagged as (

    select
        *,
        coalesce(lead(is_continuation) over (
            partition by
                user_id,
                tracker_session_id
            order by session_number
        ), false) as is_cut

    from events_summarized

),

summarized as (

    select
        -- ids
        session_id,
        user_id,
        tracker_session_id,

        -- strings
        first_origin['channel'] as channel,
        first_origin['traffic_source'] as traffic_source,
        first_origin['traffic_medium'] as traffic_medium,
        first_origin['traffic_campaign'] as traffic_campaign,
        first_page_path as landing_page,
        last_page_path as exit_page,
        first_device_type as device_type,
        first_os as os,
        first_browser as browser,

        -- numerics
        session_number,
        session_events_hash,
        {{ seconds_between('started_at', 'ended_at') }} as duration_seconds,
        coalesce(engaged_seconds, 0) as engaged_seconds,
        n_events,
        n_page_views,
        n_product_views,
        n_searches,
        n_add_to_carts,
        n_begin_checkouts,
        n_purchases,
        n_pings,
        n_events_to_purchase,
        {{ seconds_between('started_at', 'first_purchased_at') }}
            as seconds_to_purchase,

        -- booleans
        is_continuation,
        is_cut,

        -- timestamps
        started_at,
        ended_at,
        last_added_to_cart_at

    from cuts_flagged

)

select * from summarized
