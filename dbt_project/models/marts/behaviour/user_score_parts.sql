with

users as (

    select * from {{ ref('users') }}

),

user_features as (

    select * from {{ ref('user_features') }}

),

user_rfm as (

    select * from {{ ref('user_rfm') }}

),

user_traits as (

    select * from {{ ref('int_user_traits_valued') }}

),

score_parts as (

    select * from {{ ref('score_parts') }}

),

settings as (

    select
        {{ part_settings('recency') }},
        {{ part_settings('active_days') }},
        {{ part_settings('visits') }},
        {{ part_settings('session_depth') }},
        {{ part_settings('session_minutes') }},
        {{ part_settings('emails_opened') }},
        {{ part_settings('orders') }},
        {{ part_settings('rfm_recency') }},
        {{ part_settings('rfm_frequency') }},
        {{ part_settings('rfm_monetary') }},
        {{ part_settings('product_views') }},
        {{ part_settings('cart_additions') }},
        {{ part_settings('cart_abandonment') }},
        {{ part_settings('returned') }},
        {{ part_settings('categories') }},
        {{ part_settings('channels') }},
        {{ part_settings('devices') }},
        {{ part_settings('visit_rhythm') }},
        {{ part_settings('country') }},
        {{ part_settings('recognised') }},
        {{ part_settings('profile_completeness') }},
        {{ part_settings('email_domain') }},
        {{ part_settings('age_band') }}

    from score_parts

),

-- Null is what is not known of a person, also where a feature is imputed.
measured as (

    select
        users.user_id,

        -- engagement
        case
            when users.last_seen_at is not null then user_features.recency_days
        end as recency,
        user_features.active_days,
        user_features.n_sessions as visits,
        case
            when user_features.n_sessions > 0 then user_features.events_per_session
        end as session_depth,
        case
            when user_features.n_sessions > 0 then user_features.session_minutes_mean
        end as session_minutes,
        user_features.n_emails_opened as emails_opened,
        user_features.n_orders as orders,

        -- behaviour
        user_rfm.recency_score / 5e0 as rfm_recency,
        user_rfm.frequency_score / 5e0 as rfm_frequency,
        user_rfm.monetary_score / 5e0 as rfm_monetary,
        case
            when user_features.n_sessions > 0
                then user_features.product_views_per_session
        end as product_views,
        case
            when user_features.n_sessions > 0
                then user_features.add_to_carts_per_session
        end as cart_additions,
        case
            when user_features.add_to_carts_per_session > 0
                then user_features.cart_abandonment_share
        end as cart_abandonment,
        case
            when
                user_features.n_orders > 0
                and user_features.has_order_value = 1
                then user_features.returned_share
        end as returned,
        user_features.n_categories as categories,

        -- context
        user_traits.channels_value as channels,
        case
            when user_features.has_devices = 1
                then 1 - abs(2 * user_features.mobile_share - 1)
        end as devices,
        case
            when user_features.active_days > 0
                then user_features.active_days / (user_features.tenure_days + 30e0)
        end as visit_rhythm,
        user_traits.country_value as country,
        case when users.is_identified then 1 else 0 end as recognised,

        -- demographics
        (
            case when users.country is not null then 1 else 0 end
            + case when users.age_band is not null then 1 else 0 end
            + case when users.email_domain_class is not null then 1 else 0 end
        ) / 3e0 as profile_completeness,
        user_traits.email_domain_value as email_domain,
        user_traits.age_band_value as age_band

    from users

    inner join user_features
        on users.user_id = user_features.user_id

    inner join user_traits
        on users.user_id = user_traits.user_id

    left join user_rfm
        on users.user_id = user_rfm.user_id

),

