with

orders as (

    select * from {{ ref('int_orders_unified') }}

),

listed as (

    select
        order_id,
        user_id,
        session_id,
        n_lines,
        n_items,
        revenue,
        returned_value,
        is_cancelled,
        ordered_at

    from orders

)

select * from listed
