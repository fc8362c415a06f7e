with

source as (

    select * from {{ source('raw', 'placeholder_contacts') }}

),

deduplicated as (

    select distinct
        contact_type,
        contact_hash

    from source

)

select * from deduplicated
