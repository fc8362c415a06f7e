with

source as (

    select * from {{ source('previous', 'user_identifiers') }}

),

renamed as (

    select
        identifier_type,
        identifier,
        user_id,
        match_rule

    from source

)

select * from renamed
