with

refused_lines as (

    select * from {{ source('ledger', 'quarantine') }}

),

lines_counted as (

    select
        -- strings
        source,
        file,
        reason,

        -- numerics
        count(*) as n_lines

    from refused_lines

    group by
        source,
        file,
        reason

)

select * from lines_counted
