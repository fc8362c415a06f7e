-- Incremental by person, as `int_events_sessionized` is.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_persons_changed('events_hash') }}"
) }}

with

persons_touched as (

    {{ persons_touched('events_hash') }}

),

events_dated as (

    select
        events.user_id,
        events.event_type,
        events.device_type,
        events.is_email_event,
        cast(events.occurred_at as date) as activity_date,
        {{ daypart('events.occurred_at') }} as daypart

    from {{ ref('int_events_identified') }} as events

    {{ of_persons_touched('events') }}

    where not events.is_bot

),

days_counted as (

    select
        user_id,
        activity_date,
        count(*) filter (where not is_email_event) as n_activities,
        count(*) filter (where not is_email_event and daypart = 'night')
            as n_night_activities,
        count(*) filter (where not is_email_event and daypart = 'morning')
            as n_morning_activities,
        count(*) filter (where not is_email_event and daypart = 'afternoon')
            as n_afternoon_activities,
        count(*) filter (where not is_email_event and daypart = 'evening')
            as n_evening_activities,
        count(*) filter (where not is_email_event and device_type = 'mobile')
            as n_mobile_events,
        count(*) filter (where not is_email_event and device_type = 'desktop')
            as n_desktop_events,
        count(*) filter (where not is_email_event and device_type = 'tablet')
            as n_tablet_events,
        count(*) filter (where not is_email_event and device_type is not null)
            as n_device_events,
        count(*) filter (where event_type = 'email_open') as n_emails_opened,
        count(*) filter (where event_type = 'email_click') as n_emails_clicked

    from events_dated

    group by
        user_id,
        activity_date

),

counted as (

    select
        days_counted.*,
        persons_touched.events_hash

    from days_counted

    inner join persons_touched
        on days_counted.user_id = persons_touched.user_id

)

select * from counted
