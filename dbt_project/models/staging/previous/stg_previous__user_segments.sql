with

source as (

    select * from {{ source('previous', 'user_segments') }}

),

renamed as (

    select
        user_id,
        segment_id,
        persona_id,
        previous_segment_id,
        segment_name,
        model_version,
        -- Snapshots of earlier versions do not say: nobody was.
        coalesce(is_provisional, false) as is_provisional,
        entered_at,
        updated_at

    from source

)

select * from renamed
