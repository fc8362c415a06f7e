with

source as (

    select * from {{ source('ml', 'personas') }}

),

renamed as (

    select
        persona_id,
        persona_name,
        narrative,
        cast(traits as string) as traits,
        n_users

    from source

)

select * from renamed
