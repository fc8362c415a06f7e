with

source as (

    select * from {{ source('ledger', 'run_stages') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- strings
        stage,

        -- numerics
        seconds,
        n_rows,
        n_bytes

    from source

)

select * from renamed
