with

events as (

    select * from {{ ref('stg_events') }}

),

persons as (

    select * from {{ ref('int_persons_resolved') }}

),

event_names as (

    select * from {{ ref('int_event_names_classified') }}

),

user_agents as (

    select * from {{ ref('int_user_agents_classified') }}

),

referrer_sites as (

    select * from {{ ref('referrer_sites') }}

),

traffic_channels as (

    select * from {{ ref('traffic_channels') }}

),

-- What the link was tagged with says more than where it stood.
referrers_read as (

    select
        *,
        case
            when utm_source is null and utm_medium is null
                then {{ host_domain('referrer_host') }}
        end as referrer_domain,
        lower({{ without_addresses('utm_source') }}) as tagged_source,
        lower({{ without_addresses('utm_medium') }}) as tagged_medium,
        lower({{ without_addresses('utm_campaign') }}) as traffic_campaign

    from events

),

traffic_sources_named as (

    select
        referrers_read.*,
        referrer_sites.traffic_medium as site_medium,
        coalesce(
            referrers_read.tagged_source,
            case
                when referrers_read.referrer_domain is not null
                    then coalesce(
                        referrer_sites.traffic_source, referrers_read.referrer_domain
                    )
            end
        ) as traffic_source,
        coalesce(
            referrers_read.tagged_medium,
            case
                when referrers_read.referrer_domain is not null
                    then coalesce(referrer_sites.traffic_medium, 'referral')
            end
        ) as traffic_medium

    from referrers_read

    left join referrer_sites
        on
            coalesce(
                referrers_read.tagged_source,
                {{ site_name('referrers_read.referrer_domain') }}
            ) = referrer_sites.site

),

identified as (

    select
        -- ids
        traffic_sources_named.event_key,
        persons.event_id,
        persons.user_id,
        traffic_sources_named.anonymous_id,
        traffic_sources_named.order_id,
        traffic_sources_named.product_id,

        -- strings
        traffic_sources_named.source,
        traffic_sources_named.event_name,
        coalesce(event_names.event_type, 'other') as event_type,
        traffic_sources_named.page_path,
        traffic_sources_named.traffic_source,
        traffic_sources_named.traffic_medium,
        traffic_sources_named.traffic_campaign,
        case
            when
                traffic_sources_named.traffic_source is null
                and traffic_sources_named.traffic_medium is null
                then null
            when
                traffic_channels.channel = 'paid_search'
                and traffic_sources_named.site_medium = 'social'
                then 'paid_social'
            else coalesce(traffic_channels.channel, 'other')
        end as channel,
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
        persons.is_bot,
        coalesce(event_names.is_email_event, false) as is_email_event,
        persons.is_identified,

        -- timestamps
        traffic_sources_named.occurred_at,
        traffic_sources_named.received_at

    from traffic_sources_named

    inner join persons
        on traffic_sources_named.event_key = persons.event_key

    left join event_names
        on traffic_sources_named.event_name = event_names.event_name

    left join user_agents
        on traffic_sources_named.user_agent = user_agents.user_agent

    left join traffic_channels
        on
            coalesce(
                traffic_sources_named.traffic_medium,
                traffic_sources_named.traffic_source
            ) = traffic_channels.word

)

select * from identified
