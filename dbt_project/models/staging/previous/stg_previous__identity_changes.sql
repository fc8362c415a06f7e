with

source as (

    select * from {{ source('previous', 'identity_changes') }}

),

renamed as (

    select
        run_id,
        identifier_type,
        identifier,
        change,
        from_user_id,
        to_user_id,
        reason,
        changed_at

    from source

)

select * from renamed
