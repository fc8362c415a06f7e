with

persons as (

    select * from {{ ref('int_persons_listed') }}

),

user_channels as (

    select * from {{ ref('int_user_channels_aggregated') }}

),

category_values as (

    select
        part,
        value,
        {{ event_alias('category') }} as category_alias

    from {{ ref('score_values') }}

    where category <> '*'

),

other_values as (

    select
        max(case when part = 'channels' then value end) as other_channel_value,
        max(case when part = 'country' then value end) as other_country_value,
        max(case when part = 'email_domain' then value end) as other_email_domain_value,
        max(case when part = 'age_band' then value end) as other_age_band_value

    from {{ ref('score_values') }}

    where category = '*'

),

channels_valued as (

    select
        user_channels.user_id,
        user_channels.n_sessions,
        coalesce(category_values.value, other_values.other_channel_value) as value

    from user_channels

    cross join other_values

    left join category_values
        on
            {{ event_alias('user_channels.channel') }} = category_values.category_alias
            and category_values.part = 'channels'

),

channels_averaged as (

    select
        user_id,
        cast(sum(n_sessions * value) as double) / sum(n_sessions) as channels_value

    from channels_valued

    where value is not null

    group by user_id

),

traits_valued as (

    select
        persons.user_id,
        channels_averaged.channels_value,
        case
            when persons.country is not null
                then coalesce(country_values.value, other_values.other_country_value)
        end as country_value,
        case
            when persons.email_domain_class is not null
                then
                    coalesce(
                        email_domain_values.value, other_values.other_email_domain_value
                    )
        end as email_domain_value,
        case
            when persons.age_band is not null
                then coalesce(age_band_values.value, other_values.other_age_band_value)
        end as age_band_value

    from persons

    cross join other_values

    left join channels_averaged
        on persons.user_id = channels_averaged.user_id

    left join category_values as country_values
        on
            {{ event_alias('persons.country') }} = country_values.category_alias
            and country_values.part = 'country'

    left join category_values as email_domain_values
        on
            {{ event_alias('persons.email_domain_class') }}
            = email_domain_values.category_alias
            and email_domain_values.part = 'email_domain'

    left join category_values as age_band_values
        on
            {{ event_alias('persons.age_band') }} = age_band_values.category_alias
            and age_band_values.part = 'age_band'

)

select * from traits_valued
