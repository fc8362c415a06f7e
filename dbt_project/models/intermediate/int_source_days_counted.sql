with

events as (

    select * from {{ ref('int_events_identified') }}

    where
        not is_bot
        and occurred_at >= {{ as_of() }} - interval '{{ days_compared() }}' day

),

order_lines as (

    select * from {{ ref('int_order_lines_deduplicated') }}

    where ordered_at >= {{ as_of() }} - interval '{{ days_compared() }}' day

),

event_days as (

    select
        source,
        event_name,
        count(*) as n_rows,
        sum(case when revenue > 0 then revenue end) as amount,
        cast(occurred_at as date) as day_date

    from events

    group by
        source,
        event_name,
        cast(occurred_at as date)

),

order_days as (

    select
        source,
        count(*) as n_rows,
        sum(
            case when quantity * unit_price > 0 then quantity * unit_price end
        ) as amount,
        cast(ordered_at as date) as day_date

    from order_lines

    group by
        source,
        cast(ordered_at as date)

),

amounts as (

    select
        source,
        amount,
        day_date

    from event_days

    union all

    select
        source,
        amount,
        day_date

    from order_days

),

-- Of these, a day that nothing was paid on counts, too.
sources_paid as (

    select distinct source

    from amounts

    where amount > 0

),

united as (

    select
        source,
        'events' as kind,
        event_name,
        n_rows,
        day_date

    from event_days

    union all

    select
        source,
        'order_lines' as kind,
        cast(null as string) as event_name,
        n_rows,
        day_date

    from order_days

    union all

    select
        amounts.source,
        'revenue' as kind,
        cast(null as string) as event_name,
        cast(ceil(sum(coalesce(amounts.amount, 0))) as bigint) as n_rows,
        amounts.day_date

    from amounts

    semi join sources_paid
        on amounts.source = sources_paid.source

    group by
        amounts.source,
        amounts.day_date

),

counted as (

    select
        source,
        kind,
        event_name,
        n_rows,
        day_date

    from united

    where day_date < cast({{ as_of() }} as date)

)

select * from counted
