with

separations as (

    select * from {{ ref('stg_ml__feature_separation') }}

),

separations_listed as (

    select
        -- ids
        feature,

        -- strings
        model_version,
        test,
        effect,

        -- numerics
        statistic,
        p_value,
        p_adjusted,
        effect_size

    from separations

)

select * from separations_listed
