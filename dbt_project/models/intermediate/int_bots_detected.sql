with

-- Narrow, for it is read twice. Copies of an event do no harm here.
events as (

    select
        event_key,
        user_id,
        anonymous_id,
        order_id,
        coalesce(product_id, page_path) as page,
        event_name,
        user_agent,
        email_hash,
        phone_hash,
        occurred_at

    from {{ ref('stg_events') }}

),

robots as (

    select * from {{ ref('stg_lookups__user_agents') }}

    where is_bot

),

event_names as (

    select * from {{ ref('int_event_names_classified') }}

),

profiles as (

    select * from {{ ref('stg_users') }}

    where anonymous_id is not null

),

-- Most devices are out here. Whoever logs in, buys or tells an address is a person,
-- however fast.
devices_counted as (

    select
        anonymous_id,
        count(*) as n_events,
        bool_or(
            user_id is not null
            or order_id is not null
            or email_hash is not null
            or phone_hash is not null
        ) as is_person

    from events

    group by anonymous_id

),

suspects as (

    select devices_counted.anonymous_id

    from devices_counted

    anti join profiles
        on devices_counted.anonymous_id = profiles.anonymous_id

    where
        devices_counted.anonymous_id is not null
        and not devices_counted.is_person
        and devices_counted.n_events >= least(
            {{ var("bot_events_per_minute") }}, {{ var("bot_events_per_day") }}, 100
        )

),

suspects_followed as (

    select
        events.event_key,
        events.anonymous_id,
        events.page,
        events.event_name,
        event_names.event_type,
        events.occurred_at

    from events

    inner join suspects
        on events.anonymous_id = suspects.anonymous_id

    inner join event_names
        on events.event_name = event_names.event_name

    anti join robots
        on events.user_agent = robots.user_agent

),

buyers as (

    select anonymous_id from suspects_followed

    where event_type in ('purchase', 'refund')

),

pages_followed as (

    select
        suspects_followed.anonymous_id,
        suspects_followed.event_name,
        suspects_followed.occurred_at,
        coalesce(
            suspects_followed.page
            <> lag(suspects_followed.page) over device_history,
            true
        ) as is_another_page

    from suspects_followed

    anti join buyers
        on suspects_followed.anonymous_id = buyers.anonymous_id

    -- Pings of an open page, clicks and what a list shows are no views.
    where
        suspects_followed.event_type in ('page_view', 'product_view', 'search')
        and suspects_followed.page is not null

    window device_history as (
        partition by
            suspects_followed.anonymous_id,
            suspects_followed.event_name
        order by
            suspects_followed.occurred_at,
            suspects_followed.page,
            suspects_followed.event_key
    )

),

-- A page that reloads itself before somebody, or sends its view again and again, is
-- no robot; nor are screens of an app that all go without a name.
views_counted as (

    select
        anonymous_id,
        event_name,
        occurred_at

    from pages_followed

    where is_another_page

),

-- Times that a source cut down to the minute, or the day, say nothing of speed.
minutes_counted as (

    select
        anonymous_id,
        date_trunc('minute', occurred_at) as minute_at

    from views_counted

    group by
        anonymous_id,
        event_name,
        date_trunc('minute', occurred_at)

    having
        count(*) > {{ var("bot_events_per_minute") }}
        and min(occurred_at) < max(occurred_at)

),

days_counted as (

    select anonymous_id

    from views_counted

    group by
        anonymous_id,
        event_name,
        date_trunc('day', occurred_at)

    having count(*) > {{ var("bot_events_per_day") }}

),

gaps_measured as (

    select
        anonymous_id,
        event_name,
        {{ seconds_between(
            'lag(occurred_at) over device_history', 'occurred_at'
        ) }} as gap_seconds

    from views_counted

    window device_history as (
        partition by
            anonymous_id,
            event_name
        order by occurred_at
    )

),

gaps_compared as (

    select
        anonymous_id,
        percentile_cont(0.05) within group (order by gap_seconds) as short_seconds,
        percentile_cont(0.95) within group (order by gap_seconds) as long_seconds

    from gaps_measured

    group by
        anonymous_id,
        event_name

    having count(gap_seconds) >= 99

),

reasons_found as (

    select
        anonymous_id,
        1 as reason_rank,
        'too_fast' as reason

    from minutes_counted

    group by anonymous_id

    having count(distinct minute_at) > 1

    union all

    select
        anonymous_id,
        2 as reason_rank,
        'too_many' as reason

    from days_counted

    union all

    select
        anonymous_id,
        3 as reason_rank,
        'too_regular' as reason

    from gaps_compared

    where
        short_seconds >= 1
        and long_seconds - short_seconds <= 1
        and long_seconds < 24 * 60 * 60 - 1

),

detected as (

    select
        anonymous_id,
        min_by(reason, reason_rank) as reason

    from reasons_found

    group by anonymous_id

)

select * from detected
