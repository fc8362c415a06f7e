with

persons_active as (

    select * from {{ ref('int_person_events_summarized') }}

),

order_lines as (

    select * from {{ ref('int_order_lines_deduplicated') }}

    where user_id is not null

),

profiles as (

    select * from {{ ref('int_profiles_resolved') }}

),

profile_fields as (

    select * from {{ ref('int_profile_fields_resolved') }}

),

mentions as (

    select
        user_id,
        is_identified,
        cast(null as timestamp) as signed_up_at

    from persons_active

    union all

    select
        user_id,
        is_identified,
        cast(null as timestamp) as signed_up_at

    from order_lines

    union all

    select
        user_id,
        is_identified,
        signed_up_at

    from profiles

),

persons as (

    select
        user_id,
        bool_or(is_identified) as is_identified,
        min(signed_up_at) as signed_up_at

    from mentions

    group by user_id

),

fields_spread as (

    select
        user_id,
        max(value) filter (where field = 'country') as country,
        max(value) filter (where field = 'device_type') as device_type,
        max(value) filter (where field = 'age_band') as age_band,
        max(value) filter (where field = 'email_domain_class') as email_domain_class,
        max(value) filter (where field = 'attributes') as attributes,
        count(*) filter (where n_values > 1 and rule <> 'most_frequent')
            as n_profile_conflicts

    from profile_fields

    group by user_id

),

listed as (

    select
        -- ids
        persons.user_id,

        -- strings
        fields_spread.country,
        fields_spread.device_type,
        fields_spread.age_band,
        fields_spread.email_domain_class,
        coalesce(fields_spread.attributes, '{}') as attributes,

        -- numerics
        coalesce(fields_spread.n_profile_conflicts, 0) as n_profile_conflicts,

        -- booleans
        persons.is_identified,

        -- timestamps
        persons.signed_up_at

    from persons

    left join fields_spread
        on persons.user_id = fields_spread.user_id

)

select * from listed
