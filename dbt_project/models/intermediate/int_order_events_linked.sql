with

order_events as (

    select * from {{ ref('int_events_identified') }}

    where
        event_type in ('purchase', 'refund')
        and not is_bot

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

        -- booleans
        order_events.is_without_rate,

        -- timestamps
        order_events.occurred_at

    from order_events

    left join sessions
        on order_events.event_key = sessions.event_key

)

select * from linked
