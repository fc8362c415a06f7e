with

candidates as (

    select * from {{ ref('stg_ml__model_candidates') }}

),

candidates_listed as (

    select
        -- ids
        candidate_id,

        -- strings
        model_version,
        algorithm,
        parameters,
        reason,

        -- numerics
        n_clusters,
        silhouette,
        calinski_harabasz,
        davies_bouldin,
        inertia,
        stability,
        noise_share,
        smallest_share,
        n_fitted,
        n_judged,

        -- booleans
        is_elbow,
        is_eligible,
        is_chosen

    from candidates

)

select * from candidates_listed
