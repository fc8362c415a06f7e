with

source as (

    select * from {{ source('previous', 'segment_changes') }}

),

renamed as (

    select
        run_id,
        user_id,
        from_segment_id,
        to_segment_id,
        change,
        changed_at

    from source

)

select * from renamed
