with

source_days as (

    select * from {{ ref('int_source_days_compared') }}

),

listed as (

    select
        -- strings
        source,
        kind,

        -- numerics
        n_rows,
        usual_rows,
        least_rows,
        most_rows,
        n_weeks,

        -- dates
        day_date

    from source_days

)

select * from listed
