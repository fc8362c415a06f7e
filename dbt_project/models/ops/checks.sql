with

source as (

    select * from {{ source('ledger', 'checks') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- strings
        check_name,
        severity,
        verdict,
        explanation,

        -- numerics
        value,
        limit_value

    from source

)

select * from renamed
