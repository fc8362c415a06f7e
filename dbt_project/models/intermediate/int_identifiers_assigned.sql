with

persons as (

    select * from {{ ref('int_persons_listed') }}

),

devices as (

    select * from {{ ref('int_devices_owned') }}

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
        'itself' as match_rule

    from persons

    union all

    select
        'anonymous_id' as identifier_type,
        devices.anonymous_id as identifier,
        coalesce(users_moved.user_id, devices.user_id) as user_id,
        devices.match_rule

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
            else 'same_contact'
        end as match_rule

    from persons_resolved

    where is_moved

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
