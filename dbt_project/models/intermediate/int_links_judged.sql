with

contacts_linked as (

    select * from {{ ref('int_contacts_linked') }}

),

links_cut as (

    select * from {{ ref('stg_identity__links_cut') }}

),

pairs as (

    select * from {{ ref('int_identifiers_paired') }}

),

similar_profiles as (

    select * from {{ ref('stg_identity__similar_profiles') }}

),

-- What a key ties, either way round, needs no likeness.
pairs_by_key as (

    select
        identifier_type,
        identifier,
        contact_type as linked_identifier_type,
        contact_hash as linked_identifier

    from contacts_linked

    union all

    select
        contact_type as identifier_type,
        contact_hash as identifier,
        identifier_type as linked_identifier_type,
        identifier as linked_identifier

    from contacts_linked

),

devices as (

    select * from {{ ref('int_devices_owned') }}

),

judged as (

    select
        -- ids
        contacts_linked.identifier,
        contacts_linked.contact_hash as linked_identifier,

        -- strings
        contacts_linked.identifier_type,
        contacts_linked.contact_type as linked_identifier_type,
        case when contacts_linked.trust_rank = 1 then 'itself' else 'same_row' end
            as link_rule,
        coalesce(contacts_linked.block_reason, links_cut.reason) as cut_reason,

        -- numerics
        cast(1 as double) as match_probability,
        contacts_linked.n_rows,

        -- timestamps
        contacts_linked.first_seen_at

    from contacts_linked

    left join links_cut
        on
            contacts_linked.identifier_type = links_cut.identifier_type
            and contacts_linked.identifier = links_cut.identifier
            and contacts_linked.contact_type = links_cut.linked_identifier_type
            and contacts_linked.contact_hash = links_cut.linked_identifier

    union all

    select
        -- ids
        similar_profiles.identifier,
        similar_profiles.similar_identifier as linked_identifier,

        -- strings
        similar_profiles.identifier_type,
        similar_profiles.similar_identifier_type as linked_identifier_type,
        'similar_profile' as link_rule,
        case
            when similar_profiles.match_probability < {{ var("match_threshold") }}
                then 'for_review'
            else links_cut.reason
        end as cut_reason,

        -- numerics
        similar_profiles.match_probability,
        similar_profiles.n_rows,

        -- timestamps
        similar_profiles.first_seen_at

    from similar_profiles

    anti join pairs_by_key
        on
            similar_profiles.identifier_type = pairs_by_key.identifier_type
            and similar_profiles.identifier = pairs_by_key.identifier
            and similar_profiles.similar_identifier_type
            = pairs_by_key.linked_identifier_type
            and similar_profiles.similar_identifier = pairs_by_key.linked_identifier

    left join links_cut
        on
            similar_profiles.identifier_type = links_cut.identifier_type
            and similar_profiles.identifier = links_cut.identifier
            and similar_profiles.similar_identifier_type
            = links_cut.linked_identifier_type
            and similar_profiles.similar_identifier = links_cut.linked_identifier

    union all

    select
        -- ids
        pairs.anonymous_id as identifier,
        pairs.user_id as linked_identifier,

        -- strings
        'anonymous_id' as identifier_type,
        'user_id' as linked_identifier_type,
        pairs.match_rule as link_rule,
        case when devices.is_shared then 'changed_hands' end as cut_reason,

        -- numerics
        cast(1 as double) as match_probability,
        pairs.n_rows,

        -- timestamps
        pairs.first_seen_at

    from pairs

    inner join devices
        on pairs.anonymous_id = devices.anonymous_id

)

select * from judged
