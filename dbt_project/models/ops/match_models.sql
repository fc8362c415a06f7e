with

source as (

    select * from {{ source('identity', 'match_models') }}

),

renamed as (

    select
        -- ids
        fingerprint as model_version,

        -- strings
        explanation,
        cast(parameters as string) as splink_settings,

        -- numerics
        n_profiles,
        n_sure_pairs,

        -- booleans
        is_on

    from source

)

select * from renamed
