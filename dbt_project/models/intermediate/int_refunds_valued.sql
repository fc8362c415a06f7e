with

refunds as (

    select * from {{ ref('int_order_events_linked') }}

    where event_type = 'refund'

),

order_lines as (

    select * from {{ ref('int_order_lines_unified') }}

    where is_positive

),

items_listed as (

    select
        refunds.event_key,
        refunds.order_id,
        item.product_id,
        item.quantity,
        item.price

    from refunds

    {{ unnested('refunds.items', 'item') }}

    union all

    select
        event_key,
        order_id,
        product_id,
        quantity,
        price

    from refunds

    where {{ list_length('items') }} = 0

),

prices_paid as (

    select
        order_id,
        product_id,
        max(unit_price) as unit_price

    from order_lines

    where product_id is not null

    group by
        order_id,
        product_id

),

-- Many a tracker says what came back, and leaves it to the order what that was worth.
items_valued as (

    select
        items_listed.event_key,
        sum(
            {{ money_product(
                'coalesce(items_listed.quantity, 1)',
                'coalesce(items_listed.price, prices_paid.unit_price)'
            ) }}
        ) as items_value

    from items_listed

    left join prices_paid
        on
            items_listed.order_id = prices_paid.order_id
            and items_listed.product_id = prices_paid.product_id

    group by items_listed.event_key

),

-- Some write what was paid back with a minus, some without; 0 often stands for nothing.
-- What is stated in a currency without a rate is not said to be the whole order.
events_valued as (

    select
        refunds.order_id,
        case
            when not refunds.is_without_rate
                then abs(coalesce(nullif(refunds.revenue, 0), items_valued.items_value))
            else 0
        end as refunded_value

    from refunds

    inner join items_valued
        on refunds.event_key = items_valued.event_key

),

orders_valued as (

    select
        order_id,
        case
            when count(*) = count(refunded_value)
                then {{ money('sum(refunded_value)') }}
        end as refunded_value

    from events_valued

    group by order_id

)

select * from orders_valued
