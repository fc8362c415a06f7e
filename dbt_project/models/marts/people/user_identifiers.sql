with

identifiers as (

    select * from {{ ref('int_identifiers_assigned') }}

),

listed as (

    select
        identifier_type,
        identifier,
        user_id,
        match_rule,
        match_probability,
        linked_at

    from identifiers

)

select * from listed
