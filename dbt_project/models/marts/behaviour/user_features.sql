with

users as (

    select * from {{ ref('users') }}

),

user_days as (

    select * from {{ ref('int_user_days_summed') }}

),

sessions as (

    select * from {{ ref('sessions') }}

),

user_channels as (

    select * from {{ ref('int_user_channels_aggregated') }}

),

user_categories as (

    select * from {{ ref('int_user_categories_aggregated') }}

),

user_prices as (

    select * from {{ ref('int_user_prices_aggregated') }}

),

sessions_summed as (

    select
        user_id,
        sum(n_events - n_pings) as n_session_events,
        sum(duration_seconds) as duration_seconds,
        sum(engaged_seconds) as engaged_seconds,
        sum(n_product_views) as n_product_views,
        sum(n_searches) as n_searches,
        sum(n_add_to_carts) as n_add_to_carts,
        count_if(is_bounce) as n_bounces,
        count_if(is_engaged) as n_engaged_sessions,
        count_if(n_orders > 0) as n_order_sessions,
        count_if(n_add_to_carts > 0) as n_cart_sessions,
        count_if(has_abandoned_cart) as n_abandoned_carts,
        count_if(n_begin_checkouts > 0) as n_checkout_sessions,
        count_if(n_begin_checkouts > 0 and furthest_step <> 'purchase')
            as n_abandoned_checkouts

    from sessions

    group by user_id

),

channels_shared as (

    select
        user_id,
        channel,
        n_sessions,
        cast(n_sessions as double)
        / sum(n_sessions) over (partition by user_id) as part

    from user_channels

),

channels_summed as (

    select
        user_id,
        sum(case when channel = 'direct' then n_sessions else 0 end)
            as n_direct_sessions,
        sum(
            case
                when
                    starts_with(channel, 'paid_')
                    or channel in ('display', 'cross_network')
                    then n_sessions
                else 0
            end
        ) as n_paid_sessions,
        sum(case when starts_with(channel, 'organic_') then n_sessions else 0 end)
            as n_organic_sessions,
        sum(case when channel = 'email' then n_sessions else 0 end) as n_email_sessions,
        sum(
            case when channel in ('referral', 'affiliates') then n_sessions else 0 end
        ) as n_referral_sessions,
        {{ entropy('part') }} as channel_entropy

    from channels_shared

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
        max(part) as top_category_share,
        {{ entropy('part') }} as category_entropy

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
        coalesce(recency_days, max(tenure_days) over (), 0) as recency_days,
        tenure_days is not null as was_seen

    from users_dated

),

-- Of the 90 days before the last 30, those since the person was first seen. A few are
-- no habit: on the first of them the person came by definition.
users_compared as (

    select
        *,
        case
            when was_seen and tenure_days >= 60 then least(tenure_days - 30, 90)
        end as earlier_days

    from users_aged

),

