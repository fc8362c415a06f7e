with

duplicates as (

    select * from {{ ref('int_event_duplicates_counted') }}

),

listed as (

    select
        -- strings
        source,

        -- numerics
        n_duplicates,
        n_conflicts

    from duplicates

)

select * from listed
