-- Incremental by person: those whose events or whose repeated views are others.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_persons_changed('page_views_hash') }}"
) }}

with

persons_touched as (

    {{ persons_touched('page_views_hash') }}

),

session_events as (

    select session_events.* from {{ ref('int_events_sessionized') }} as session_events

    {{ of_persons_touched('session_events') }}

),

events as (

    select events.* from {{ ref('int_events_identified') }} as events

    {{ of_persons_touched('events') }}

),

views_repeated as (

    select * from {{ ref('int_page_views_repeated') }}

),

sources as (

    select * from {{ ref('stg_sources') }}

),

-- Joined once: DuckDB writes out what is read more than once.
moments as (

    select
        session_events.event_key,
        session_events.session_id,
        session_events.user_id,
        session_events.session_event_number,
        session_events.idle_seconds,
        session_events.occurred_at,
        events.event_id,
        events.event_type,
        events.source,
        events.page_view_id,
        events.page_path,
        events.is_ping

    from session_events

    inner join events
        on session_events.event_key = events.event_key

),

views_listed as (

    select
        moments.event_key,
        moments.session_id,
        moments.user_id,
        moments.session_event_number,
        moments.occurred_at,
        persons_touched.page_views_hash,
        moments.event_id,
        moments.source,
        moments.page_view_id,
        moments.page_path

    from moments

    inner join persons_touched
        on moments.user_id = persons_touched.user_id

    where moments.event_type = 'page_view'

),

views as (

    select views_listed.* from views_listed

    anti join views_repeated
        on views_listed.event_key = views_repeated.event_key

),

page_starts_flagged as (

    select
        moments.event_key,
        moments.session_id,
        moments.session_event_number,
        moments.idle_seconds,
        moments.occurred_at,
        case
            when views_repeated.event_key is not null then null
            when
                moments.event_type = 'page_view'
                or (
                    moments.event_type = 'product_view'
                    and not coalesce(moments.page_path, '')
                    = coalesce(lag(moments.page_path) over session_history, '')
                )
                then moments.session_event_number
        end as page_start_number

    from moments

    left join views_repeated
        on moments.event_key = views_repeated.event_key

    window session_history as (
        partition by moments.session_id
        order by moments.session_event_number
    )

),

-- What a moment ends was spent on the page that was on view before it.
pages_followed as (

    select
        event_key,
        session_id,
        idle_seconds,
        occurred_at,
        max(page_start_number) over (
            partition by session_id
            order by session_event_number
            rows between unbounded preceding and 1 preceding
        ) as page_number

    from page_starts_flagged

),

pauses_summarized as (

    select
        session_id,
        page_number,
        sum({{ engaged_pause('idle_seconds') }}) as engaged_seconds,
        max(occurred_at) as left_at

    from pages_followed

    group by
        session_id,
        page_number

),

-- A ping that does not say of which page it is, is of the one on view.
pings_attributed as (

    select
        pages_followed.session_id,
        case
            when moments.page_view_id is null then pages_followed.page_number
            else views.session_event_number
        end as page_number,
        pages_followed.occurred_at,
        {{ ping_slot('pages_followed.occurred_at', 'sources.ping_every_seconds') }}
            as slot

    from pages_followed

    inner join moments
        on pages_followed.event_key = moments.event_key

    inner join sources
        on moments.source = sources.source

    left join views
        on
            pages_followed.session_id = views.session_id
            and moments.page_view_id = views.page_view_id

    where
        moments.is_ping
        and sources.ping_every_seconds is not null

),

pings_summarized as (

    select
        session_id,
        page_number,
        count(distinct slot) as n_slots,
        max(occurred_at) as last_ping_at

    from pings_attributed

    group by
        session_id,
        page_number

),

views_timed as (

    select
        views.*,
        case
            when sources.ping_every_seconds is null
                then coalesce(pauses_summarized.engaged_seconds, 0)
            when pings_summarized.n_slots is null then 0
            else
                {{ pinged_seconds(
                    'pings_summarized.n_slots',
                    1,
                    'sources.ping_first_after_seconds',
                    'sources.ping_every_seconds'
                ) }}
        end as engaged_seconds,
        case
            when sources.ping_every_seconds is null
                then coalesce(pauses_summarized.left_at, views.occurred_at)
            else
                greatest(
                    coalesce(pings_summarized.last_ping_at, views.occurred_at),
                    views.occurred_at
                )
        end as ended_at

    from views

    left join pauses_summarized
        on
            views.session_id = pauses_summarized.session_id
            and views.session_event_number = pauses_summarized.page_number

    left join pings_summarized
        on
            views.session_id = pings_summarized.session_id
            and views.session_event_number = pings_summarized.page_number

    left join sources
        on views.source = sources.source

),

timed as (

    select
        -- ids
        event_key,
        coalesce(page_view_id, 'event-' || event_id) as page_view_id,
        session_id,
        user_id,

        -- strings
        page_path,

        -- numerics
        row_number() over session_history as page_view_number,
        cast(engaged_seconds as bigint) as engaged_seconds,
        {{ seconds_between('occurred_at', 'ended_at') }} as duration_seconds,
        page_views_hash,

        -- booleans
        lead(session_event_number) over session_history is null as is_exit,

        -- timestamps
        occurred_at as started_at,
        ended_at

    from views_timed

    window session_history as (
        partition by session_id
        order by session_event_number
    )

)

select * from timed
