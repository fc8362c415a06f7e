{# Intervals that reach into the next one of their person, or last no time. #}
with

intervals as (

    select
        *,
        lead(valid_from) over (partition by user_id order by valid_from) as next_from

    from {{ ref('segment_history') }}

)

select * from intervals

where
    valid_to <= valid_from
    or next_from < valid_to
    or (valid_to is null and next_from is not null)
    or is_current != (valid_to is null)
