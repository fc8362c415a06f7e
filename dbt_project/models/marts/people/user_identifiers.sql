with

persons as (

    select * from {{ ref('int_persons_listed') }}

),

devices as (

    select * from {{ ref('int_devices_owned') }}

),

contacts as (

    select * from {{ ref('int_contacts_owned') }}

),

identifiers as (

    select
        case when is_identified then 'user_id' else 'anonymous_id' end
            as identifier_type,
        user_id as identifier,
        user_id,
        'itself' as match_rule

    from persons

    union all

    select
        'anonymous_id' as identifier_type,
        anonymous_id as identifier,
        user_id,
        match_rule

    from devices

    union all

    select
        contact_type as identifier_type,
        contact_hash as identifier,
        user_id,
        'same_row' as match_rule

    from contacts

),

listed as (

    select
        identifiers.identifier_type,
        identifiers.identifier,
        identifiers.user_id,
        identifiers.match_rule,
        cast(1 as double) as match_probability

    from identifiers

    inner join persons
        on identifiers.user_id = persons.user_id

)

select * from listed
