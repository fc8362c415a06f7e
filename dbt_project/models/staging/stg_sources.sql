with

source as (

    select * from {{ source('ledger', 'sources') }}

),

renamed as (

    select
        source,
        sessions = 'tracker' as has_tracker_sessions

    from source

)

select * from renamed
