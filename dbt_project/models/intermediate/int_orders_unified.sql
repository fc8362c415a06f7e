with

order_lines as (

    select * from {{ ref('int_order_lines_unified') }}

),

first_purchases as (

    select * from {{ ref('int_purchases_linked') }}

    where purchase_number = 1

),

refunds as (

    select * from {{ ref('int_refunds_valued') }}

),

lines_summarized as (

    select
        order_id,
        min(user_id) as user_id,
        min(country) as country,
        count(*) as n_lines,
        sum(case when is_positive then quantity else 0 end) as n_items,
        sum(line_revenue) as revenue,
        sum(line_returned_value) as returned_value,
        count(unit_price) > 0 or min(origin) = 'order_lines' as is_valued_by_lines,
        bool_or(is_marked_cancelled) or not bool_or(is_positive) as is_cancelled,
        min(ordered_at) as ordered_at

    from order_lines

    group by order_id

),

united as (

    select
        coalesce(lines_summarized.order_id, first_purchases.order_id) as order_id,
        coalesce(lines_summarized.user_id, first_purchases.user_id) as user_id,
        first_purchases.session_id,
        coalesce(lines_summarized.country, first_purchases.country) as country,
        coalesce(lines_summarized.n_lines, 0) as n_lines,
        coalesce(lines_summarized.n_items, 0) as n_items,
        case
            when lines_summarized.is_valued_by_lines then lines_summarized.revenue
            else greatest(coalesce(first_purchases.stated_revenue, 0), 0)
        end as revenue,
        case
            when lines_summarized.is_valued_by_lines
                then lines_summarized.returned_value
            else greatest(-coalesce(first_purchases.stated_revenue, 0), 0)
        end as returned_value,
        coalesce(lines_summarized.is_cancelled, false) as is_cancelled,
        coalesce(lines_summarized.ordered_at, first_purchases.occurred_at) as ordered_at

    from lines_summarized

    full outer join first_purchases
        on lines_summarized.order_id = first_purchases.order_id

),

-- Where the lines tell what came back, an event that tells it too would double it.
refunds_applied as (

    select
        united.*,
        case
            when
                refunds.order_id is null
                or united.is_cancelled
                or united.returned_value > 0
                then united.returned_value
            else least(coalesce(refunds.refunded_value, united.revenue), united.revenue)
        end as refunded_or_returned_value

    from united

    left join refunds
        on united.order_id = refunds.order_id

),

cancellations_applied as (

    select
        -- ids
        order_id,
        user_id,
        session_id,

        -- strings
        country,

        -- numerics
        n_lines,
        case
            when is_cancelled then 0
            else cast(round(n_items) as bigint)
        end as n_items,
        {{ money('revenue') }} as ordered_value,
        {{ money('case when is_cancelled then 0 else revenue end') }} as revenue,
        {{ money(
            'refunded_or_returned_value + case when is_cancelled then revenue else 0 end'
        ) }} as returned_value,

        -- booleans
        is_cancelled,

        -- timestamps
        ordered_at

    from refunds_applied

)

select * from cancellations_applied
