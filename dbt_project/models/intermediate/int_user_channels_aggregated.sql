with

session_events as (

    select * from {{ ref('int_events_sessionized') }}

),

events as (

    select * from {{ ref('int_events_identified') }}

    where channel is not null

),

-- As in marts.sessions: the first event of a session that knows where it came from.
sessions_attributed as (

    select
        session_events.user_id,
        session_events.session_id,
        min_by(
            events.channel, session_events.event_number
        ) filter (where events.channel is not null) as channel

    from session_events

    left join events
        on session_events.event_key = events.event_key

    group by
        session_events.user_id,
        session_events.session_id

),

channels_counted as (

    select
        user_id,
        coalesce(channel, 'direct') as channel,
        count(*) as n_sessions

    from sessions_attributed

    group by
        user_id,
        coalesce(channel, 'direct')

)

select * from channels_counted
