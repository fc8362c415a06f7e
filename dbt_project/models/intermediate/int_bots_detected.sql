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

    where anonymous_id is not null

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

-- Whoever logs in, buys or tells an address is a person, however fast.
devices_counted as (

    select
        events.anonymous_id,
        count(*) filter (where {{ is_view('event_names.event_type') }}) as n_views,
        bool_or(
            events.user_id is not null
            or events.order_id is not null
            or events.email_hash is not null
            or events.phone_hash is not null
            or coalesce(event_names.event_type in ('purchase', 'refund'), false)
        ) as is_person

    from events

    anti join robots
        on events.user_agent = robots.user_agent

    left join event_names
        on events.event_name = event_names.event_name

    group by events.anonymous_id

),

suspects as (

    select devices_counted.anonymous_id

    from devices_counted

    anti join profiles
        on devices_counted.anonymous_id = profiles.anonymous_id

    where
        not devices_counted.is_person
        and devices_counted.n_views >= least(
            {{ var("bot_events_per_minute") }}, {{ var("bot_events_per_day") }}, 100
        )

),

pages_followed as (

    select
        events.anonymous_id,
        events.event_name,
        events.occurred_at,
        coalesce(events.page <> lag(events.page) over device_history, true)
            as is_another_page

    from events

    anti join robots
        on events.user_agent = robots.user_agent

    inner join suspects
        on events.anonymous_id = suspects.anonymous_id

    inner join event_names
        on events.event_name = event_names.event_name

    where
        {{ is_view('event_names.event_type') }}
        and events.page is not null

    window device_history as (
        partition by
            events.anonymous_id,
            events.event_name
        order by
            events.occurred_at,
            events.page,
            events.event_key
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
