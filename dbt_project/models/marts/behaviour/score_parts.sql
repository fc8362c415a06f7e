with

weights as (

    select * from {{ ref('score_weights') }}

),

weights_cumulated as (

    select
        *,
        sum(weight) over (
            partition by score
            order by part
            rows unbounded preceding
        ) as weight_so_far,
        sum(weight) over (partition by score) as total_weight

    from weights

),

shares_rounded as (

    select
        *,
        round(100 * {{ ratio('weight_so_far', 'total_weight', otherwise='null') }}, 2)
            as points_so_far

    from weights_cumulated

),

-- Of rounded sums the differences are rounded, and add up to 100.
points_shared as (

    select
        -- strings
        score,
        part,
        direction,
        reason,

        -- numerics
        weight,
        cast(
            points_so_far
            - lag(points_so_far, 1, 0) over (partition by score order by part)
            as decimal(5, 2)
        ) as max_points,
        when_unknown

    from shares_rounded

)

select * from points_shared
