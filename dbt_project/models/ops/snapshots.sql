with

source as (

    select * from {{ source('ledger', 'snapshots') }}

),

renamed as (

    select
        -- ids
        snapshot_version,
        run_id,

        -- strings
        model_version,
        code_version,
        code_fingerprint,
        duckdb_version,
        settings,
        input_fingerprint,
        tables_fingerprint,

        -- numerics
        n_files,

        -- timestamps
        as_of,
        published_at

    from source

)

select * from renamed
