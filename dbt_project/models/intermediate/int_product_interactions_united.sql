-- A view: its readers want few columns each, and writing it would cost more than that.
{{ config(materialized='view') }}

with

events as (

    select * from {{ ref('int_events_identified') }}

    where
        event_type in ('product_view', 'add_to_cart')
        and not is_bot

),

order_lines as (

    select * from {{ ref('int_order_lines_unified') }}

    where is_positive

),

orders as (

    select * from {{ ref('int_orders_unified') }}

    where not is_cancelled

),

order_lines_bought as (

    select order_lines.* from order_lines

    semi join orders
        on order_lines.order_id = orders.order_id

),

interactions_united as (

    select
        -- ids
        user_id,
        product_id,

        -- strings
        event_type as interaction,
        category,

        -- numerics
        price,
        0 as revenue,

        -- timestamps
        occurred_at

    from events

    union all

    select
        -- ids
        user_id,
        product_id,

        -- strings
        'order_line' as interaction,
        category,

        -- numerics
        unit_price as price,
        line_revenue as revenue,

        -- timestamps
        ordered_at as occurred_at

    from order_lines_bought

)

select * from interactions_united
