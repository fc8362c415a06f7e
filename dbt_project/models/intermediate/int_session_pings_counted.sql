with

session_events as (

    select * from {{ ref('int_events_sessionized') }}

),

sources as (

    select * from {{ ref('stg_sources') }}

    where ping_every_seconds is not null

),

-- Told first, so that events of other sources are joined with nothing.
events as (

    select events.* from {{ ref('int_events_identified') }} as events

    semi join sources
        on events.source = sources.source

),

-- Pings that do not say of which page they are, are together those of one.
pings_read as (

    select
        session_events.session_id,
        sources.source,
        sources.ping_first_after_seconds,
        sources.ping_every_seconds,
        case when events.is_ping then coalesce(events.page_view_id, '') end as page,
        case
            when events.is_ping
                then
                    coalesce(events.page_view_id, '')
                    || ' '
                    || cast(
                        {{ ping_slot(
                            'session_events.occurred_at', 'sources.ping_every_seconds'
                        ) }} as bigint
                    )
        end as page_slot

    from session_events

    inner join events
        on session_events.event_key = events.event_key

    inner join sources
        on events.source = sources.source

),

pages_counted as (

    select
        session_id,
        ping_every_seconds,
        ping_first_after_seconds,
        count(*) as n_events,
        count(distinct page) as n_pages,
        count(distinct page_slot) as n_slots

    from pings_read

    group by
        session_id,
        source,
        ping_every_seconds,
        ping_first_after_seconds

),

counted as (

    select
        session_id,
        cast(sum(n_events) as bigint) as n_events,
        cast(sum(n_pages) as bigint) as n_pages,
        cast(
            sum(
                {{ pinged_seconds(
                    'n_slots',
                    'n_pages',
                    'ping_first_after_seconds',
                    'ping_every_seconds'
                ) }}
            ) as bigint
        ) as engaged_seconds

    from pages_counted

    group by session_id

)

select * from counted
