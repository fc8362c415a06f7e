with

events as (

    select * from {{ ref('int_events_identified') }}

    where
        not is_bot
        and not is_email_event

),

gaps_measured as (

    select
        event_key,
        event_id,
        user_id,
        occurred_at,
        lag(occurred_at) over (
            partition by user_id
            order by
                occurred_at,
                event_id,
                event_key
        ) as previous_occurred_at

    from events

),

session_starts_flagged as (

    select
        event_key,
        event_id,
        user_id,
        occurred_at,
        case
            when
                previous_occurred_at is null
                or occurred_at
                > previous_occurred_at
                + interval '{{ var("session_timeout_minutes") }}' minute
                then occurred_at
        end as session_started_at

    from gaps_measured

),

sessions_numbered as (

    select
        event_key,
        user_id,
        occurred_at,
        max(session_started_at) over person_history as started_at,
        count(session_started_at) over person_history as session_number,
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

-- Named for its start, so that an event that comes late renames no later session. No
-- two sessions of a person start in the same second: the timeout is a minute or more.
sessions_named as (

    select
        event_key,
        user_id,
        user_id || '-' || {{ seconds_since_1970('started_at') }} as session_id,
        session_number,
        event_number,
        occurred_at

    from sessions_numbered

)

select * from sessions_named
