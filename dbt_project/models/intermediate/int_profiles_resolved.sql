with

profiles as (

    select * from {{ ref('int_profiles_attributed') }}

),

persons as (

    select * from {{ ref('int_persons_resolved') }}

),

persons_found as (

    select
        -- ids
        profiles.profile_key,
        coalesce(
            persons_of_users.user_id,
            profiles.user_id,
            persons_of_devices.user_id,
            persons_of_emails.user_id,
            persons_of_phones.user_id,
            profiles.anonymous_id
        ) as user_id,

        -- strings
        profiles.source,
        profiles.country,
        profiles.age_band,
        profiles.email_domain_class,
        profiles.published_attributes,

        -- booleans
        case
            when profiles.user_id is not null then true
            else coalesce(
                persons_of_devices.is_identified,
                persons_of_emails.is_identified,
                persons_of_phones.is_identified,
                false
            )
        end as is_identified,

        -- timestamps
        profiles.signed_up_at,
        profiles.updated_at

    from profiles

    left join persons as persons_of_users
        on
            profiles.user_id = persons_of_users.identifier
            and persons_of_users.identifier_type = 'user_id'

    left join persons as persons_of_devices
        on
            profiles.anonymous_id = persons_of_devices.identifier
            and persons_of_devices.identifier_type = 'anonymous_id'

    left join persons as persons_of_emails
        on
            profiles.email_hash = persons_of_emails.identifier
            and persons_of_emails.identifier_type = 'email'

    left join persons as persons_of_phones
        on
            profiles.phone_hash = persons_of_phones.identifier
            and persons_of_phones.identifier_type = 'phone'

),

resolved as (

    select * from persons_found

    where user_id is not null

)

select * from resolved
