{# What is wrong with the seed of weights, in words. #}
with

weights as (

    select * from {{ ref('score_weights') }}

),

parts_known as (

    select
        known.score,
        known.part

    from (
        values
        ('engagement', 'recency'),
        ('engagement', 'active_days'),
        ('engagement', 'visits'),
        ('engagement', 'session_depth'),
        ('engagement', 'session_minutes'),
        ('engagement', 'emails_opened'),
        ('engagement', 'orders'),
        ('behaviour', 'rfm_recency'),
        ('behaviour', 'rfm_frequency'),
        ('behaviour', 'rfm_monetary'),
        ('behaviour', 'product_views'),
        ('behaviour', 'cart_additions'),
        ('behaviour', 'cart_abandonment'),
        ('behaviour', 'returned'),
        ('behaviour', 'categories'),
        ('context', 'channels'),
        ('context', 'devices'),
        ('context', 'visit_rhythm'),
        ('context', 'country'),
        ('context', 'recognised'),
        ('demographics', 'profile_completeness'),
        ('demographics', 'email_domain'),
        ('demographics', 'age_band'),
        ('composite', 'engagement'),
        ('composite', 'behaviour'),
        ('composite', 'context'),
        ('composite', 'demographics')
    ) as known (score, part)

),

parts_compared as (

    select
        coalesce(weights.score, parts_known.score) as score,
        coalesce(weights.part, parts_known.part) as part,
        case
            when parts_known.part is null then 'is not computed for this score'
            when weights.part is null then 'is missing: a weight of 0 leaves it out'
            when coalesce(weights.weight, -1) < 0
                then 'has no weight of 0 or more'
            when coalesce(weights.direction, '') not in ('higher', 'lower')
                then 'is neither higher nor lower'
            when coalesce(weights.when_unknown, 2) not between 0 and 1
                then 'has no value from 0 to 1 when unknown'
        end as fault

    from weights

    full outer join parts_known
        on
            weights.score = parts_known.score
            and weights.part = parts_known.part

),

scores_summed as (

    select
        score,
        '*' as part,
        'has no weight at all' as fault

    from weights

    group by score

    having sum(weight) = 0

)

select * from parts_compared
where fault is not null

union all

select * from scores_summed
