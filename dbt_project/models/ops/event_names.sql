with

event_names as (

    select * from {{ ref('int_event_names_counted') }}

),

listed as (

    select
        -- strings
        source,
        event_name,
        event_type,

        -- numerics
        n_events,

        -- booleans
        is_known

    from event_names

)

select * from listed
