with

source as (

    select * from {{ source('identity', 'similar_profiles') }}

),

renamed as (

    select
        identifier_type,
        identifier,
        similar_identifier_type,
        similar_identifier,
        match_probability,
        n_rows,
        first_seen_at

    from source

)

select * from renamed
