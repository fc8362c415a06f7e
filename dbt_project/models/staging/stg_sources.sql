with

source as (

    select * from {{ source('ledger', 'sources') }}

),

renamed as (

    select
        source,
        coalesce(trust, 0) as trust,
        sessions = 'tracker' as has_tracker_sessions

    from source

)

select * from renamed
