with

profiles as (

    select * from {{ ref('stg_users') }}

),

devices as (

    select * from {{ ref('int_devices_owned') }}

),

attributed as (

    select
        -- ids
        profiles.profile_key,
        coalesce(
            profiles.user_id, case when not devices.is_shared then devices.user_id end
        ) as user_id,
        case
            when profiles.user_id is not null or not coalesce(devices.is_shared, false)
                then profiles.anonymous_id
        end as anonymous_id,
        profiles.email_hash,
        profiles.phone_hash,

        -- strings
        profiles.source,
        profiles.namespace,
        profiles.country,
        profiles.age_band,
        profiles.email_domain_class,
        profiles.published_attributes,

        -- timestamps
        profiles.signed_up_at,
        profiles.updated_at

    from profiles

    left join devices
        on profiles.anonymous_id = devices.anonymous_id

)

select * from attributed
