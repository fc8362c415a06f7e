with

models_before as (

    select * from {{ ref('stg_previous__segment_models') }}

),

models_fitted as (

    select * from {{ ref('stg_ml__segment_models') }}

),

segments_named as (

    select * from {{ ref('stg_ml__segment_catalog') }}

),

models_unioned as (

    select
        -- ids
        run_id,

        -- strings
        model_version,
        algorithm,
        features,
        parameters,
        versions,
        metrics,
        verdict,
        sha256,

        -- numerics
        n_segments,
        n_persons,
        n_bytes,

        -- timestamps
        trained_at

    from models_before

    union all

    select
        -- ids
        '{{ var("run_id") }}' as run_id,

        -- strings
        model_version,
        algorithm,
        features,
        parameters,
        versions,
        metrics,
        verdict,
        sha256,

        -- numerics
        n_segments,
        n_persons,
        n_bytes,

        -- timestamps
        {{ as_of() }} as trained_at

    from models_fitted

),

serving_found as (

    select
        segments_named.model_version,
        max(models_unioned.run_id) as run_id

    from segments_named

    inner join models_unioned
        on segments_named.model_version = models_unioned.model_version

    group by segments_named.model_version

),

serving_marked as (

    select
        -- ids
        models_unioned.run_id,

        -- strings
        models_unioned.model_version,
        models_unioned.algorithm,
        models_unioned.features,
        models_unioned.parameters,
        models_unioned.versions,
        models_unioned.metrics,
        models_unioned.verdict,
        models_unioned.sha256,

        -- numerics
        models_unioned.n_segments,
        models_unioned.n_persons,
        models_unioned.n_bytes,

        -- booleans
        serving_found.run_id is not null as is_current,

        -- timestamps
        models_unioned.trained_at

    from models_unioned

    left join serving_found
        on models_unioned.run_id = serving_found.run_id

)

select * from serving_marked
