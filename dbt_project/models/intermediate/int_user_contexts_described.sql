with

sessions as (

    select * from {{ ref('int_sessions_summarized') }}

),

persons as (

    select * from {{ ref('int_persons_listed') }}

),

orders as (

    select * from {{ ref('int_orders_unified') }}

),

first_sessions as (

    select * from sessions

    where session_number = 1

),

visits_counted as (

    select
        user_id,
        count(*) as n_sessions,
        max(started_at) as last_session_at

    from sessions

    group by user_id

),

first_orders_dated as (

    select
        user_id,
        min(ordered_at) as first_ordered_at

    from orders

    where user_id is not null

    group by user_id

),

session_orders_summed as (

    select
        session_id,
        count(*) as n_orders,
        sum(revenue) as revenue

    from orders

    where
        session_id is not null
        and not is_cancelled

    group by session_id

),

described as (

    select
        -- ids
        first_sessions.user_id,

        -- strings
        first_sessions.device_type,
        first_sessions.os,
        first_sessions.browser,
        coalesce(first_sessions.channel, 'direct') as channel,
        persons.country,
        {{ daypart('first_sessions.started_at') }} as daypart,
        case
            when {{ iso_weekday('cast(first_sessions.started_at as date)') }} >= 6
                then 'weekend'
            else 'weekday'
        end as weekday_type,

        -- numerics
        first_sessions.duration_seconds,
        first_sessions.n_page_views,
        first_sessions.n_product_views,
        first_sessions.n_searches,
        first_sessions.n_add_to_carts,
        first_sessions.n_begin_checkouts,
        coalesce(session_orders_summed.n_orders, 0) as n_orders,
        {{ money('coalesce(session_orders_summed.revenue, 0)') }} as revenue,

        -- booleans
        visits_counted.n_sessions = 1
        and least(
            first_sessions.started_at,
            first_orders_dated.first_ordered_at,
            persons.signed_up_at
        ) > {{ as_of() }} - interval '{{ var("provisional_days") }}' day as is_new,
        visits_counted.last_session_at
        > {{ as_of() }} - interval '{{ var("provisional_days") }}' day as is_recent

    from first_sessions

    inner join visits_counted
        on first_sessions.user_id = visits_counted.user_id

    inner join persons
        on first_sessions.user_id = persons.user_id

    left join first_orders_dated
        on first_sessions.user_id = first_orders_dated.user_id

    left join session_orders_summed
        on first_sessions.session_id = session_orders_summed.session_id

)

select * from described
