-- Incremental by person, as `int_events_sessionized` is.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_persons_changed('order_events_hash') }}"
) }}

with

persons_touched as (

    {{ persons_touched('order_events_hash') }}

),

order_events as (

    select
        events.*,
        persons_touched.order_events_hash

    from {{ ref('int_events_identified') }} as events

    inner join persons_touched
        on events.user_id = persons_touched.user_id

    where
        events.event_type in ('purchase', 'refund')
        and not events.is_bot

),

sessions as (

    select * from {{ ref('int_events_sessionized') }}

),

linked as (

    select
        -- ids
        order_events.event_key,
        order_events.event_id,
        coalesce(order_events.order_id, 'event-' || order_events.event_id) as order_id,
        order_events.user_id,
        sessions.session_id,
        order_events.product_id,

        -- strings
        order_events.event_type,
        order_events.product_name,
        order_events.category,
        order_events.country,

        -- numerics
        order_events.price,
        order_events.quantity,
        order_events.revenue,
        order_events.items,
        order_events.order_events_hash,

        -- booleans
        order_events.is_without_rate,

        -- timestamps
        order_events.occurred_at

    from order_events

    left join sessions
        on order_events.event_key = sessions.event_key

)

select * from linked
