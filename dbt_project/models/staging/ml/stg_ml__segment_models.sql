with

source as (

    select * from {{ source('ml', 'segment_models') }}

),

renamed as (

    select
        model_version,
        algorithm,
        cast(features as string) as features,
        cast(parameters as string) as parameters,
        cast(versions as string) as versions,
        cast(metrics as string) as metrics,
        verdict,
        sha256,
        n_segments,
        n_persons,
        n_bytes

    from source

)

select * from renamed
