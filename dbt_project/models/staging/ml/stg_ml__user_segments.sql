with

source as (

    select * from {{ source('ml', 'user_segments') }}

),

renamed as (

    select
        user_id,
        segment_id,
        persona_id,
        model_version

    from source

)

select * from renamed
