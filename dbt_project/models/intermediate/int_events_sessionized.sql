with

events as (

    select * from {{ ref('int_events_identified') }}

    where
        not is_bot
        and not is_email_event

),

sources as (

    select * from {{ ref('stg_sources') }}

    where has_tracker_sessions

),

-- The sessions of a tracker run beside each other, and beside what goes by the timeout.
lanes_told as (

    select
        events.event_key,
        events.event_id,
        events.user_id,
        events.occurred_at,
        case when sources.source is not null then events.tracker_session_id end
            as tracker_session_id

    from events

    left join sources
        on events.source = sources.source

),

gaps_measured as (

    select
        event_key,
        event_id,
        user_id,
        occurred_at,
        tracker_session_id,
        lag(occurred_at) over lane_history as previous_occurred_at,
        min(occurred_at) over lane_history as lane_started_at

    from lanes_told

    window lane_history as (
        partition by
            user_id,
            tracker_session_id
        order by
            occurred_at,
            event_id,
            event_key
    )

),

session_starts_flagged as (

    select
        event_key,
        event_id,
        user_id,
        occurred_at,
        tracker_session_id,
        case
            when
                previous_occurred_at is null
                or case
                    when tracker_session_id is null
                        then
                            occurred_at
                            > previous_occurred_at
                            + interval '{{ var("session_timeout_minutes") }}' minute
                    else
                        {{ tracker_sessions_since("lane_started_at", "occurred_at") }}
                        > {{ tracker_sessions_since(
                            "lane_started_at", "previous_occurred_at"
                        ) }}
                end
                then occurred_at
        end as session_started_at

    from gaps_measured

),

session_starts_counted as (

    select
        *,
        case
            when session_started_at is not null
                then count(session_started_at) over person_history
        end as start_number,
        count(*) over person_history as event_number

    from session_starts_flagged

    window person_history as (
        partition by user_id
        order by
            occurred_at,
            event_id,
            event_key
        rows unbounded preceding
    )

),

sessions_numbered as (

    select
        event_key,
        user_id,
        occurred_at,
        event_number,
        tracker_session_id,
        max(session_started_at) over lane_history as started_at,
        max(start_number) over lane_history as session_number

    from session_starts_counted

    window lane_history as (
        partition by
            user_id,
            tracker_session_id
        order by
            occurred_at,
            event_id,
            event_key
        rows unbounded preceding
    )

),

-- Named for its start, so that an event that comes late renames no later session. By
-- the timeout no two sessions of a person start in the same second: it is a minute or
-- more; those of a tracker bear its mark.
sessions_named as (

    select
        event_key,
        user_id,
        user_id
        || '-'
        || {{ seconds_since_1970('started_at') }}
        || coalesce('-' || substr(md5(tracker_session_id), 1, 8), '') as session_id,
        session_number,
        event_number,
        occurred_at

    from sessions_numbered

)

select * from sessions_named
