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
        cast(sum(n_activities) as bigint) as n_activities,
        cast(sum(n_night_activities) as bigint) as n_night_activities,
        cast(sum(n_morning_activities) as bigint) as n_morning_activities,
        cast(sum(n_afternoon_activities) as bigint) as n_afternoon_activities,
        cast(sum(n_evening_activities) as bigint) as n_evening_activities,
        cast(
            sum(case when is_weekend then n_activities else 0 end) as bigint
        ) as n_weekend_activities,
        cast(
            sum(case when quarter_of_year = 1 then n_activities else 0 end) as bigint
        ) as n_q1_activities,
        cast(
            sum(case when quarter_of_year = 2 then n_activities else 0 end) as bigint
        ) as n_q2_activities,
        cast(
            sum(case when quarter_of_year = 3 then n_activities else 0 end) as bigint
        ) as n_q3_activities,
        cast(
            sum(case when quarter_of_year = 4 then n_activities else 0 end) as bigint
        ) as n_q4_activities,
        cast(sum(n_mobile_events) as bigint) as n_mobile_events,
        cast(sum(n_desktop_events) as bigint) as n_desktop_events,
        cast(sum(n_tablet_events) as bigint) as n_tablet_events,
        cast(sum(n_device_events) as bigint) as n_device_events,
        cast(sum(n_emails_opened) as bigint) as n_emails_opened,
        cast(sum(n_emails_clicked) as bigint) as n_emails_clicked,
        cast(sum(n_items) as bigint) as n_items,
        {{ money('sum(ordered_value)') }} as ordered_value,
        {{ money('sum(returned_value)') }} as returned_value,
        cast(
            sum(case when days_ago <= 30 then n_orders else 0 end) as bigint
        ) as n_recent_orders,
        cast(
            sum(case when days_ago > 30 and days_ago <= 120 then n_orders else 0 end)
            as bigint
        ) as n_earlier_orders,
        min(days_ago) filter (where n_emails_opened + n_emails_clicked > 0)
            as days_since_last_email,
        min(days_ago) filter (where n_orders > 0) as days_since_last_order,
        max(days_ago) filter (where n_orders > 0) as days_since_first_order

    from days_dated

    group by user_id

),

days_summed as (

    select
        days_counted.*,
        case
            when gaps_summed.n_gaps >= 2
                then
                    sqrt({{ count_times_squares(
                        'gaps_summed.n_gaps',
                        'gaps_summed.gap_days',
                        'gaps_summed.squared_gap_days'
                    ) }})
                    / gaps_summed.gap_days
        end as visit_irregularity

    from days_counted

    left join gaps_summed
        on days_counted.user_id = gaps_summed.user_id

)

select * from days_summed
