with

source as (

    select * from {{ source('previous', 'segment_history') }}

),

renamed as (

    select
        user_id,
        segment_id,
        is_current,
        valid_from,
        valid_to

    from source

)

select * from renamed
