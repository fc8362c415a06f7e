with

intervals_before as (

    select * from {{ ref('stg_previous__segment_history') }}

),

comparisons as (

    select * from {{ ref('int_segments_compared') }}

),

ends_found as (

    select
        user_id,
        changed_at

    from comparisons

    where change in ('moved', 'left')

),

intervals_closed as (

    select
        intervals_before.user_id,
        intervals_before.segment_id,
        intervals_before.is_current and ends_found.user_id is null as is_current,
        intervals_before.valid_from,
        case
            when intervals_before.is_current
                then ends_found.changed_at
            else intervals_before.valid_to
        end as valid_to

    from intervals_before

    left join ends_found
        on intervals_before.user_id = ends_found.user_id

),

intervals_opened as (

    select
        user_id,
        to_segment_id as segment_id,
        true as is_current,
        changed_at as valid_from,
        cast(null as timestamp) as valid_to

    from comparisons

    where change in ('entered', 'moved')

),

intervals_unioned as (

    select * from intervals_closed

    -- Two runs as of the same moment: what only the first said has lasted no time.
    where valid_to is null or valid_from < valid_to

    union all

    select * from intervals_opened

),

history_extended as (

    select
        -- ids
        user_id,
        segment_id,

        -- booleans
        is_current,

        -- timestamps
        valid_from,
        valid_to

    from intervals_unioned

)

select * from history_extended
