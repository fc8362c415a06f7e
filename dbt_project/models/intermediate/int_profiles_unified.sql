with

profiles as (

    select * from {{ ref('stg_users') }}

),

contacts_owned as (

    select * from {{ ref('int_contacts_owned') }}

    where contact_type = 'email'

),

devices as (

    select * from {{ ref('int_devices_owned') }}

),

persons_found as (

    select
        coalesce(
            profiles.user_id,
            devices.user_id,
            contacts_owned.user_id,
            profiles.anonymous_id
        ) as user_id,
        profiles.country,
        profiles.age_band,
        profiles.email_domain_class,
        profiles.published_attributes,
        profiles.content_hash,
        coalesce(profiles.user_id, devices.user_id, contacts_owned.user_id) is not null
            as is_identified,
        profiles.signed_up_at

    from profiles

    left join devices
        on profiles.anonymous_id = devices.anonymous_id

    left join contacts_owned
        on profiles.email_hash = contacts_owned.contact_hash

),

profiles_ranked as (

    select
        *,
        row_number() over (
            partition by user_id
            order by
                signed_up_at desc nulls last,
                content_hash asc,
                published_attributes asc
        ) as profile_rank,
        min(signed_up_at) over (partition by user_id) as first_signed_up_at

    from persons_found

    where user_id is not null

),

latest_listed as (

    select
        user_id,
        country,
        age_band,
        email_domain_class,
        published_attributes,
        is_identified,
        first_signed_up_at as signed_up_at

    from profiles_ranked

    where profile_rank = 1

)

select * from latest_listed
