with

event_days as (

    select * from {{ ref('int_source_days_counted') }}

    where kind = 'events'

),

source_days as (

    select * from {{ ref('int_source_days_compared') }}

    where
        kind = 'events'
        and n_rows > 0

),

earlier_days as (

    select
        source_days.source,
        event_days.event_name,
        source_days.day_date,
        count(*) as n_weeks_heard,
        median(event_days.n_rows) as usual_rows,
        min(source_days.n_weeks) as n_weeks

    from source_days

    inner join event_days
        on
            source_days.source = event_days.source
            and source_days.day_date > event_days.day_date
            and {{ days_later('source_days.day_date', -56) }} <= event_days.day_date
            and {{ iso_weekday('source_days.day_date') }}
            = {{ iso_weekday('event_days.day_date') }}

    group by
        source_days.source,
        event_days.event_name,
        source_days.day_date

),

silences as (

    select
        earlier_days.source,
        earlier_days.event_name,
        earlier_days.usual_rows,
        earlier_days.n_weeks,
        earlier_days.day_date

    from earlier_days

    anti join event_days
        on
            earlier_days.source = event_days.source
            and earlier_days.event_name = event_days.event_name
            and earlier_days.day_date = event_days.day_date

    where earlier_days.n_weeks_heard = earlier_days.n_weeks

),

-- A name that few people have might be made of what one of them wrote: it is not told.
names_told as (

    select distinct
        source,
        event_name

    from {{ ref('int_event_names_counted') }}

),

measured as (

    select
        silences.source,
        silences.event_name,
        silences.usual_rows,
        silences.n_weeks,
        silences.day_date

    from silences

    semi join names_told
        on
            silences.source = names_told.source
            and silences.event_name = names_told.event_name

)

select * from measured
