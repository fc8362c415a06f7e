with

orders as (

    select * from {{ ref('orders') }}

    where
        not is_cancelled
        and user_id is not null

),

gaps_measured as (

    select
        user_id,
        ordered_at,
        revenue,
        returned_value,
        min(ordered_at) over (partition by user_id) as first_order_at,
        {{ whole_days('lag(ordered_at) over order_history', 'ordered_at') }}
            as gap_days

    from orders

    window order_history as (
        partition by user_id
        order by
            ordered_at,
            order_id
    )

),

orders_summed as (

    select
        user_id,
        count(*) as n_orders,
        sum(revenue) as revenue,
        sum(
            case
                when {{ whole_days('first_order_at', 'ordered_at') }} < 90 then revenue
                else 0
            end
        ) as first_90_days_revenue,
        sum(
            case
                when {{ whole_days('ordered_at', as_of()) }} <= 90 then revenue
                else 0
            end
        ) as last_90_days_revenue,
        sum(returned_value) as returned_value,
        median(cast(revenue as double)) as median_order_value,
        max(revenue) as greatest_order_value,
        avg(gap_days) as mean_days_between_orders,
        median(gap_days) as median_days_between_orders,
        count(gap_days) as n_gaps,
        cast(sum(gap_days) as double) as gap_days,
        cast(sum(gap_days * gap_days) as double) as squared_gap_days,
        min(ordered_at) as first_order_at,
        max(ordered_at) as last_order_at

    from gaps_measured

    group by user_id

),

listed as (

    select
        -- ids
        user_id,

        -- numerics: value
        n_orders,
        {{ money('revenue') }} as revenue,
        {{ money('first_90_days_revenue') }} as first_90_days_revenue,
        {{ money('last_90_days_revenue') }} as last_90_days_revenue,
        {{ money('returned_value') }} as returned_value,
        {{ ratio('revenue', 'n_orders') }} as average_order_value,
        median_order_value,
        greatest_order_value,

        -- numerics: time
        {{ whole_days('first_order_at', as_of()) }} as days_since_first_order,
        {{ whole_days('last_order_at', as_of()) }} as days_since_last_order,
        mean_days_between_orders,
        cast(median_days_between_orders as double) as median_days_between_orders,
        case
            when n_gaps >= 2
                then
                    sqrt(
                        {{ count_times_squares(
                            'n_gaps', 'gap_days', 'squared_gap_days'
                        ) }}
                        / (n_gaps * (n_gaps - 1))
                    )
        end as sd_days_between_orders,

        -- dates
        case
            when n_orders >= 3
                then {{ days_later(
                    'cast(last_order_at as date)', 'floor(median_days_between_orders)'
                ) }}
        end as expected_next_order_date,

        -- times
        first_order_at,
        last_order_at

    from orders_summed

)

select * from listed
