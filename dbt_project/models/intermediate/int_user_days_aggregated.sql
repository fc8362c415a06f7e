with

events_counted as (

    select * from {{ ref('int_event_days_counted') }}

),

orders as (

    select * from {{ ref('int_orders_unified') }}

    where user_id is not null

),

-- An order inside a session is one of its events already.
orders_dated as (

    select
        user_id,
        n_items,
        ordered_value,
        returned_value,
        not is_cancelled as is_order,
        not is_cancelled and session_id is null as is_activity,
        cast(ordered_at as date) as activity_date,
        {{ daypart('ordered_at') }} as daypart

    from orders

),

orders_counted as (

    select
        user_id,
        activity_date,
        count(*) filter (where is_activity) as n_activities,
        count(*) filter (where is_activity and daypart = 'night') as n_night_activities,
        count(*) filter (where is_activity and daypart = 'morning')
            as n_morning_activities,
        count(*) filter (where is_activity and daypart = 'afternoon')
            as n_afternoon_activities,
        count(*) filter (where is_activity and daypart = 'evening')
            as n_evening_activities,
        count(*) filter (where is_order) as n_orders,
        cast(sum(n_items) as bigint) as n_items,
        {{ money('sum(ordered_value)') }} as ordered_value,
        {{ money('sum(returned_value)') }} as returned_value

    from orders_dated

    group by
        user_id,
        activity_date

),

days_aggregated as (

    select
        -- ids
        coalesce(events_counted.user_id, orders_counted.user_id) as user_id,

        -- numerics
        coalesce(events_counted.n_activities, 0)
        + coalesce(orders_counted.n_activities, 0) as n_activities,
        coalesce(events_counted.n_night_activities, 0)
        + coalesce(orders_counted.n_night_activities, 0) as n_night_activities,
        coalesce(events_counted.n_morning_activities, 0)
        + coalesce(orders_counted.n_morning_activities, 0) as n_morning_activities,
        coalesce(events_counted.n_afternoon_activities, 0)
        + coalesce(orders_counted.n_afternoon_activities, 0) as n_afternoon_activities,
        coalesce(events_counted.n_evening_activities, 0)
        + coalesce(orders_counted.n_evening_activities, 0) as n_evening_activities,
        coalesce(events_counted.n_mobile_events, 0) as n_mobile_events,
        coalesce(events_counted.n_desktop_events, 0) as n_desktop_events,
        coalesce(events_counted.n_tablet_events, 0) as n_tablet_events,
        coalesce(events_counted.n_device_events, 0) as n_device_events,
        coalesce(events_counted.n_emails_opened, 0) as n_emails_opened,
        coalesce(events_counted.n_emails_clicked, 0) as n_emails_clicked,
        coalesce(orders_counted.n_orders, 0) as n_orders,
        coalesce(orders_counted.n_items, 0) as n_items,
        coalesce(orders_counted.ordered_value, 0) as ordered_value,
        coalesce(orders_counted.returned_value, 0) as returned_value,

        -- booleans
        {{ iso_weekday(
            'coalesce(events_counted.activity_date, orders_counted.activity_date)'
        ) }} >= 6 as is_weekend,

        -- dates
        coalesce(events_counted.activity_date, orders_counted.activity_date)
            as activity_date

    from events_counted

    full outer join orders_counted
        on
            events_counted.user_id = orders_counted.user_id
            and events_counted.activity_date = orders_counted.activity_date

)

select * from days_aggregated
