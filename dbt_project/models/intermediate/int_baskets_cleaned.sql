with

order_lines as (

    select * from {{ ref('int_order_lines_unified') }}

    where
        is_positive
        and product_id is not null

),

orders as (

    select * from {{ ref('int_orders_unified') }}

    where not is_cancelled

),

products_listed as (

    select distinct
        order_lines.order_id,
        order_lines.product_id

    from order_lines

    inner join orders
        on order_lines.order_id = orders.order_id

)

select * from products_listed
