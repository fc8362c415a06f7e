with

assigned as (

    select * from {{ ref('stg_ml__user_segments') }}

),

segments_named as (

    select * from {{ ref('stg_ml__segment_catalog') }}

),

comparisons as (

    select * from {{ ref('int_segments_compared') }}

),

assigned_before as (

    select * from {{ ref('stg_previous__user_segments') }}

),

assignments_joined as (

    select
        assigned.user_id,
        assigned.segment_id,
        assigned.persona_id,
        segments_named.segment_name,
        assigned.model_version,
        assigned.is_provisional,
        comparisons.change,
        comparisons.from_segment_id,
        comparisons.changed_at,
        assigned_before.previous_segment_id,
        assigned_before.entered_at,
        assigned_before.updated_at,
        coalesce(
            assigned.segment_id = assigned_before.segment_id
            and assigned.persona_id = assigned_before.persona_id
            and segments_named.segment_name = assigned_before.segment_name
            and assigned.model_version = assigned_before.model_version
            and assigned.is_provisional = assigned_before.is_provisional,
            false
        ) as is_row_unchanged

    from assigned

    inner join segments_named
        on assigned.segment_id = segments_named.segment_id

    inner join comparisons
        on assigned.user_id = comparisons.user_id

    left join assigned_before
        on assigned.user_id = assigned_before.user_id

),

memory_carried_on as (

    select
        -- ids
        user_id,
        segment_id,
        persona_id,
        case
            when change is null then previous_segment_id
            else from_segment_id
        end as previous_segment_id,

        -- strings
        segment_name,
        model_version,

        -- booleans
        is_provisional,

        -- timestamps
        coalesce(changed_at, entered_at) as entered_at,
        case
            when is_row_unchanged then updated_at
            else greatest(
                {{ as_of() }},
                coalesce(changed_at, updated_at),
                coalesce(updated_at, changed_at)
            )
        end as updated_at

    from assignments_joined

)

select * from memory_carried_on
