with

session_events as (

    select * from {{ ref('int_events_sessionized') }}

),

events as (

    select * from {{ ref('int_events_identified') }}

),

orders as (

    select * from {{ ref('int_orders_unified') }}

),

purchases as (

    select * from {{ ref('int_purchases_linked') }}

),

events_summarized as (

    select
        session_events.session_id,
        session_events.user_id,
        session_events.session_number,
        min(session_events.occurred_at) as started_at,
        max(session_events.occurred_at) as ended_at,
        count(*) as n_events,
        count(*) filter (where events.event_type = 'page_view') as n_page_views,
        count(*) filter (where events.event_type = 'product_view') as n_product_views,
        count(*) filter (where events.event_type = 'add_to_cart') as n_add_to_carts,
        max(
            case
                when events.event_type = 'add_to_cart' then session_events.occurred_at
            end
        ) as last_added_to_cart_at,
        min(
            case when events.channel is not null then session_events.event_number end
        ) as traffic_event_number,
        min_by(
            events.page_path,
            case when events.page_path is not null then session_events.event_number end
        ) as landing_page,
        max_by(
            events.page_path,
            case when events.page_path is not null then session_events.event_number end
        ) as exit_page,
        min_by(
            events.device_type,
            case
                when events.device_type is not null then session_events.event_number
            end
        ) as device_type

    from session_events

    inner join events
        on session_events.event_key = events.event_key

    group by
        session_events.session_id,
        session_events.user_id,
        session_events.session_number

),

traffic_sources as (

    select
        session_events.user_id,
        session_events.event_number,
        events.channel,
        events.traffic_source,
        events.traffic_medium,
        events.traffic_campaign

    from session_events

    inner join events
        on session_events.event_key = events.event_key

    where events.channel is not null

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

    select distinct events_summarized.session_id

    from events_summarized

    inner join moments_of_buying
        on
            events_summarized.user_id = moments_of_buying.user_id
            and events_summarized.last_added_to_cart_at <= moments_of_buying.bought_at
            and events_summarized.ended_at + interval '24' hour
            >= moments_of_buying.bought_at

),

united as (

    select
        events_summarized.*,
        traffic_sources.channel,
        traffic_sources.traffic_source,
        traffic_sources.traffic_medium,
        traffic_sources.traffic_campaign,
        coalesce(orders_summarized.n_orders_placed, 0) as n_orders_placed,
        coalesce(orders_summarized.n_orders, 0) as n_orders,
        coalesce(orders_summarized.revenue, 0) as revenue,
        carts_bought.session_id is not null as is_cart_bought,
        {{ seconds_between(
            'events_summarized.started_at', 'events_summarized.ended_at'
        ) }} as duration_seconds

    from events_summarized

    left join traffic_sources
        on
            events_summarized.user_id = traffic_sources.user_id
            and events_summarized.traffic_event_number = traffic_sources.event_number

    left join orders_summarized
        on events_summarized.session_id = orders_summarized.session_id

    left join carts_bought
        on events_summarized.session_id = carts_bought.session_id

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

        -- numerics
        session_number,
        duration_seconds,
        n_events,
        n_page_views,
        n_product_views,
        n_add_to_carts,
        n_orders,
        {{ money('revenue') }} as revenue,

        -- booleans
        n_events = 1 as is_bounce,
        duration_seconds >= 10
        or n_page_views + n_product_views >= 2
        or n_orders_placed > 0 as is_engaged,
        n_add_to_carts > 0 and not is_cart_bought as has_abandoned_cart,

        -- timestamps
        started_at,
        ended_at

    from united

)

select * from listed
