with

successors_before as (

    select * from {{ ref('stg_previous__segment_successors') }}

),

successors_found as (

    select * from {{ ref('stg_ml__segment_successors') }}

),

successors_unioned as (

    select
        -- ids
        run_id,
        segment_id,
        successor_id,

        -- strings
        model_version,
        kind,

        -- numerics
        n_shared,
        shared_share,

        -- timestamps
        changed_at

    from successors_before

    union all

    select
        -- ids
        '{{ var("run_id") }}' as run_id,
        segment_id,
        successor_id,

        -- strings
        model_version,
        kind,

        -- numerics
        n_shared,
        shared_share,

        -- timestamps
        {{ as_of() }} as changed_at

    from successors_found

)

select * from successors_unioned
