with

source as (

    select * from {{ source('previous', 'segment_successors') }}

),

renamed as (

    select
        run_id,
        segment_id,
        successor_id,
        model_version,
        kind,
        n_shared,
        shared_share,
        changed_at

    from source

)

select * from renamed
