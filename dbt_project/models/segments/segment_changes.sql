with

changes_before as (

    select * from {{ ref('stg_previous__segment_changes') }}

),

comparisons as (

    select * from {{ ref('int_segments_compared') }}

    where change is not null

),

changes_found as (

    select
        '{{ var("run_id") }}' as run_id,
        user_id,
        from_segment_id,
        to_segment_id,
        change,
        changed_at

    from comparisons

),

changes_unioned as (

    select
        -- ids
        run_id,
        user_id,
        from_segment_id,
        to_segment_id,

        -- strings
        change,

        -- timestamps
        changed_at

    from changes_before

    union all

    select
        -- ids
        run_id,
        user_id,
        from_segment_id,
        to_segment_id,

        -- strings
        change,

        -- timestamps
        changed_at

    from changes_found

)

select * from changes_unioned
