with

events as (

    select * from {{ ref('int_events_identified') }}

    where
        event_type in ('product_view', 'add_to_cart')
        and category is not null
        and not is_bot

),

order_lines as (

    select * from {{ ref('int_order_lines_unified') }}

    where
        is_positive
        and category is not null
        and user_id is not null

),

orders as (

    select * from {{ ref('int_orders_unified') }}

    where not is_cancelled

),

events_counted as (

    select
        user_id,
        category,
        count_if(event_type = 'product_view') as n_product_views,
        count_if(event_type = 'add_to_cart') as n_add_to_carts

    from events

    group by
        user_id,
        category

),

order_lines_counted as (

    select
        order_lines.user_id,
        order_lines.category,
        count(*) as n_order_lines,
        sum(order_lines.line_revenue) as revenue

    from order_lines

    semi join orders
        on order_lines.order_id = orders.order_id

    group by
        order_lines.user_id,
        order_lines.category

),

counts_united as (

    select
        user_id,
        category,
        n_product_views,
        n_add_to_carts,
        0 as n_order_lines,
        0 as revenue

    from events_counted

    union all

    select
        user_id,
        category,
        0 as n_product_views,
        0 as n_add_to_carts,
        n_order_lines,
        revenue

    from order_lines_counted

),

categories_aggregated as (

    select
        -- ids
        user_id,

        -- strings
        category,

        -- numerics
        cast(sum(n_product_views) as bigint) as n_product_views,
        cast(sum(n_add_to_carts) as bigint) as n_add_to_carts,
        cast(sum(n_order_lines) as bigint) as n_order_lines,
        cast(sum(n_product_views + n_add_to_carts + n_order_lines) as bigint)
            as n_interactions,
        {{ money('sum(revenue)') }} as revenue

    from counts_united

    group by
        user_id,
        category

)

select * from categories_aggregated
