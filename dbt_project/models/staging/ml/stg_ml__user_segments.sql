with

source as (

    select * from {{ source('ml', 'user_segments') }}

),

renamed as (

    select
        user_id,
        segment_id,
        persona_id,
        next_segment_id,
        model_version,
        distance,
        confidence,
        is_provisional

    from source

)

select * from renamed
