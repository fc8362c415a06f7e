with

source as (

    select * from {{ source('ml', 'model_candidates') }}

),

renamed as (

    select
        candidate_id,
        model_version,
        algorithm,
        cast(parameters as string) as parameters,
        reason,
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
        is_elbow,
        is_eligible,
        is_chosen

    from source

)

select * from renamed
