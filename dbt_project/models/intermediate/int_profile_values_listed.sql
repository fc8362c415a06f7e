with

events as (

    select * from {{ ref('int_events_identified') }}

    where not is_bot

),

order_lines as (

    select * from {{ ref('int_order_lines_deduplicated') }}

    where user_id is not null

),

profiles as (

    select * from {{ ref('int_profiles_resolved') }}

),

sources as (

    select * from {{ ref('stg_sources') }}

),

-- Events are read once: few persons have more than a handful of these.
events_grouped as (

    select
        user_id,
        source,
        country,
        device_type,
        count(*) as n_rows,
        max(occurred_at) as last_seen_at

    from events

    where
        country is not null
        or device_type is not null

    group by
        user_id,
        source,
        country,
        device_type

),

order_lines_grouped as (

    select
        user_id,
        source,
        country,
        count(*) as n_rows,
        max(ordered_at) as last_seen_at

    from order_lines

    where country is not null

    group by
        user_id,
        source,
        country

),

profiles_dated as (

    select
        *,
        coalesce(updated_at, signed_up_at) as last_seen_at

    from profiles

),

values_united as (

    select
        user_id,
        'country' as field,
        country as value,
        'profile' as kind,
        source,
        1 as n_rows,
        last_seen_at

    from profiles_dated

    union all

    select
        user_id,
        'age_band' as field,
        age_band as value,
        'profile' as kind,
        source,
        1 as n_rows,
        last_seen_at

    from profiles_dated

    union all

    select
        user_id,
        'email_domain_class' as field,
        email_domain_class as value,
        'profile' as kind,
        source,
        1 as n_rows,
        last_seen_at

    from profiles_dated

    union all

    select
        user_id,
        'attributes' as field,
        published_attributes as value,
        'profile' as kind,
        source,
        1 as n_rows,
        last_seen_at

    from profiles_dated

    union all

    select
        user_id,
        'country' as field,
        country as value,
        'event' as kind,
        source,
        n_rows,
        last_seen_at

    from events_grouped

    union all

    select
        user_id,
        'device_type' as field,
        device_type as value,
        'event' as kind,
        source,
        n_rows,
        last_seen_at

    from events_grouped

    union all

    select
        user_id,
        'country' as field,
        country as value,
        'order_line' as kind,
        source,
        n_rows,
        last_seen_at

    from order_lines_grouped

),

values_summed as (

    select
        user_id,
        field,
        value,
        kind,
        source,
        sum(n_rows) as n_rows,
        max(last_seen_at) as last_seen_at

    from values_united

    where value is not null

    group by
        user_id,
        field,
        value,
        kind,
        source

),

listed as (

    select
        -- ids
        values_summed.user_id,

        -- strings
        values_summed.field,
        values_summed.value,
        values_summed.kind,
        values_summed.source,

        -- numerics
        coalesce(sources.trust, 0) as trust,
        case values_summed.kind when 'profile' then 1 when 'event' then 2 else 3 end
            as kind_rank,
        cast(values_summed.n_rows as bigint) as n_rows,

        -- timestamps
        values_summed.last_seen_at

    from values_summed

    left join sources
        on values_summed.source = sources.source

)

select * from listed
