with

source as (

    select * from {{ source('ml', 'segment_catalog') }}

),

renamed as (

    select
        segment_id,
        segment_name,
        description,
        rule_text,
        rule_sql,
        rule_accuracy,
        rule_precision,
        rule_recall,
        silhouette,
        model_version

    from source

)

select * from renamed
