with

profile_fields as (

    select * from {{ ref('int_profile_fields_resolved') }}

),

listed as (

    select
        -- ids
        user_id,

        -- strings
        field,
        value,
        rule,
        kind,
        source,

        -- numerics
        n_values,

        -- timestamps
        last_seen_at

    from profile_fields

)

select * from listed
