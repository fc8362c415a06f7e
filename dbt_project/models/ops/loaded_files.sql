with

source as (

    select * from {{ source('ledger', 'files') }}

),

renamed as (

    select
        -- ids
        cast(file_id as string) as file_id,

        -- strings
        source,
        file,
        kind,
        sha256,
        status,
        reason,

        -- numerics
        n_bytes,
        n_lines,
        n_accepted,
        n_duplicate,
        n_quarantined,
        n_blank,
        n_redacted,
        coalesce(n_withheld, 0) as n_withheld,

        -- timestamps
        loaded_at

    from source

)

select * from renamed
