with

users as (

    select * from {{ ref('users') }}

),

user_days as (

    select * from {{ ref('int_user_days_aggregated') }}

),

sessions as (

    select * from {{ ref('sessions') }}

),

user_categories as (

    select * from {{ ref('int_user_categories_aggregated') }}

),

days_dated as (

    select
        *,
        {{ whole_days('activity_date', as_of()) }} as days_ago

    from user_days

),

days_summed as (

    select
        user_id,
        count_if(n_activities > 0) as active_days,
        count_if(n_activities > 0 and days_ago <= 30) as recent_active_days,
        count_if(n_activities > 0 and days_ago > 30 and days_ago <= 120)
            as earlier_active_days,
        sum(n_activities) as n_activities,
        sum(n_evening_activities) as n_evening_activities,
        sum(n_activities) filter (where is_weekend) as n_weekend_activities,
        sum(n_mobile_events) as n_mobile_events,
        sum(n_device_events) as n_device_events,
        sum(n_emails_opened) as n_emails_opened,
        sum(n_items) as n_items,
        sum(returned_value) as returned_value,
        min(days_ago) filter (where n_orders > 0) as days_since_last_order,
        max(days_ago) filter (where n_orders > 0) as days_since_first_order

    from days_dated

    group by user_id

),

sessions_summed as (

    select
        user_id,
        sum(n_events) as n_session_events,
        sum(duration_seconds) as duration_seconds,
        sum(n_product_views) as n_product_views,
        sum(n_add_to_carts) as n_add_to_carts,
        count_if(n_add_to_carts > 0) as n_cart_sessions,
        count_if(has_abandoned_cart) as n_abandoned_carts

    from sessions

    group by user_id

),

categories_shared as (

    select
        user_id,
        cast(n_interactions as double)
        / sum(n_interactions) over (partition by user_id) as part

    from user_categories

    where n_interactions > 0

),

categories_summed as (

    select
        user_id,
        count(*) as n_categories,
        greatest(round(-sum(part * ln(part)) / ln(2), 9), 0) as category_entropy

    from categories_shared

    group by user_id

),

users_dated as (

    select
        user_id,
        n_sessions,
        n_events,
        n_orders,
        revenue,
        {{ whole_days('first_seen_at', as_of()) }} as tenure_days,
        {{ whole_days('last_seen_at', as_of()) }} as recency_days

    from users

),

-- Who was never seen doing anything, not even signing up, is as old as the oldest.
users_aged as (

    select
        user_id,
        n_sessions,
        n_events,
        n_orders,
        revenue,
        coalesce(tenure_days, max(tenure_days) over (), 0) as tenure_days,
        coalesce(recency_days, max(tenure_days) over (), 0) as recency_days

    from users_dated

),

features_listed as (

    select
        -- ids
        users_aged.user_id,

        -- numerics: when
        users_aged.recency_days,
        users_aged.tenure_days,
        cast(coalesce(days_summed.active_days, 0) as bigint) as active_days,
        (coalesce(days_summed.recent_active_days, 0) + 0.5e0) / 30
        / ((coalesce(days_summed.earlier_active_days, 0) + 1.5e0) / 90)
            as recent_activity_ratio,
        {{ ratio('days_summed.n_evening_activities', 'days_summed.n_activities') }}
            as evening_share,
        {{ ratio('days_summed.n_weekend_activities', 'days_summed.n_activities') }}
            as weekend_share,

        -- numerics: visits
        users_aged.n_sessions,
        users_aged.n_events,
        {{ ratio('sessions_summed.n_session_events', 'users_aged.n_sessions') }}
            as events_per_session,
        {{ ratio('sessions_summed.duration_seconds', '60 * users_aged.n_sessions') }}
            as session_minutes_mean,
        {{ ratio('sessions_summed.n_product_views', 'users_aged.n_sessions') }}
            as product_views_per_session,
        {{ ratio('sessions_summed.n_add_to_carts', 'users_aged.n_sessions') }}
            as add_to_carts_per_session,
        {{ ratio(
            'sessions_summed.n_abandoned_carts', 'sessions_summed.n_cart_sessions'
        ) }} as cart_abandonment_share,
        {{ ratio('days_summed.n_mobile_events', 'days_summed.n_device_events') }}
            as mobile_share,
        cast(coalesce(days_summed.n_emails_opened, 0) as bigint) as n_emails_opened,

        -- numerics: orders
        case when users_aged.n_orders > 0 then 1 else 0 end as has_ordered,
        users_aged.n_orders,
        cast(users_aged.revenue as double) as revenue,
        {{ ratio('users_aged.revenue', 'users_aged.n_orders') }} as average_order_value,
        {{ ratio('days_summed.n_items', 'users_aged.n_orders') }} as items_per_order,
        {{ ratio('users_aged.revenue', 'days_summed.n_items') }} as average_unit_price,
        coalesce(days_summed.days_since_last_order, users_aged.tenure_days)
            as days_since_last_order,
        {{ ratio(
            'days_summed.days_since_first_order - days_summed.days_since_last_order',
            'users_aged.n_orders - 1',
            otherwise='users_aged.tenure_days'
        ) }} as mean_days_between_orders,
        {{ ratio(
            'days_summed.returned_value',
            'users_aged.revenue + days_summed.returned_value'
        ) }} as returned_share,

        -- numerics: categories
        coalesce(categories_summed.n_categories, 0) as n_categories,
        coalesce(categories_summed.category_entropy, 0) as category_entropy

    from users_aged

    left join days_summed
        on users_aged.user_id = days_summed.user_id

    left join sessions_summed
        on users_aged.user_id = sessions_summed.user_id

    left join categories_summed
        on users_aged.user_id = categories_summed.user_id

)

select * from features_listed
