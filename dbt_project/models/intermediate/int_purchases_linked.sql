with

purchases as (

    select * from {{ ref('int_order_events_linked') }}

    where event_type = 'purchase'

),

numbered as (

    select
        -- ids
        event_key,
        order_id,
        user_id,
        session_id,
        product_id,

        -- strings
        product_name,
        category,
        country,

        -- numerics
        row_number() over (
            partition by order_id
            order by
                occurred_at,
                event_id,
                event_key
        ) as purchase_number,
        price,
        quantity,
        max(revenue) over (partition by order_id) as stated_revenue,
        items,

        -- timestamps
        occurred_at

    from purchases

)

select * from numbered
