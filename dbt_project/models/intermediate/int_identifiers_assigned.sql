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
        cast(null as bigint) as similar_part

    from persons

    union all

    select
        'anonymous_id' as identifier_type,
        devices.anonymous_id as identifier,
        coalesce(users_moved.user_id, devices.user_id) as user_id,
        devices.match_rule,
        case when users_moved.is_similar then users_moved.part end as similar_part

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
        case when is_similar then part end as similar_part

    from persons_resolved

    where is_moved

),

-- What keys tie together is tied to the rest of the person by its most similar profile.
parts_linked as (

    select
        persons_resolved.part,
        linked_persons.part as linked_part,
        links.match_probability

    from links

    inner join persons_resolved
        on
            links.identifier_type = persons_resolved.identifier_type
            and links.identifier = persons_resolved.identifier

    inner join persons_resolved as linked_persons
        on
            links.linked_identifier_type = linked_persons.identifier_type
            and links.linked_identifier = linked_persons.identifier
            and persons_resolved.part <> linked_persons.part

    where links.link_rule = 'similar_profile'

),

parts_united as (

    select
        part,
        match_probability

    from parts_linked

    union all

    select
        linked_part as part,
        match_probability

    from parts_linked

),

parts_tied as (

    select
        part,
        max(match_probability) as match_probability

    from parts_united

    group by part

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
        coalesce(parts_tied.match_probability, 1) as match_probability,

        -- timestamps
        links_first_seen.linked_at

    from identifiers

    inner join persons
        on identifiers.user_id = persons.user_id

    left join parts_tied
        on identifiers.similar_part = parts_tied.part

    left join links_first_seen
        on
            identifiers.identifier_type = links_first_seen.identifier_type
            and identifiers.identifier = links_first_seen.identifier

)

select * from listed
