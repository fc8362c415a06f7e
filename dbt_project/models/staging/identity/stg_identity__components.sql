with

source as (

    select * from {{ source('identity', 'components') }}

),

renamed as (

    select
        component,
        part,
        identifier_type,
        identifier

    from source

)

select * from renamed
