with

assigned_now as (

    select * from {{ ref('stg_ml__user_segments') }}

),

assigned_before as (

    select * from {{ ref('stg_previous__user_segments') }}

),

intervals_before as (

    select * from {{ ref('stg_previous__segment_history') }}

),

last_times_found as (

    select
        user_id,
        max(greatest(valid_from, coalesce(valid_to, valid_from))) as last_at

    from intervals_before

    group by user_id

),

assignments_paired as (

    select
        coalesce(assigned_now.user_id, assigned_before.user_id) as user_id,
        assigned_before.segment_id as from_segment_id,
        assigned_now.segment_id as to_segment_id,
        case
            when assigned_before.user_id is null then 'entered'
            when assigned_now.user_id is null then 'left'
            when assigned_now.segment_id != assigned_before.segment_id then 'moved'
        end as change

    from assigned_now

    full outer join assigned_before
        on assigned_now.user_id = assigned_before.user_id

),

changes_dated as (

    select
        assignments_paired.user_id,
        assignments_paired.from_segment_id,
        assignments_paired.to_segment_id,
        assignments_paired.change,
        case
            when assignments_paired.change is not null
                -- A run may look at an earlier day than the one before it did. What a
                -- person's history has reached is never taken back.
                then greatest(
                    {{ as_of() }},
                    coalesce(
                        last_times_found.last_at, {{ as_of() }}
                    )
                )
        end as changed_at

    from assignments_paired

    left join last_times_found
        on assignments_paired.user_id = last_times_found.user_id

)

select * from changes_dated
