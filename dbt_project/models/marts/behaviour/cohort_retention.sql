with

orders as (

    select * from {{ ref('orders') }}

    where
        not is_cancelled
        and user_id is not null

),

months_summed as (

    select
        user_id,
        cast(date_trunc('month', ordered_at) as date) as activity_month,
        count(*) as n_orders,
        sum(revenue) as revenue

    from orders

    group by
        user_id,
        cast(date_trunc('month', ordered_at) as date)

),

cohorts_assigned as (

    select
        *,
        min(activity_month) over (partition by user_id) as cohort_month

    from months_summed

),

activity_summed as (

    select
        cohort_month,
        activity_month,
        count(*) as n_active,
        sum(n_orders) as n_orders,
        sum(revenue) as revenue

    from cohorts_assigned

    group by
        cohort_month,
        activity_month

),

-- In the first month, everybody of a cohort orders.
cohorts_sized as (

    select
        cohort_month,
        n_active as n_users,
        {{ numbers_up_to(whole_months(
            'cohort_month', "cast(" ~ as_of() ~ " - interval '1' second as date)"
        )) }} as month_numbers

    from activity_summed

    where activity_month = cohort_month

),

months_numbered as (

    select
        cohorts_sized.cohort_month,
        cohorts_sized.n_users,
        cast(unnested_list.month_number as integer) as month_number

    from cohorts_sized

    {{ unnested('cohorts_sized.month_numbers', 'month_number') }}

),

months_dated as (

    select
        *,
        {{ months_later('cohort_month', 'month_number') }} as activity_month,
        {{ months_later('cohort_month', 'month_number + 1') }} as next_month

    from months_numbered

),

months_filled as (

    select
        -- numerics
        months_dated.month_number,
        months_dated.n_users,
        coalesce(activity_summed.n_active, 0) as n_active,
        {{ ratio('activity_summed.n_active', 'months_dated.n_users') }} as retention,
        cast(coalesce(activity_summed.n_orders, 0) as bigint) as n_orders,
        {{ money('coalesce(activity_summed.revenue, 0)') }} as revenue,
        {{ ratio(
            'sum(activity_summed.revenue) over cohort_so_far', 'months_dated.n_users'
        ) }} as cumulative_revenue_per_user,

        -- booleans
        cast(months_dated.next_month as timestamp) <= {{ as_of() }} as is_complete,

        -- dates
        months_dated.cohort_month,
        months_dated.activity_month

    from months_dated

    left join activity_summed
        on
            months_dated.cohort_month = activity_summed.cohort_month
            and months_dated.activity_month = activity_summed.activity_month

    window cohort_so_far as (
        partition by months_dated.cohort_month
        order by months_dated.month_number
        rows unbounded preceding
    )

)

select * from months_filled
