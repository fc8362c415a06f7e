with

events_summarized as (

    select * from {{ ref('int_person_events_summarized') }}

),

sessions as (

    select * from {{ ref('sessions') }}

),

orders as (

    select * from {{ ref('int_orders_unified') }}

    where user_id is not null

),

persons as (

    select * from {{ ref('int_persons_listed') }}

),

sessions_summarized as (

    select
        user_id,
        count(*) as n_sessions

    from sessions

    group by user_id

),

orders_summarized as (

    select
        user_id,
        count(*) filter (where not is_cancelled) as n_orders,
        sum(revenue) as revenue,
        min(ordered_at) as first_seen_at,
        max(ordered_at) as last_seen_at

    from orders

    group by user_id

),

listed as (

    select
        -- ids
        persons.user_id,

        -- strings
        persons.country,
        persons.device_type,
        persons.age_band,
        persons.email_domain_class,
        persons.attributes,

        -- numerics
        coalesce(events_summarized.n_events, 0) as n_events,
        coalesce(sessions_summarized.n_sessions, 0) as n_sessions,
        coalesce(orders_summarized.n_orders, 0) as n_orders,
        {{ money('coalesce(orders_summarized.revenue, 0)') }} as revenue,
        persons.n_profile_conflicts,

        -- booleans
        persons.is_identified,

        -- timestamps
        least(
            events_summarized.first_seen_at,
            orders_summarized.first_seen_at,
            persons.signed_up_at
        ) as first_seen_at,
        greatest(
            events_summarized.last_seen_at,
            orders_summarized.last_seen_at,
            persons.signed_up_at
        ) as last_seen_at

    from persons

    left join events_summarized
        on persons.user_id = events_summarized.user_id

    left join sessions_summarized
        on persons.user_id = sessions_summarized.user_id

    left join orders_summarized
        on persons.user_id = orders_summarized.user_id

)

select * from listed
