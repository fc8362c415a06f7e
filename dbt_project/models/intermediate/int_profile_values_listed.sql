-- A view: it is read once, and writing it would cost more than making it.
{{ config(materialized='view') }}

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

profiles_dated as (

    select
        *,
        coalesce(updated_at, signed_up_at) as told_at

    from profiles

),

values_counted as (

    select
        user_id,
        'country' as field,
        country as value,
        'profile' as kind,
        1 as kind_rank,
        source,
        count(*) as n_rows,
        max(told_at) as last_seen_at

    from profiles_dated

    where country is not null

    group by
        user_id,
        country,
        source

    union all

    select
        user_id,
        'age_band' as field,
        age_band as value,
        'profile' as kind,
        1 as kind_rank,
        source,
        count(*) as n_rows,
        max(told_at) as last_seen_at

    from profiles_dated

    where age_band is not null

    group by
        user_id,
        age_band,
        source

    union all

    select
        user_id,
        'email_domain_class' as field,
        email_domain_class as value,
        'profile' as kind,
        1 as kind_rank,
        source,
        count(*) as n_rows,
        max(told_at) as last_seen_at

    from profiles_dated

    where email_domain_class is not null

    group by
        user_id,
        email_domain_class,
        source

    union all

    select
        user_id,
        'attributes' as field,
        published_attributes as value,
        'profile' as kind,
        1 as kind_rank,
        source,
        count(*) as n_rows,
        max(told_at) as last_seen_at

    from profiles_dated

    where published_attributes is not null

    group by
        user_id,
        published_attributes,
        source

    union all

    select
        user_id,
        'country' as field,
        country as value,
        'event' as kind,
        2 as kind_rank,
        source,
        count(*) as n_rows,
        max(occurred_at) as last_seen_at

    from events

    where country is not null

    group by
        user_id,
        country,
        source

    union all

    select
        user_id,
        'device_type' as field,
        device_type as value,
        'event' as kind,
        2 as kind_rank,
        source,
        count(*) as n_rows,
        max(occurred_at) as last_seen_at

    from events

    where device_type is not null

    group by
        user_id,
        device_type,
        source

    union all

    select
        user_id,
        'country' as field,
        country as value,
        'order_line' as kind,
        3 as kind_rank,
        source,
        count(*) as n_rows,
        max(ordered_at) as last_seen_at

    from order_lines

    where country is not null

    group by
        user_id,
        country,
        source

),

listed as (

    select
        -- ids
        values_counted.user_id,

        -- strings
        values_counted.field,
        values_counted.value,
        values_counted.kind,
        values_counted.source,

        -- numerics
        values_counted.kind_rank,
        coalesce(sources.trust, 0) as trust,
        values_counted.n_rows,

        -- timestamps
        values_counted.last_seen_at

    from values_counted

    left join sources
        on values_counted.source = sources.source

)

select * from listed
