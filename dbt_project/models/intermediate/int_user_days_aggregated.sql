with

events as (

    select * from {{ ref('int_events_identified') }}

    where not is_bot

),

sessions as (

    select * from {{ ref('int_sessions_summarized') }}

),

orders as (

    select * from {{ ref('int_orders_unified') }}

    where user_id is not null

),

events_counted as (

    select
        user_id,
        cast(occurred_at as date) as activity_date,
        {{ daypart('occurred_at') }} as daypart,
        count_if(not is_email_event) as n_events,
        count_if(not is_email_event and device_type = 'mobile') as n_mobile_events,
        count_if(not is_email_event and device_type = 'desktop') as n_desktop_events,
        count_if(not is_email_event and device_type = 'tablet') as n_tablet_events,
        count_if(not is_email_event and device_type is not null) as n_device_events,
        count_if(event_type = 'email_open') as n_emails_opened,
        count_if(event_type = 'email_click') as n_emails_clicked

    from events

    group by
        user_id,
        cast(occurred_at as date),
        {{ daypart('occurred_at') }}

),

sessions_counted as (

    select
        user_id,
        cast(started_at as date) as activity_date,
        count(*) as n_sessions

    from sessions

    group by
        user_id,
        cast(started_at as date)

),

orders_counted as (

    select
        user_id,
        cast(ordered_at as date) as activity_date,
        {{ daypart('ordered_at') }} as daypart,
        count_if(not is_cancelled) as n_orders,
        count_if(not is_cancelled and session_id is null) as n_orders_outside,
        sum(n_items) as n_items,
        sum(revenue) as revenue,
        sum(ordered_value) as ordered_value,
        sum(returned_value) as returned_value

    from orders

    group by
        user_id,
        cast(ordered_at as date),
        {{ daypart('ordered_at') }}

),

counts_united as (

    select
        user_id,
        activity_date,
        daypart,
        n_events as n_activities,
        n_events,
        n_mobile_events,
        n_desktop_events,
        n_tablet_events,
        n_device_events,
        n_emails_opened,
        n_emails_clicked,
        0 as n_sessions,
        0 as n_orders,
        0 as n_items,
        0 as revenue,
        0 as ordered_value,
        0 as returned_value

    from events_counted

    union all

    select
        user_id,
        activity_date,
        null as daypart,
        0 as n_activities,
        0 as n_events,
        0 as n_mobile_events,
        0 as n_desktop_events,
        0 as n_tablet_events,
        0 as n_device_events,
        0 as n_emails_opened,
        0 as n_emails_clicked,
        n_sessions,
        0 as n_orders,
        0 as n_items,
        0 as revenue,
        0 as ordered_value,
        0 as returned_value

    from sessions_counted

    union all

    -- An order inside a session is one of its events already.
    select
        user_id,
        activity_date,
        daypart,
        n_orders_outside as n_activities,
        0 as n_events,
        0 as n_mobile_events,
        0 as n_desktop_events,
        0 as n_tablet_events,
        0 as n_device_events,
        0 as n_emails_opened,
        0 as n_emails_clicked,
        0 as n_sessions,
        n_orders,
        n_items,
        revenue,
        ordered_value,
        returned_value

    from orders_counted

),

days_aggregated as (

    select
        -- ids
        user_id,

        -- numerics
        cast(sum(n_activities) as bigint) as n_activities,
        cast(sum(case when daypart = 'night' then n_activities else 0 end) as bigint)
            as n_night_activities,
        cast(sum(case when daypart = 'morning' then n_activities else 0 end) as bigint)
            as n_morning_activities,
        cast(
            sum(case when daypart = 'afternoon' then n_activities else 0 end) as bigint
        ) as n_afternoon_activities,
        cast(sum(case when daypart = 'evening' then n_activities else 0 end) as bigint)
            as n_evening_activities,
        cast(sum(n_events) as bigint) as n_events,
        cast(sum(n_mobile_events) as bigint) as n_mobile_events,
        cast(sum(n_desktop_events) as bigint) as n_desktop_events,
        cast(sum(n_tablet_events) as bigint) as n_tablet_events,
        cast(sum(n_device_events) as bigint) as n_device_events,
        cast(sum(n_emails_opened) as bigint) as n_emails_opened,
        cast(sum(n_emails_clicked) as bigint) as n_emails_clicked,
        cast(sum(n_sessions) as bigint) as n_sessions,
        cast(sum(n_orders) as bigint) as n_orders,
        cast(sum(n_items) as bigint) as n_items,
        {{ money('sum(revenue)') }} as revenue,
        {{ money('sum(ordered_value)') }} as ordered_value,
        {{ money('sum(returned_value)') }} as returned_value,

        -- booleans
        {{ iso_weekday('activity_date') }} >= 6 as is_weekend,

        -- dates
        activity_date

    from counts_united

    group by
        user_id,
        activity_date

)

select * from days_aggregated
