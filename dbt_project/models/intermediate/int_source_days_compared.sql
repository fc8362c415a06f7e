with

event_days as (

    select * from {{ ref('int_source_days_counted') }}

),

days_summed as (

    select
        source,
        kind,
        cast(sum(n_rows) as bigint) as n_rows,
        {{ iso_weekday('day_date') }} as iso_weekday,
        day_date

    from event_days

    group by
        source,
        kind,
        day_date

),

sources_dated as (

    select
        source,
        kind,
        {{ numbers_up_to(days_judged() - 1) }} as numbers,
        min(day_date) as first_date,
        max(day_date) as last_date

    from days_summed

    group by
        source,
        kind

),

days_back as (

    select
        sources_dated.source,
        sources_dated.kind,
        sources_dated.first_date,
        sources_dated.last_date,
        {{ days_later('cast(' ~ as_of() ~ ' as date)', '-1 - number') }} as day_date

    from sources_dated

    {{ unnested('sources_dated.numbers', 'number') }}

),

-- A day without any row counts if a later one has some: after the last one, the source
-- may not have delivered yet.
days_listed as (

    select
        source,
        kind,
        {{ iso_weekday('day_date') }} as iso_weekday,
        day_date

    from days_back

    where day_date between first_date and last_date

),

earlier_days as (

    select
        days_listed.source,
        days_listed.kind,
        days_listed.day_date,
        max(earlier.n_rows) as most_rows,
        median(earlier.n_rows) filter (
            where earlier.iso_weekday = days_listed.iso_weekday
        ) as usual_rows,
        min(earlier.n_rows) filter (
            where earlier.iso_weekday = days_listed.iso_weekday
        ) as least_rows,
        count(*) filter (where earlier.iso_weekday = days_listed.iso_weekday) as n_weeks

    from days_listed

    inner join days_summed as earlier
        on
            days_listed.source = earlier.source
            and days_listed.kind = earlier.kind
            and days_listed.day_date > earlier.day_date
            and {{ days_later('days_listed.day_date', -56) }} <= earlier.day_date

    group by
        days_listed.source,
        days_listed.kind,
        days_listed.day_date

),

compared as (

    select
        days_listed.source,
        days_listed.kind,
        coalesce(days_summed.n_rows, 0) as n_rows,
        earlier_days.usual_rows,
        earlier_days.least_rows,
        earlier_days.most_rows,
        coalesce(earlier_days.n_weeks, 0) as n_weeks,
        days_listed.day_date

    from days_listed

    left join earlier_days
        on
            days_listed.source = earlier_days.source
            and days_listed.kind = earlier_days.kind
            and days_listed.day_date = earlier_days.day_date

    left join days_summed
        on
            days_listed.source = days_summed.source
            and days_listed.kind = days_summed.kind
            and days_listed.day_date = days_summed.day_date

)

select * from compared
