with

source as (

    select * from {{ source('ledger', 'runs') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- strings
        status,
        fingerprint,
        failure,

        -- numerics
        snapshot_version,

        -- timestamps
        as_of,
        started_at,
        finished_at

    from source

)

select * from renamed
