with

source as (

    select * from {{ source('identity', 'match_weights') }}

),

renamed as (

    select
        -- strings
        comparison,
        description,

        -- numerics
        level,
        m_probability,
        u_probability,
        match_weight

    from source

)

select * from renamed
