with

events as (

    select * from {{ ref('stg_events') }}

),

copies_dropped as (

    select * from {{ ref('int_event_copies_ranked') }}

    where copy_number > 1

),

user_agents as (

    select * from {{ ref('int_user_agents_classified') }}

),

kept as (

    select events.* from events

    anti join copies_dropped
        on events.event_key = copies_dropped.event_key

),

bots_flagged as (

    select
        -- ids
        kept.event_key,
        case
            when kept.event_id is not null then kept.event_id
            when kept.namespace = '' then kept.content_hash
            else kept.namespace || ':' || kept.content_hash
        end as event_id,
        kept.user_id,
        kept.anonymous_id,

        -- booleans
        coalesce(user_agents.is_bot, false) as is_bot,

        -- timestamps
        kept.occurred_at

    from kept

    left join user_agents
        on kept.user_agent = user_agents.user_agent

)

select * from bots_flagged
