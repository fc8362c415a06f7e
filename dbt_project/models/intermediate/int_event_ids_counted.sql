with

events as (

    select * from {{ ref('int_events_deduplicated') }}

),

-- Ids are much fewer than events: what asks for no more than them reads these.
counted as (

    select
        -- ids
        user_id,
        anonymous_id,

        -- strings
        namespace,

        -- numerics
        count(*) as n_events,

        -- booleans
        is_bot,

        -- timestamps
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at

    from events

    group by
        user_id,
        anonymous_id,
        namespace,
        is_bot

)

select * from counted