features_listed as (

    select
        -- ids
        users_compared.user_id,

        -- numerics: when
        users_compared.recency_days,
        users_compared.tenure_days,
        cast(coalesce(user_days.active_days, 0) as bigint) as active_days,
        cast(coalesce(user_days.active_days, 0) as double)
        / greatest(users_compared.tenure_days, user_days.active_days, 1)
            as active_day_share,
        coalesce(user_days.visit_irregularity, 1) as visit_irregularity,
        {{ recent_ratio(
            'user_days.recent_active_days',
            'user_days.earlier_active_days',
            'users_compared.earlier_days'
        ) }} as recent_activity_ratio,
        {{ recent_ratio(
            'user_days.n_recent_orders',
            'user_days.n_earlier_orders',
            'users_compared.earlier_days'
        ) }} as recent_order_ratio,
        {{ ratio('user_days.n_night_activities', 'user_days.n_activities') }}
            as night_share,
        {{ ratio('user_days.n_morning_activities', 'user_days.n_activities') }}
            as morning_share,
        {{ ratio('user_days.n_afternoon_activities', 'user_days.n_activities') }}
            as afternoon_share,
        {{ ratio('user_days.n_evening_activities', 'user_days.n_activities') }}
            as evening_share,
        {{ ratio('user_days.n_weekend_activities', 'user_days.n_activities') }}
            as weekend_share,
        {{ ratio('user_days.n_q1_activities', 'user_days.n_activities') }} as q1_share,
        {{ ratio('user_days.n_q2_activities', 'user_days.n_activities') }} as q2_share,
        {{ ratio('user_days.n_q3_activities', 'user_days.n_activities') }} as q3_share,
        {{ ratio('user_days.n_q4_activities', 'user_days.n_activities') }} as q4_share,

        -- numerics: visits
        users_compared.n_sessions,
        users_compared.n_events,
        {{ ratio('users_compared.n_sessions', 'user_days.active_days') }}
            as sessions_per_active_day,
        {{ ratio('sessions_summed.n_session_events', 'users_compared.n_sessions') }}
            as events_per_session,
        {{ ratio(
            'sessions_summed.duration_seconds', '60 * users_compared.n_sessions'
        ) }} as session_minutes_mean,
        {{ ratio(
            'sessions_summed.engaged_seconds', '60 * users_compared.n_sessions'
        ) }} as engaged_minutes_mean,
        {{ ratio('sessions_summed.n_bounces', 'users_compared.n_sessions') }}
            as bounce_share,
        {{ ratio('sessions_summed.n_engaged_sessions', 'users_compared.n_sessions') }}
            as engaged_session_share,
        {{ ratio('sessions_summed.n_product_views', 'users_compared.n_sessions') }}
            as product_views_per_session,
        {{ ratio('sessions_summed.n_searches', 'users_compared.n_sessions') }}
            as searches_per_session,
        {{ ratio('sessions_summed.n_add_to_carts', 'users_compared.n_sessions') }}
            as add_to_carts_per_session,
        {{ ratio('sessions_summed.n_order_sessions', 'users_compared.n_sessions') }}
            as conversion_share,
        {{ ratio(
            'sessions_summed.n_abandoned_carts', 'sessions_summed.n_cart_sessions'
        ) }} as cart_abandonment_share,
        {{ ratio(
            'sessions_summed.n_abandoned_checkouts',
            'sessions_summed.n_checkout_sessions'
        ) }} as checkout_abandonment_share,

        -- numerics: devices and channels
        {{ ratio('user_days.n_mobile_events', 'user_days.n_device_events') }}
            as mobile_share,
        {{ ratio('user_days.n_desktop_events', 'user_days.n_device_events') }}
            as desktop_share,
        {{ ratio('user_days.n_tablet_events', 'user_days.n_device_events') }}
            as tablet_share,
        {{ as_flag('user_days.n_mobile_events > 0') }}
        + {{ as_flag('user_days.n_desktop_events > 0') }}
        + {{ as_flag('user_days.n_tablet_events > 0') }}
        + {{ as_flag(
            'user_days.n_device_events > user_days.n_mobile_events '
            ~ '+ user_days.n_desktop_events + user_days.n_tablet_events'
        ) }} as n_device_types,
        {{ ratio('channels_summed.n_direct_sessions', 'users_compared.n_sessions') }}
            as direct_session_share,
        {{ ratio('channels_summed.n_paid_sessions', 'users_compared.n_sessions') }}
            as paid_session_share,
        {{ ratio('channels_summed.n_organic_sessions', 'users_compared.n_sessions') }}
            as organic_session_share,
        {{ ratio('channels_summed.n_email_sessions', 'users_compared.n_sessions') }}
            as email_session_share,
        {{ ratio('channels_summed.n_referral_sessions', 'users_compared.n_sessions') }}
            as referral_session_share,
        coalesce(channels_summed.channel_entropy, 0) as channel_entropy,

        -- numerics: e-mail
        coalesce(user_days.n_emails_opened, 0) as n_emails_opened,
        coalesce(user_days.n_emails_clicked, 0) as n_emails_clicked,
        {{ ratio(
            '30 * user_days.n_emails_opened', 'greatest(users_compared.tenure_days, 30)'
        ) }} as emails_opened_per_month,
        {{ ratio(
            'user_days.n_emails_clicked',
            'greatest(user_days.n_emails_opened, user_days.n_emails_clicked)'
        ) }} as email_click_to_open_share,
        coalesce(user_days.days_since_last_email, users_compared.tenure_days)
            as days_since_last_email,

        -- numerics: orders
        users_compared.n_orders,
        cast(users_compared.revenue as double) as revenue,
        {{ ratio('users_compared.revenue', 'users_compared.n_orders') }}
            as average_order_value,
        {{ ratio('user_days.n_items', 'users_compared.n_orders') }} as items_per_order,
        {{ ratio('users_compared.revenue', 'user_days.n_items') }}
            as average_unit_price,
        coalesce(user_days.days_since_last_order, users_compared.tenure_days)
            as days_since_last_order,
        {{ ratio(
            'user_days.days_since_first_order - user_days.days_since_last_order',
            'users_compared.n_orders - 1',
            otherwise='users_compared.tenure_days'
        ) }} as mean_days_between_orders,
        {{ ratio(
            'least(user_days.returned_value, user_days.ordered_value)',
            'user_days.ordered_value'
        ) }} as returned_share,

        -- numerics: categories and prices
        coalesce(categories_summed.n_categories, 0) as n_categories,
        coalesce(categories_summed.category_entropy, 0) as category_entropy,
        coalesce(categories_summed.top_category_share, 0) as top_category_share,
        coalesce(user_prices.viewed_price_level, 0.5e0) as viewed_price_level,
        coalesce(user_prices.bought_price_level, 0.5e0) as bought_price_level,
        coalesce(user_prices.viewed_price_level - user_prices.bought_price_level, 0)
            as price_level_gap,
        {{ ratio('user_prices.n_discounted_lines', 'user_prices.n_priced_lines') }}
            as discounted_share,
        coalesce(user_prices.discount_depth, 0) as discount_depth,

        -- numerics: 1 where there was something to measure, 0 where a value is imputed
        {{ as_flag('users_compared.was_seen') }} as has_been_seen,
        {{ as_flag('user_days.active_days > 0') }} as has_activity,
        {{ as_flag('user_days.visit_irregularity is not null') }} as has_visit_gaps,
        {{ as_flag('users_compared.earlier_days > 0') }} as has_earlier_days,
        {{ as_flag('users_compared.n_sessions > 0') }} as has_sessions,
        {{ as_flag('sessions_summed.n_cart_sessions > 0') }} as has_carts,
        {{ as_flag('sessions_summed.n_checkout_sessions > 0') }} as has_checkouts,
        {{ as_flag('user_days.n_device_events > 0') }} as has_devices,
        {{ as_flag('user_days.days_since_last_email is not null') }} as has_emails,
        {{ as_flag('users_compared.n_orders > 0') }} as has_ordered,
        {{ as_flag('users_compared.n_orders > 1') }} as has_ordered_again,
        {{ as_flag('user_days.n_items > 0') }} as has_items,
        {{ as_flag('user_days.ordered_value > 0') }}
            as has_order_value,
        {{ as_flag('categories_summed.n_categories > 0') }} as has_categories,
        {{ as_flag('user_prices.n_priced_views > 0') }} as has_viewed_prices,
        {{ as_flag('user_prices.n_levelled_lines > 0') }} as has_bought_prices,
        {{ as_flag('user_prices.n_priced_views * user_prices.n_levelled_lines > 0') }}
            as has_both_prices,
        {{ as_flag('user_prices.n_priced_lines > 0') }} as has_paid_prices,
        {{ as_flag('user_prices.n_discounted_lines > 0') }} as has_discounts

    from users_compared

    left join user_days
        on users_compared.user_id = user_days.user_id

    left join sessions_summed
        on users_compared.user_id = sessions_summed.user_id

    left join channels_summed
        on users_compared.user_id = channels_summed.user_id

    left join categories_summed
        on users_compared.user_id = categories_summed.user_id

    left join user_prices
        on users_compared.user_id = user_prices.user_id

)

select * from features_listed
