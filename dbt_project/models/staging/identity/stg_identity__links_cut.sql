with

source as (

    select * from {{ source('identity', 'links_cut') }}

),

renamed as (

    select
        identifier_type,
        identifier,
        contact_type,
        contact_hash,
        reason

    from source

)

select * from renamed
