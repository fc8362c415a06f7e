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

united as (

    select
        source,
        'events' as kind,
        event_name,
        cast(occurred_at as date) as day_date

    from events

    union all

    select
        source,
        'order_lines' as kind,
        cast(null as string) as event_name,
        cast(ordered_at as date) as day_date

    from order_lines

),

counted as (

    select
        source,
        kind,
        event_name,
        count(*) as n_rows,
        day_date

    from united

    where day_date < cast({{ as_of() }} as date)

    group by
        source,
        kind,
        event_name,
        day_date

)

select * from counted
