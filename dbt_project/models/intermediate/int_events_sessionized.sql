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

gaps_measured as (

    select
        *,
        lag(occurred_at) over lane_history as previous_occurred_at,
        row_number() over lane_history as lane_event_number

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

-- Of the few events that bear one: to look back from each event for the last campaign
-- takes DuckDB a time that grows with the square of a person's events (2026-11).
campaigns_followed as (

    select
        event_key,
        campaign <> coalesce(lag(campaign) over lane_history, '') as is_new_campaign

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
        coalesce(campaigns_followed.is_new_campaign, false) as is_new_campaign

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
        order by
            occurred_at,
            event_id,
            event_key
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

starts_counted as (

    select
        *,
        case
            when is_session_start
                then count(case when is_session_start then 1 end) over person_history
        end as start_number,
        count(*) over person_history as event_number

    from starts_flagged

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
        *,
        max(case when is_session_start then occurred_at end) over (
            lane_history rows unbounded preceding
        ) as started_at,
        max(start_number) over (lane_history rows unbounded preceding)
            as session_number,
        max(case when is_session_start then lane_event_number end) over (
            lane_history rows unbounded preceding
        ) as first_lane_event_number,
        {{ latest_known(
            "case when is_session_start then case when is_after_pause then ''"
            ~ " when is_new_campaign then '-' || substr(md5(event_id), 1, 8)"
            ~ " else '' end end",
            "lane_history"
        ) }} as campaign_mark

    from starts_counted

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

-- Named for its start, so that an event that comes late renames no later session. By
-- the timeout no two sessions of a person start in the same second: it is a minute or
-- more; those of a tracker bear its mark, and those that begin with a campaign that of
-- the event that brought it.
sessions_named as (

    select
        -- ids
        numbered.event_key,
        numbered.user_id,
        numbered.user_id
        || '-'
        || {{ seconds_since_1970('numbered.started_at') }}
        || coalesce('-' || substr(md5(numbered.tracker_session_id), 1, 8), '')
        || numbered.campaign_mark as session_id,
        numbered.tracker_session_id,

        -- numerics
        numbered.session_number,
        numbered.event_number,
        numbered.lane_event_number
        - numbered.first_lane_event_number
        + 1 as session_event_number,
        case
            when not numbered.is_session_start
                then {{ seconds_between(
                    'numbered.previous_occurred_at', 'numbered.occurred_at'
                ) }}
        end as idle_seconds,
        persons_touched.session_events_hash,

        -- booleans
        numbered.started_at > numbered.visit_started_at as is_continuation,

        -- timestamps
        numbered.occurred_at

    from sessions_numbered as numbered

    inner join persons_touched
        on numbered.user_id = persons_touched.user_id

)

select * from sessions_named
