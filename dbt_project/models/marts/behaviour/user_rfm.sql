with

orders as (

    select * from {{ ref('orders') }}

    where
        not is_cancelled
        and user_id is not null

),

segments_named as (

    select * from {{ ref('rfm_segments') }}

),

measured as (

    select
        user_id,
        {{ whole_days('max(ordered_at)', as_of()) }} as recency_days,
        count(*) as frequency,
        {{ money('sum(revenue)') }} as monetary_value

    from orders

    group by user_id

),

quantiles_found as (

    select
        {{ fifth('recency_days', 1) }} as recency_days_q1,
        {{ fifth('recency_days', 2) }} as recency_days_q2,
        {{ fifth('recency_days', 3) }} as recency_days_q3,
        {{ fifth('recency_days', 4) }} as recency_days_q4,
        {{ fifth('frequency', 1) }} as frequency_q1,
        {{ fifth('frequency', 2) }} as frequency_q2,
        {{ fifth('frequency', 3) }} as frequency_q3,
        {{ fifth('frequency', 4) }} as frequency_q4,
        {{ fifth('monetary_value', 1) }} as monetary_value_q1,
        {{ fifth('monetary_value', 2) }} as monetary_value_q2,
        {{ fifth('monetary_value', 3) }} as monetary_value_q3,
        {{ fifth('monetary_value', 4) }} as monetary_value_q4

    from measured

),

scored as (

    select
        measured.user_id,
        measured.recency_days,
        measured.frequency,
        measured.monetary_value,
        6 - ({{ rfm_score('recency_days') }}) as recency_score,
        {{ rfm_score('frequency') }} as frequency_score,
        {{ rfm_score('monetary_value') }} as monetary_score

    from measured

    cross join quantiles_found

),

segments_matched as (

    select
        scored.user_id,
        min_by(segments_named.rfm_segment, segments_named.segment_rank) as rfm_segment

    from scored

    inner join segments_named
        on
            scored.recency_score between
            segments_named.min_recency_score and segments_named.max_recency_score
            and scored.frequency_score between
            segments_named.min_frequency_score and segments_named.max_frequency_score
            and scored.monetary_score between
            segments_named.min_monetary_score and segments_named.max_monetary_score

    group by scored.user_id

),

scores_named as (

    select
        -- ids
        scored.user_id,

        -- strings
        cast(scored.recency_score as string)
        || cast(scored.frequency_score as string)
        || cast(scored.monetary_score as string) as rfm_score,
        coalesce(segments_matched.rfm_segment, 'Others') as rfm_segment,

        -- numerics
        scored.recency_days,
        scored.frequency,
        scored.monetary_value,
        scored.recency_score,
        scored.frequency_score,
        scored.monetary_score

    from scored

    left join segments_matched
        on scored.user_id = segments_matched.user_id

)

select * from scores_named
