with

order_lines as (

    select * from {{ ref('int_order_lines_deduplicated') }}

),

purchases as (

    select * from {{ ref('int_purchases_linked') }}

),

order_line_orders as (

    select
        order_id,
        min(user_id) as user_id,
        min(ordered_at) as ordered_at

    from order_lines

    group by order_id

),

purchase_orders as (

    select
        order_id,
        user_id,
        occurred_at as ordered_at

    from purchases

    where purchase_number = 1

),

purchases_alone as (

    select purchases.* from purchases

    anti join order_line_orders
        on purchases.order_id = order_line_orders.order_id

),

-- A page of thanks that is loaded twice tells of the same items again.
items_numbered as (

    select
        *,
        row_number() over (
            partition by
                order_id,
                items
            order by purchase_number
        ) as telling_number

    from purchases_alone

    where {{ list_length('items') }} > 0

),

items_unnested as (

    select
        items_numbered.order_id,
        item.product_id,
        item.product_name,
        item.category,
        items_numbered.country,
        item.quantity,
        item.price as unit_price

    from items_numbered

    {{ unnested('items_numbered.items', 'item') }}

    where items_numbered.telling_number = 1

),

lines_united as (

    select
        order_id,
        product_id,
        product_name,
        category,
        country,
        'order_lines' as origin,
        coalesce(quantity, 1) as quantity,
        unit_price,
        is_marked_cancelled

    from order_lines

    union all

    select
        order_id,
        product_id,
        product_name,
        category,
        country,
        'events' as origin,
        coalesce(quantity, 1) as quantity,
        unit_price,
        false as is_marked_cancelled

    from items_unnested

    where
        product_id is not null
        or product_name is not null
        or unit_price is not null

    union all

    select
        order_id,
        product_id,
        product_name,
        category,
        country,
        'events' as origin,
        coalesce(quantity, 1) as quantity,
        price as unit_price,
        false as is_marked_cancelled

    from purchases_alone

    where
        {{ list_length('items') }} = 0
        and (
            product_id is not null
            or product_name is not null
            or price is not null
        )

),

lines_valued as (

    select
        lines_united.order_id,
        coalesce(order_line_orders.user_id, purchase_orders.user_id) as user_id,
        lines_united.product_id,
        lines_united.product_name,
        lines_united.category,
        lines_united.country,
        lines_united.origin,
        lines_united.quantity,
        lines_united.unit_price,
        coalesce(
            {{ money_product('lines_united.quantity', 'lines_united.unit_price') }}, 0
        ) as line_value,
        lines_united.quantity > 0
        and coalesce(lines_united.unit_price, 1) > 0 as is_positive,
        lines_united.is_marked_cancelled,
        coalesce(order_line_orders.ordered_at, purchase_orders.ordered_at) as ordered_at

    from lines_united

    left join order_line_orders
        on lines_united.order_id = order_line_orders.order_id

    left join purchase_orders
        on lines_united.order_id = purchase_orders.order_id

),

listed as (

    select
        -- ids
        order_id,
        user_id,
        product_id,

        -- strings
        product_name,
        category,
        country,
        origin,

        -- numerics
        quantity,
        unit_price,
        {{ money('case when is_positive then line_value else 0 end') }} as line_revenue,
        {{ money('greatest(-line_value, 0)') }} as line_returned_value,

        -- booleans
        is_positive,
        is_marked_cancelled,

        -- timestamps
        ordered_at

    from lines_valued

)

select * from listed
