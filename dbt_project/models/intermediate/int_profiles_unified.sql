with

profiles as (

    select * from {{ ref('int_profiles_attributed') }}

),

persons as (

    select * from {{ ref('int_persons_resolved') }}

),

persons_found as (

    select
        coalesce(
            persons_of_users.user_id,
            profiles.user_id,
            persons_of_devices.user_id,
            persons_of_emails.user_id,
            persons_of_phones.user_id,
            profiles.anonymous_id
        ) as user_id,
        profiles.country,
        profiles.age_band,
        profiles.email_domain_class,
        profiles.published_attributes,
        profiles.content_hash,
        case
            when profiles.user_id is not null then true
            else coalesce(
                persons_of_devices.is_identified,
                persons_of_emails.is_identified,
                persons_of_phones.is_identified,
                false
            )
        end as is_identified,
        profiles.signed_up_at

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
