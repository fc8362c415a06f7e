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
        contacts_linked.n_rows,

        -- timestamps
        contacts_linked.first_seen_at

    from contacts_linked

    left join links_cut
        on
            contacts_linked.identifier_type = links_cut.identifier_type
            and contacts_linked.identifier = links_cut.identifier
            and contacts_linked.contact_type = links_cut.contact_type
            and contacts_linked.contact_hash = links_cut.contact_hash

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
        pairs.n_rows,

        -- timestamps
        pairs.first_seen_at

    from pairs

    inner join devices
        on pairs.anonymous_id = devices.anonymous_id

)

select * from judged
