with

source as (

    select * from {{ source('ledger', 'sources') }}

),

renamed as (

    select
        source,
        coalesce(trust, 0) as trust,
        ping_first_after as ping_first_after_seconds,
        ping_every as ping_every_seconds,
        sessions = 'tracker' as has_tracker_sessions,
        coalesce(has_campaign_sessions, false) as has_campaign_sessions,
        coalesce(
            longest_session_seconds, 3600 * {{ var("longest_session_hours") }}
        ) as longest_session_seconds

    from source

)

select * from renamed
