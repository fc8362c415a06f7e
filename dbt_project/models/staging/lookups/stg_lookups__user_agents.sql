with

source as (

    select * from {{ source('lookups', 'user_agents') }}

),

renamed as (

    select
        user_agent,
        device_type,
        os,
        browser,
        is_bot

    from source

)

select * from renamed
