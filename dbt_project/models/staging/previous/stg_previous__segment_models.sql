with

source as (

    select * from {{ source('previous', 'segment_models') }}

),

renamed as (

    select
        run_id,
        model_version,
        algorithm,
        features,
        parameters,
        versions,
        metrics,
        verdict,
        sha256,
        n_segments,
        n_persons,
        n_bytes,
        trained_at

    from source

)

select * from renamed
