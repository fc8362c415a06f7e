with

source as (

    select * from {{ source('ml', 'segment_successors') }}

),

renamed as (

    select
        segment_id,
        successor_id,
        model_version,
        kind,
        n_shared,
        shared_share

    from source

)

select * from renamed
