with

changes_before as (

    select * from {{ ref('stg_previous__identity_changes') }}

    where run_id <> '{{ var("run_id") }}'

),

identifiers_before as (

    select * from {{ ref('stg_previous__user_identifiers') }}

),

identifiers as (

    select * from {{ ref('int_identifiers_assigned') }}

    where identifier_type in ('user_id', 'anonymous_id')

),

compared as (

    select
        identifiers.identifier_type,
        identifiers.identifier,
        identifiers_before.user_id as from_user_id,
        identifiers.user_id as to_user_id,
        case
            when identifiers_before.match_rule = 'itself' then 'merged'
            when identifiers.match_rule = 'itself' then 'split'
            else 'moved'
        end as change,
        case
            when identifiers.match_rule <> 'itself' then identifiers.match_rule
            when identifiers_before.match_rule = 'similar_profile'
                then 'no_longer_similar'
            else 'link_withdrawn'
        end as reason

    from identifiers

    inner join identifiers_before
        on
            identifiers.identifier_type = identifiers_before.identifier_type
            and identifiers.identifier = identifiers_before.identifier
            and identifiers.user_id <> identifiers_before.user_id

),

changes_united as (

    select
        -- ids
        run_id,
        identifier,
        from_user_id,
        to_user_id,

        -- strings
        identifier_type,
        change,
        reason,

        -- timestamps
        changed_at

    from changes_before

    union all

    select
        -- ids
        '{{ var("run_id") }}' as run_id,
        identifier,
        from_user_id,
        to_user_id,

        -- strings
        identifier_type,
        change,
        reason,

        -- timestamps
        {{ as_of() }} as changed_at

    from compared

)

select * from changes_united
