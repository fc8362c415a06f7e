-- Incremental by person: those of whom an event came, went or moved to somebody else
-- are made anew, with all of their sessions. Who that is is found by comparing what is
-- here with the events of now, so that a run that was killed, or was as of an earlier
-- moment, leaves nothing behind.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_persons_changed('session_events_hash') }}"
) }}

with

events as (

    select * from {{ ref('int_events_identified') }}

    where {{ makes_session() }}

),

sources as (

    select * from {{ ref('stg_sources') }}

),

persons_touched as (

    {{ persons_touched('session_events_hash') }}

),

-- The sessions of a tracker run beside each other, and beside what goes by the timeout.
lanes_told as (

    select
        events.event_key,
        events.event_id,
        events.user_id,
        events.occurred_at,
        case when sources.has_tracker_sessions then events.tracker_session_id end
            as tracker_session_id,
        case
            when
                sources.has_campaign_sessions
                and events.is_campaign
                and not events.is_ping
                then
                    coalesce(events.traffic_source, '')
                    || ' / '
                    || coalesce(events.traffic_medium, '')
                    || ' / '
                    || coalesce(events.traffic_campaign, '')
        end as campaign,
        coalesce(
            sources.longest_session_seconds, 3600 * {{ var("longest_session_hours") }}
        ) as longest_session_seconds

    from events

    left join sources
        on events.source = sources.source

    {{ of_persons_touched('events') }}

),

-- The one sort by texts: what follows goes by these numbers, and carries no ids.
events_numbered as (

    select
        event_key,
        user_id,
        tracker_session_id,
        longest_session_seconds,
        occurred_at,
        row_number() over (
            partition by user_id
            order by
                occurred_at,
                event_id,
                event_key
        ) as event_number

    from lanes_told

),

gaps_measured as (

    select
        *,
        lag(occurred_at) over lane_history as previous_occurred_at,
        row_number() over lane_history as lane_event_number

    from events_numbered

    window lane_history as (
        partition by
            user_id,
            tracker_session_id
        order by event_number
    )

),

-- Of the few events that bear one: to look back from each event for the last campaign
-- takes DuckDB a time that grows with the square of a person's events (2026-11).
campaigns_followed as (

    select
        event_key,
        campaign <> coalesce(lag(campaign) over lane_history, '') as is_new_campaign,
        substr(md5(event_id), 1, 8) as campaign_mark

    from lanes_told

    where campaign is not null

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

pauses_flagged as (

    select
        gaps_measured.*,
        gaps_measured.previous_occurred_at is null
        or (
            gaps_measured.tracker_session_id is null
            and gaps_measured.occurred_at
            > gaps_measured.previous_occurred_at
            + interval '{{ var("session_timeout_minutes") }}' minute
        ) as is_after_pause,
        coalesce(campaigns_followed.is_new_campaign, false) as is_new_campaign,
        campaigns_followed.campaign_mark

    from gaps_measured

    left join campaigns_followed
        on gaps_measured.event_key = campaigns_followed.event_key

),

visits_dated as (

    select
        *,
        max(
            case when is_after_pause or is_new_campaign then occurred_at end
        ) over lane_history as visit_started_at

    from pauses_flagged

    window lane_history as (
        partition by
            user_id,
            tracker_session_id
        order by event_number
        rows unbounded preceding
    )

),

-- A visit that never pauses is cut each time that it has lasted for a longest session.
starts_flagged as (

    select
        *,
        is_after_pause
        or is_new_campaign
        or {{ longest_sessions_between(
            "visit_started_at", "occurred_at", "longest_session_seconds"
        ) }}
        > {{ longest_sessions_between(
            "visit_started_at", "previous_occurred_at", "longest_session_seconds"
        ) }} as is_session_start

    from visits_dated

),

starts_followed as (

    select
        event_key,
        user_id,
        tracker_session_id,
        event_number,
        lane_event_number,
        occurred_at,
        previous_occurred_at,
        visit_started_at,
        is_session_start,
        case when is_new_campaign and not is_after_pause then campaign_mark end
            as campaign_mark,
        max(case when is_session_start then event_number end) over (
            partition by
                user_id,
                tracker_session_id
            order by event_number
            rows unbounded preceding
        ) as first_event_number

    from starts_flagged

),

-- Named for its start, so that an event that comes late renames no later session. By
-- the timeout no two sessions of a person start in the same second: it is a minute or
-- more; those of a tracker bear its mark, and those that begin with a campaign that of
-- the event that brought it.
sessions_named as (

    select
        session_starts.user_id,
        session_starts.event_number as first_event_number,
        session_starts.lane_event_number as first_lane_event_number,
        session_starts.user_id
        || '-'
        || {{ seconds_since_1970('session_starts.occurred_at') }}
        || coalesce('-' || substr(md5(session_starts.tracker_session_id), 1, 8), '')
        || coalesce('-' || session_starts.campaign_mark, '') as session_id,
        row_number() over (
            partition by session_starts.user_id
            order by session_starts.event_number
        ) as session_number,
        session_starts.occurred_at > session_starts.visit_started_at as is_continuation,
        persons_touched.session_events_hash

    from starts_followed as session_starts

    inner join persons_touched
        on session_starts.user_id = persons_touched.user_id

    where session_starts.is_session_start

),

sessionized as (

    select
        -- ids
        events.event_key,
        events.user_id,
        sessions_named.session_id,
        events.tracker_session_id,

        -- numerics
        sessions_named.session_number,
        events.event_number,
        events.lane_event_number
        - sessions_named.first_lane_event_number
        + 1 as session_event_number,
        case
            when not events.is_session_start
                then {{ seconds_between(
                    'events.previous_occurred_at', 'events.occurred_at'
                ) }}
        end as idle_seconds,
        sessions_named.session_events_hash,

        -- booleans
        sessions_named.is_continuation,

        -- timestamps
        events.occurred_at

    from starts_followed as events

    inner join sessions_named
        on
            events.user_id = sessions_named.user_id
            and events.first_event_number = sessions_named.first_event_number

)

select * from sessionized
