with

user_score_parts as (

    select * from {{ ref('user_score_parts') }}

),

score_parts as (

    select * from {{ ref('score_parts') }}

),

settings as (

    select
        {{ part_settings('engagement') }},
        {{ part_settings('behaviour') }},
        {{ part_settings('context') }},
        {{ part_settings('demographics') }}

    from score_parts

),

parts_summed as (

    select
        user_id,
        n_unknown_parts,
        recency_points
        + active_days_points
        + visits_points
        + session_depth_points
        + session_minutes_points
        + emails_opened_points
        + orders_points
            as engagement_score,
        rfm_recency_points
        + rfm_frequency_points
        + rfm_monetary_points
        + product_views_points
        + cart_additions_points
        + cart_abandonment_points
        + returned_points
        + categories_points
            as behaviour_score,
        channels_points
        + devices_points
        + visit_rhythm_points
        + country_points
        + recognised_points
            as context_score,
        profile_completeness_points
        + email_domain_points
        + age_band_points
            as demographics_score

    from user_score_parts

),

scores_valued as (

    select
        parts_summed.*,
        settings.*,
        parts_summed.engagement_score / 100 as engagement,
        parts_summed.behaviour_score / 100 as behaviour,
        parts_summed.context_score / 100 as context,
        parts_summed.demographics_score / 100 as demographics

    from parts_summed

    cross join settings

),

scores_directed as (

    select
        *,
        {{ directed_share('engagement') }} as engagement_value,
        {{ directed_share('behaviour') }} as behaviour_value,
        {{ directed_share('context') }} as context_value,
        {{ directed_share('demographics') }} as demographics_value

    from scores_valued

),

scores_mixed as (

    select
        *,
        {{ part_points('engagement') }},
        {{ part_points('behaviour') }},
        {{ part_points('context') }},
        {{ part_points('demographics') }}

    from scores_directed

),

scores_listed as (

    select
        -- ids
        user_id,

        -- numerics: scores
        cast(engagement_score as decimal(5, 2)) as engagement_score,
        cast(behaviour_score as decimal(5, 2)) as behaviour_score,
        cast(context_score as decimal(5, 2)) as context_score,
        cast(demographics_score as decimal(5, 2)) as demographics_score,
        cast(
            engagement_points + behaviour_points + context_points + demographics_points
            as decimal(5, 2)
        ) as composite_score,

        -- numerics: points of the composite score
        engagement_points,
        behaviour_points,
        context_points,
        demographics_points,
        n_unknown_parts

    from scores_mixed

)

select * from scores_listed
