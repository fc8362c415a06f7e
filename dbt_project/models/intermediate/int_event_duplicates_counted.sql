with

copies_dropped as (

    select * from {{ ref('int_event_copies_ranked') }}

    where copy_number > 1

),

counted as (

    select
        source,
        count(*) as n_duplicates,
        count(*) filter (where is_conflict) as n_conflicts

    from copies_dropped

    group by source

)

select * from counted
