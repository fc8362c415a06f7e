with

source as (

    select * from {{ source('identity', 'links_cut') }}

),

renamed as (

    select
        identifier_type,
        identifier,
        linked_identifier_type,
        linked_identifier,
        reason

    from source

)

select * from renamed
