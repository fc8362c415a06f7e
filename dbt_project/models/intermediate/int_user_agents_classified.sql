with

user_agents as (

    select distinct user_agent from {{ ref('stg_events') }}

    where user_agent is not null

),

classified as (

    select
        user_agent,
        {{ user_agent_device('user_agent') }} as device_type,
        {{ is_known_bot('user_agent') }} as is_bot

    from user_agents

)

select * from classified