directed as (

    select
        measured.user_id,
        measured.recency * settings.recency_sign as recency,
        measured.active_days * settings.active_days_sign as active_days,
        measured.visits * settings.visits_sign as visits,
        measured.session_depth * settings.session_depth_sign as session_depth,
        measured.session_minutes * settings.session_minutes_sign as session_minutes,
        measured.emails_opened * settings.emails_opened_sign as emails_opened,
        measured.orders * settings.orders_sign as orders,
        measured.product_views * settings.product_views_sign as product_views,
        measured.cart_additions * settings.cart_additions_sign as cart_additions,
        measured.categories * settings.categories_sign as categories,
        measured.visit_rhythm * settings.visit_rhythm_sign as visit_rhythm,
        {{ directed_share('rfm_recency') }} as rfm_recency_value,
        {{ directed_share('rfm_frequency') }} as rfm_frequency_value,
        {{ directed_share('rfm_monetary') }} as rfm_monetary_value,
        {{ directed_share('cart_abandonment') }} as cart_abandonment_value,
        {{ directed_share('returned') }} as returned_value,
        {{ directed_share('channels') }} as channels_value,
        {{ directed_share('devices') }} as devices_value,
        {{ directed_share('country') }} as country_value,
        {{ directed_share('recognised') }} as recognised_value,
        {{ directed_share('profile_completeness') }} as profile_completeness_value,
        {{ directed_share('email_domain') }} as email_domain_value,
        {{ directed_share('age_band') }} as age_band_value

    from measured

    cross join settings

),

valued as (

    select
        *,
        {{ rank_value('recency') }} as recency_value,
        {{ rank_value('active_days') }} as active_days_value,
        {{ rank_value('visits') }} as visits_value,
        {{ rank_value('session_depth') }} as session_depth_value,
        {{ rank_value('session_minutes') }} as session_minutes_value,
        {{ rank_value('emails_opened') }} as emails_opened_value,
        {{ rank_value('orders') }} as orders_value,
        {{ rank_value('product_views') }} as product_views_value,
        {{ rank_value('cart_additions') }} as cart_additions_value,
        {{ rank_value('categories') }} as categories_value,
        {{ rank_value('visit_rhythm') }} as visit_rhythm_value

    from directed

),

points_given as (

    select
        -- ids
        valued.user_id,

        -- numerics: engagement
        valued.recency_value,
        {{ part_points('recency') }},
        valued.active_days_value,
        {{ part_points('active_days') }},
        valued.visits_value,
        {{ part_points('visits') }},
        valued.session_depth_value,
        {{ part_points('session_depth') }},
        valued.session_minutes_value,
        {{ part_points('session_minutes') }},
        valued.emails_opened_value,
        {{ part_points('emails_opened') }},
        valued.orders_value,
        {{ part_points('orders') }},

        -- numerics: behaviour
        valued.rfm_recency_value,
        {{ part_points('rfm_recency') }},
        valued.rfm_frequency_value,
        {{ part_points('rfm_frequency') }},
        valued.rfm_monetary_value,
        {{ part_points('rfm_monetary') }},
        valued.product_views_value,
        {{ part_points('product_views') }},
        valued.cart_additions_value,
        {{ part_points('cart_additions') }},
        valued.cart_abandonment_value,
        {{ part_points('cart_abandonment') }},
        valued.returned_value,
        {{ part_points('returned') }},
        valued.categories_value,
        {{ part_points('categories') }},

        -- numerics: context
        valued.channels_value,
        {{ part_points('channels') }},
        valued.devices_value,
        {{ part_points('devices') }},
        valued.visit_rhythm_value,
        {{ part_points('visit_rhythm') }},
        valued.country_value,
        {{ part_points('country') }},
        valued.recognised_value,
        {{ part_points('recognised') }},

        -- numerics: demographics
        valued.profile_completeness_value,
        {{ part_points('profile_completeness') }},
        valued.email_domain_value,
        {{ part_points('email_domain') }},
        valued.age_band_value,
        {{ part_points('age_band') }},

        -- numerics: how much is known
        {{ unknown_parts([
            'recency',
            'session_depth',
            'session_minutes',
            'rfm_recency',
            'rfm_frequency',
            'rfm_monetary',
            'product_views',
            'cart_additions',
            'cart_abandonment',
            'returned',
            'channels',
            'devices',
            'visit_rhythm',
            'country',
            'email_domain',
            'age_band'
        ]) }} as n_unknown_parts

    from valued

    cross join settings

)

select * from points_given
