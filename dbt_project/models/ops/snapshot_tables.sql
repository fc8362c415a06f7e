with

source as (

    select * from {{ source('ledger', 'snapshot_tables') }}

),

renamed as (

    select
        -- ids
        snapshot_version,

        -- strings
        table_schema,
        table_name,
        fingerprint,

        -- numerics
        n_rows

    from source

)

select * from renamed
