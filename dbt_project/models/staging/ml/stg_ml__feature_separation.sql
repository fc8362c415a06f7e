with

source as (

    select * from {{ source('ml', 'feature_separation') }}

),

renamed as (

    select
        model_version,
        feature,
        test,
        effect,
        statistic,
        p_value,
        p_adjusted,
        effect_size

    from source

)

select * from renamed
