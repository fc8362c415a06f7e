with

persons as (

    select * from {{ ref('int_persons_listed') }}

),

devices as (

    select * from {{ ref('int_devices_owned') }}

),

links as (

    select * from {{ ref('int_links_judged') }}

    where cut_reason is null or cut_reason = 'changed_hands'

),

persons_resolved as (

    select * from {{ ref('int_persons_resolved') }}

),

users_moved as (

    select * from persons_resolved

    where
        identifier_type = 'user_id'
        and is_moved

),

identifiers as (

    select
        case when is_identified then 'user_id' else 'anonymous_id' end
            as identifier_type,
        user_id as identifier,
        user_id,
        'itself' as match_rule,
        false as is_similar

    from persons

    union all

    select
        'anonymous_id' as identifier_type,
        devices.anonymous_id as identifier,
        coalesce(users_moved.user_id, devices.user_id) as user_id,
        devices.match_rule,
        coalesce(users_moved.is_similar, false) as is_similar

    from devices

    left join users_moved
        on devices.user_id = users_moved.identifier

    union all

    select
        identifier_type,
        identifier,
        user_id,
        case
            when identifier_type in ('email', 'phone') then 'same_row'
            when is_similar then 'similar_profile'
            else 'same_contact'
        end as match_rule,
        is_similar

    from persons_resolved

    where is_moved

),

-- A person hangs together no better than by the least probable of its similar profiles.
persons_tied as (

    select
        persons_resolved.user_id,
        min(links.match_probability) as match_probability

    from links

    inner join persons_resolved
        on
            links.identifier_type = persons_resolved.identifier_type
            and links.identifier = persons_resolved.identifier

    where links.link_rule = 'similar_profile'

    group by persons_resolved.user_id

),

ends_united as (

    select
        identifier_type,
        identifier,
        first_seen_at

    from links

    union all

    select
        linked_identifier_type as identifier_type,
        linked_identifier as identifier,
        first_seen_at

    from links

),

links_first_seen as (

    select
        identifier_type,
        identifier,
        min(first_seen_at) as linked_at

    from ends_united

    group by
        identifier_type,
        identifier

),

listed as (

    select
        -- ids
        identifiers.identifier,
        identifiers.user_id,

        -- strings
        identifiers.identifier_type,
        identifiers.match_rule,

        -- numerics
        case
            when identifiers.is_similar then persons_tied.match_probability
            else cast(1 as double)
        end as match_probability,

        -- timestamps
        links_first_seen.linked_at

    from identifiers

    inner join persons
        on identifiers.user_id = persons.user_id

    left join persons_tied
        on identifiers.user_id = persons_tied.user_id

    left join links_first_seen
        on
            identifiers.identifier_type = links_first_seen.identifier_type
            and identifiers.identifier = links_first_seen.identifier

)

select * from listed
