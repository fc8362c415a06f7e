with

links as (

    select * from {{ ref('int_links_judged') }}

),

identifiers as (

    select * from {{ ref('int_identifiers_assigned') }}

),

persons_found as (

    select
        -- ids
        links.identifier_type,
        links.identifier,
        links.linked_identifier_type,
        links.linked_identifier,
        identifiers.user_id,
        linked_identifiers.user_id as linked_user_id,

        -- strings
        links.link_rule,
        links.cut_reason,

        -- numerics
        links.match_probability,
        links.n_rows,

        -- timestamps
        links.first_seen_at

    from links

    left join identifiers
        on
            links.identifier_type = identifiers.identifier_type
            and links.identifier = identifiers.identifier

    left join identifiers as linked_identifiers
        on
            links.linked_identifier_type = linked_identifiers.identifier_type
            and links.linked_identifier = linked_identifiers.identifier

)

select * from persons_found
