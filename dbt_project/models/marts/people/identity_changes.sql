with

changes as (

    select * from {{ ref('int_identities_compared') }}

),

listed as (

    select
        run_id,
        identifier_type,
        identifier,
        change,
        from_user_id,
        to_user_id,
        reason,
        changed_at

    from changes

)

select * from listed
