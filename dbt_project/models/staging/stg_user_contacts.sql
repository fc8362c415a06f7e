with

source as (

    select * from {{ source('raw', 'user_contacts') }}

),

deduplicated as (

    select distinct
        user_id as hashed_user_id,
        contact_type,
        contact_hash

    from source

)

select * from deduplicated
