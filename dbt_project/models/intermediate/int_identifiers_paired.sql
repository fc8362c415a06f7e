with

event_ids as (

    select * from {{ ref('int_event_ids_counted') }}

    where not is_bot

),

profiles as (

    select * from {{ ref('stg_users') }}

),

paired_by_events as (

    select
        anonymous_id,
        user_id,
        'same_event' as match_rule,
        cast(sum(n_events) as bigint) as n_rows,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at

    from event_ids

    where
        anonymous_id is not null
        and user_id is not null

    group by
        anonymous_id,
        user_id

),

-- A customer list says no time at which a device changed hands: one person each.
profiles_ranked as (

    select
        profiles.anonymous_id,
        profiles.user_id,
        profiles.signed_up_at,
        row_number() over (
            partition by profiles.anonymous_id
            order by
                profiles.signed_up_at desc nulls last,
                profiles.user_id asc,
                profiles.profile_key asc
        ) as profile_rank

    from profiles

    anti join paired_by_events
        on profiles.anonymous_id = paired_by_events.anonymous_id

    where
        profiles.anonymous_id is not null
        and profiles.user_id is not null

),

paired as (

    select
        anonymous_id,
        user_id,
        match_rule,
        n_rows,
        first_seen_at,
        last_seen_at

    from paired_by_events

    union all

    select
        anonymous_id,
        user_id,
        'same_profile' as match_rule,
        1 as n_rows,
        signed_up_at as first_seen_at,
        signed_up_at as last_seen_at

    from profiles_ranked

    where profile_rank = 1

)

select * from paired
