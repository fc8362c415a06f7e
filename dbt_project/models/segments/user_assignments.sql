with

assigned as (

    select * from {{ ref('stg_ml__user_segments') }}

),

distances_listed as (

    select
        -- ids
        user_id,
        segment_id,
        next_segment_id,

        -- numerics
        distance,
        confidence

    from assigned

)

select * from distances_listed
