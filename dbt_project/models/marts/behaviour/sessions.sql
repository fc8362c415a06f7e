with

sessions as (

    select * from {{ ref('int_sessions_summarized') }}

),

orders as (

    select * from {{ ref('int_orders_unified') }}

),

purchases as (

    select * from {{ ref('int_purchases_linked') }}

),

pings as (

    select * from {{ ref('int_session_pings_counted') }}

),

orders_summarized as (

    select
        session_id,
        count(*) as n_orders_placed,
        count(*) filter (where not is_cancelled) as n_orders,
        sum(revenue) as revenue

    from orders

    where session_id is not null

    group by session_id

),

moments_of_buying as (

    select
        user_id,
        ordered_at as bought_at

    from orders

    where user_id is not null

    union all

    select
        user_id,
        occurred_at as bought_at

    from purchases

),

carts_bought as (

    select distinct sessions.session_id

    from sessions

    inner join moments_of_buying
        on
            sessions.user_id = moments_of_buying.user_id
            and sessions.last_added_to_cart_at <= moments_of_buying.bought_at
            and sessions.ended_at + interval '24' hour >= moments_of_buying.bought_at

),

united as (

    select
        sessions.*,
        coalesce(orders_summarized.n_orders_placed, 0) as n_orders_placed,
        coalesce(orders_summarized.n_orders, 0) as n_orders,
        coalesce(orders_summarized.revenue, 0) as revenue,
        carts_bought.session_id is not null as is_cart_bought,
        case
            when sessions.n_events = pings.n_events then pings.engaged_seconds
            else sessions.engaged_seconds
        end as seconds_engaged

    from sessions

    left join orders_summarized
        on sessions.session_id = orders_summarized.session_id

    left join carts_bought
        on sessions.session_id = carts_bought.session_id

    left join pings
        on sessions.session_id = pings.session_id

),

listed as (

    select
        -- ids
        session_id,
        user_id,

        -- strings
        coalesce(channel, 'direct') as channel,
        coalesce(
            traffic_source, case when channel is null then '(direct)' end
        ) as source, -- noqa: RF04
        coalesce(
            traffic_medium, case when channel is null then '(none)' end
        ) as medium,
        traffic_campaign as campaign,
        landing_page,
        exit_page,
        device_type,
        os,
        browser,
        case
            when n_orders_placed + n_purchases > 0 then 'purchase'
            when n_begin_checkouts > 0 then 'begin_checkout'
            when n_add_to_carts > 0 then 'add_to_cart'
            when n_product_views > 0 then 'product_view'
            else 'visit'
        end as furthest_step,

        -- numerics
        session_number,
        duration_seconds,
        seconds_engaged as engaged_seconds,
        n_events,
        n_page_views,
        n_product_views,
        n_searches,
        n_add_to_carts,
        n_begin_checkouts,
        n_pings,
        n_orders,
        {{ money('revenue') }} as revenue,
        n_events_to_purchase,
        seconds_to_purchase,

        -- booleans
        n_events - n_pings <= 1 as is_bounce,
        duration_seconds >= 10
        or n_page_views + n_product_views >= 2
        or n_orders_placed > 0 as is_engaged,
        n_add_to_carts > 0 and not is_cart_bought as has_abandoned_cart,
        is_cut,
        is_continuation,

        -- timestamps
        started_at,
        ended_at

    from united

)

select * from listed
