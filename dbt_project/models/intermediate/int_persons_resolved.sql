with

events as (

    select * from {{ ref('int_events_deduplicated') }}

),

anonymous_ids as (

    select
        anonymous_id,
        count(*) as n_users,
        min(user_id) as user_id

    from {{ ref('int_identifiers_paired') }}

    group by anonymous_id

),

-- Only what several people share needs a look at who was there before and after.
shared_devices_followed as (

    select
        events.event_key,
        coalesce(
            {{ latest_known('events.user_id', 'device_history') }},
            {{ next_known('events.user_id', 'device_history') }}
        ) as user_id

    from events

    inner join anonymous_ids
        on events.anonymous_id = anonymous_ids.anonymous_id

    where
        anonymous_ids.n_users > 1
        and not events.is_bot

    window device_history as (
        partition by events.anonymous_id
        order by
            events.occurred_at,
            events.event_id,
            events.event_key
    )

),

resolved as (

    select
        events.event_key,
        events.event_id,
        case
            when events.user_id is not null then events.user_id
            when events.is_bot then events.anonymous_id
            else coalesce(
                shared_devices_followed.user_id,
                anonymous_ids.user_id,
                events.anonymous_id
            )
        end as user_id,
        events.is_bot,
        events.user_id is not null
        or (anonymous_ids.user_id is not null and not events.is_bot) as is_identified

    from events

    left join anonymous_ids
        on events.anonymous_id = anonymous_ids.anonymous_id

    left join shared_devices_followed
        on events.event_key = shared_devices_followed.event_key

)

select * from resolved
