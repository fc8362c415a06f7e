with

source as (

    select * from {{ source('raw', 'users') }}

    where
        coalesce(signed_up_at < {{ as_of() }}, true)
        and coalesce(updated_at < {{ as_of() }}, true)

),

normalized as (

    select
        -- ids
        row_key as profile_key,
        {{ cleaned_id('user_id') }} as user_id,
        {{ cleaned_id('anonymous_id') }} as anonymous_id,
        email_hash,
        phone_hash,

        -- strings
        source,
        namespace,
        {{ cleaned_country('country') }} as country,
        {{ age_band('birth_year') }} as age_band,
        email_domain_class,
        cast(published_attributes as string) as published_attributes,

        -- timestamps
        signed_up_at,
        updated_at

    from source

)

select * from normalized
