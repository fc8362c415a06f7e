with

persons as (

    select * from {{ ref('int_persons_listed') }}

),

user_days as (

    select * from {{ ref('int_user_days_aggregated') }}

),

user_categories as (

    select * from {{ ref('int_user_categories_aggregated') }}

),

user_channels as (

    select * from {{ ref('int_user_channels_aggregated') }}

),

channels_ranked as (

    select
        user_id,
        channel,
        row_number() over (
            partition by user_id
            order by
                n_sessions desc,
                channel asc
        ) as channel_rank

    from user_channels

),

-- What was bought says more than what was looked at.
categories_ranked as (

    select
        user_id,
        category,
        row_number() over (
            partition by user_id
            order by
                n_order_lines desc,
                n_interactions desc,
                category asc
        ) as category_rank

    from user_categories

),

days_summed as (

    select
        user_id,
        sum(n_night_activities) as n_night_activities,
        sum(n_morning_activities) as n_morning_activities,
        sum(n_afternoon_activities) as n_afternoon_activities,
        sum(n_evening_activities) as n_evening_activities,
        -- Two days of seven: as often on each day is not 'weekend'.
        coalesce(sum(n_activities) filter (where is_weekend), 0) / 2.0
            as weekend_activities_per_day,
        coalesce(sum(n_activities) filter (where not is_weekend), 0) / 5.0
            as weekday_activities_per_day

    from user_days

    group by user_id

    having sum(n_activities) > 0

),

times_named as (

    select
        user_id,
        case greatest(
            n_night_activities,
            n_morning_activities,
            n_afternoon_activities,
            n_evening_activities
        )
            when n_evening_activities then 'evening'
            when n_afternoon_activities then 'afternoon'
            when n_morning_activities then 'morning'
            else 'night'
        end as main_daypart,
        case
            when weekend_activities_per_day > weekday_activities_per_day then 'weekend'
            else 'weekday'
        end as main_weekday_type

    from days_summed

),

traits_listed as (

    select
        -- ids
        persons.user_id,

        -- strings
        persons.device_type as main_device_type,
        persons.country as main_country,
        channels_ranked.channel as main_channel,
        first_categories.category as main_category,
        second_categories.category as second_category,
        times_named.main_daypart,
        times_named.main_weekday_type

    from persons

    left join channels_ranked
        on
            persons.user_id = channels_ranked.user_id
            and channels_ranked.channel_rank = 1

    left join categories_ranked as first_categories
        on
            persons.user_id = first_categories.user_id
            and first_categories.category_rank = 1

    left join categories_ranked as second_categories
        on
            persons.user_id = second_categories.user_id
            and second_categories.category_rank = 2

    left join times_named
        on persons.user_id = times_named.user_id

)

select * from traits_listed
