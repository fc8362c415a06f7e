with

purchases as (

    select * from {{ ref('int_events_identified') }}

    where
        event_type = 'purchase'
        and not is_bot

),

sessions as (

    select * from {{ ref('int_events_sessionized') }}

),

linked as (

    select
        -- ids
        purchases.event_key,
        purchases.event_id,
        coalesce(purchases.order_id, 'event-' || purchases.event_id) as order_id,
        purchases.user_id,
        sessions.session_id,
        purchases.product_id,

        -- strings
        purchases.product_name,
        purchases.category,
        purchases.country,

        -- numerics
        purchases.price,
        purchases.quantity,
        purchases.revenue,
        purchases.items,

        -- timestamps
        purchases.occurred_at

    from purchases

    left join sessions
        on purchases.event_key = sessions.event_key

)

select * from linked
