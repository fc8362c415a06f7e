with

events as (

    select * from {{ ref('stg_events') }}

),

persons as (

    select * from {{ ref('int_persons_resolved') }}

),

user_agents as (

    select * from {{ ref('int_user_agents_classified') }}

),

event_types as (

    select * from {{ ref('event_types') }}

),

referrer_sites as (

    select * from {{ ref('referrer_sites') }}

),

event_names as (

    select distinct event_name from events

),

event_names_classified as (

    select
        event_names.event_name,
        coalesce(event_types.event_type, 'other') as event_type,
        coalesce(event_types.is_email_event, false) as is_email_event

    from event_names

    left join event_types
        on {{ event_alias('event_names.event_name') }} = event_types.alias

),

identified as (

    select
        events.*,
        persons.event_id as known_event_id,
        persons.user_id as person_id,
        persons.is_bot,
        persons.is_identified,
        event_names_classified.event_type,
        event_names_classified.is_email_event,
        case
            when events.referrer_host is distinct from events.page_host
                then {{ host_domain('events.referrer_host') }}
        end as referrer_domain

    from events

    inner join persons
        on events.event_key = persons.event_key

    left join event_names_classified
        on events.event_name = event_names_classified.event_name

),

traffic_sources_named as (

    select
        identified.*,
        lower({{ without_addresses('identified.utm_campaign') }}) as traffic_campaign,
        case
            when identified.utm_source is not null or identified.utm_medium is not null
                then lower({{ without_addresses('identified.utm_source') }})
            else coalesce(referrer_sites.traffic_source, identified.referrer_domain)
        end as traffic_source,
        case
            when identified.utm_source is not null or identified.utm_medium is not null
                then lower({{ without_addresses('identified.utm_medium') }})
            when referrer_sites.traffic_medium is not null
                then referrer_sites.traffic_medium
            when identified.referrer_domain is not null then 'referral'
        end as traffic_medium

    from identified

    left join referrer_sites
        on {{ site_name('identified.referrer_domain') }} = referrer_sites.site

),

listed as (

    select
        -- ids
        traffic_sources_named.event_key,
        traffic_sources_named.known_event_id as event_id,
        traffic_sources_named.person_id as user_id,
        traffic_sources_named.anonymous_id,
        traffic_sources_named.order_id,
        traffic_sources_named.product_id,

        -- strings
        traffic_sources_named.source,
        traffic_sources_named.event_name,
        traffic_sources_named.event_type,
        traffic_sources_named.page_path,
        traffic_sources_named.traffic_source,
        traffic_sources_named.traffic_medium,
        traffic_sources_named.traffic_campaign,
        {{ traffic_channel(
            'traffic_sources_named.traffic_source',
            'traffic_sources_named.traffic_medium'
        ) }} as channel,
        coalesce(
            {{ sent_device('traffic_sources_named.device_type') }},
            user_agents.device_type
        ) as device_type,
        traffic_sources_named.country,
        traffic_sources_named.product_name,
        traffic_sources_named.category,

        -- numerics
        traffic_sources_named.price,
        traffic_sources_named.quantity,
        traffic_sources_named.revenue,
        traffic_sources_named.items,

        -- booleans
        traffic_sources_named.is_bot,
        traffic_sources_named.is_email_event,
        traffic_sources_named.is_identified,

        -- timestamps
        traffic_sources_named.occurred_at,
        traffic_sources_named.received_at

    from traffic_sources_named

    left join user_agents
        on traffic_sources_named.user_agent = user_agents.user_agent

)

select * from listed
