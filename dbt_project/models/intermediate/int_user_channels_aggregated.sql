with

sessions as (

    select * from {{ ref('int_sessions_summarized') }}

),

channels_counted as (

    select
        user_id,
        coalesce(channel, 'direct') as channel,
        count(*) as n_sessions

    from sessions

    group by
        user_id,
        coalesce(channel, 'direct')

)

select * from channels_counted
