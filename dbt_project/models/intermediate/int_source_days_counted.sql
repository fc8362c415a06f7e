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
        1 as amount,
        cast(occurred_at as date) as day_date

    from events

    union all

    select
        source,
        'order_lines' as kind,
        cast(null as string) as event_name,
        1 as amount,
        cast(ordered_at as date) as day_date

    from order_lines

    union all

    select
        source,
        'revenue' as kind,
        cast(null as string) as event_name,
        revenue as amount,
        cast(occurred_at as date) as day_date

    from events

    where revenue > 0

    union all

    select
        source,
        'revenue' as kind,
        cast(null as string) as event_name,
        quantity * unit_price as amount,
        cast(ordered_at as date) as day_date

    from order_lines

    where quantity * unit_price > 0

),

counted as (

    select
        source,
        kind,
        event_name,
        cast(ceil(sum(amount)) as bigint) as n_rows,
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
