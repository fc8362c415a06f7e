with

user_days as (

    select * from {{ ref('int_user_days_aggregated') }}

),

days_dated as (

    select
        *,
        extract(quarter from activity_date) as quarter_of_year,
        {{ whole_days('activity_date', as_of()) }} as days_ago

    from user_days

),

gaps_measured as (

    select
        user_id,
        lag(days_ago) over (
            partition by user_id
            order by activity_date
        ) - days_ago as gap_days

    from days_dated

    where n_activities > 0

),

-- Of whole numbers, whose sums are the same in any order.
gaps_summed as (

    select
        user_id,
        count(gap_days) as n_gaps,
        cast(sum(gap_days) as double) as gap_days,
        cast(sum(gap_days * gap_days) as double) as squared_gap_days

    from gaps_measured

    group by user_id

),

days_counted as (

    select
        user_id,
        count(*) filter (where n_activities > 0) as active_days,
        count(*) filter (where n_activities > 0 and days_ago <= 30)
            as recent_active_days,
        count(*) filter (where n_activities > 0 and days_ago > 30 and days_ago <= 120)
            as earlier_active_days,
        sum(n_activities) as n_activities,
        sum(n_night_activities) as n_night_activities,
        sum(n_morning_activities) as n_morning_activities,
        sum(n_afternoon_activities) as n_afternoon_activities,
        sum(n_evening_activities) as n_evening_activities,
        sum(case when is_weekend then n_activities else 0 end) as n_weekend_activities,
        sum(case when quarter_of_year = 1 then n_activities else 0 end)
            as n_q1_activities,
        sum(case when quarter_of_year = 2 then n_activities else 0 end)
            as n_q2_activities,
        sum(case when quarter_of_year = 3 then n_activities else 0 end)
            as n_q3_activities,
        sum(case when quarter_of_year = 4 then n_activities else 0 end)
            as n_q4_activities,
        sum(n_mobile_events) as n_mobile_events,
        sum(n_desktop_events) as n_desktop_events,
        sum(n_tablet_events) as n_tablet_events,
        sum(n_device_events) as n_device_events,
        sum(n_emails_opened) as n_emails_opened,
        sum(n_emails_clicked) as n_emails_clicked,
        sum(n_items) as n_items,
        sum(ordered_value) as ordered_value,
        sum(returned_value) as returned_value,
        sum(case when days_ago <= 30 then n_orders else 0 end) as n_recent_orders,
        sum(case when days_ago > 30 and days_ago <= 120 then n_orders else 0 end)
            as n_earlier_orders,
        min(days_ago) filter (where n_emails_opened + n_emails_clicked > 0)
            as days_since_last_email,
        min(days_ago) filter (where n_orders > 0) as days_since_last_order,
        max(days_ago) filter (where n_orders > 0) as days_since_first_order

    from days_dated

    group by user_id

),

days_summed as (

    select
        -- ids
        days_counted.user_id,

        -- numerics
        days_counted.active_days,
        days_counted.recent_active_days,
        days_counted.earlier_active_days,
        cast(days_counted.n_activities as bigint) as n_activities,
        cast(days_counted.n_night_activities as bigint) as n_night_activities,
        cast(days_counted.n_morning_activities as bigint) as n_morning_activities,
        cast(days_counted.n_afternoon_activities as bigint) as n_afternoon_activities,
        cast(days_counted.n_evening_activities as bigint) as n_evening_activities,
        cast(days_counted.n_weekend_activities as bigint) as n_weekend_activities,
        cast(days_counted.n_q1_activities as bigint) as n_q1_activities,
        cast(days_counted.n_q2_activities as bigint) as n_q2_activities,
        cast(days_counted.n_q3_activities as bigint) as n_q3_activities,
        cast(days_counted.n_q4_activities as bigint) as n_q4_activities,
        case
            when gaps_summed.n_gaps >= 2
                then
                    sqrt(
                        greatest(
                            gaps_summed.n_gaps * gaps_summed.squared_gap_days
                            - gaps_summed.gap_days * gaps_summed.gap_days,
                            0
                        )
                    )
                    / gaps_summed.gap_days
        end as visit_irregularity,
        cast(days_counted.n_mobile_events as bigint) as n_mobile_events,
        cast(days_counted.n_desktop_events as bigint) as n_desktop_events,
        cast(days_counted.n_tablet_events as bigint) as n_tablet_events,
        cast(days_counted.n_device_events as bigint) as n_device_events,
        cast(days_counted.n_emails_opened as bigint) as n_emails_opened,
        cast(days_counted.n_emails_clicked as bigint) as n_emails_clicked,
        cast(days_counted.n_items as bigint) as n_items,
        {{ money('days_counted.ordered_value') }} as ordered_value,
        {{ money('days_counted.returned_value') }} as returned_value,
        cast(days_counted.n_recent_orders as bigint) as n_recent_orders,
        cast(days_counted.n_earlier_orders as bigint) as n_earlier_orders,
        days_counted.days_since_last_email,
        days_counted.days_since_last_order,
        days_counted.days_since_first_order

    from days_counted

    left join gaps_summed
        on days_counted.user_id = gaps_summed.user_id

)

select * from days_summed
