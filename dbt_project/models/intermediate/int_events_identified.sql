with

events as (

    select * from {{ ref('int_events_deduplicated') }}

),

devices as (

    select * from {{ ref('int_devices_owned') }}

),

shared_devices as (

    select * from {{ ref('int_shared_devices_followed') }}

),

persons_moved as (

    select * from {{ ref('int_persons_resolved') }}

    where is_moved

),

event_names as (

    select * from {{ ref('int_event_names_classified') }}

),

referrer_sites as (

    select * from {{ ref('referrer_sites') }}

),

traffic_channels as (

    select * from {{ ref('traffic_channels') }}

),

-- A bot that borrows somebody's id is not that person.
holders_found as (

    select
        events.*,
        case
            when events.user_id is not null then events.user_id
            when events.is_bot then events.anonymous_id
            else coalesce(shared_devices.user_id, devices.user_id, events.anonymous_id)
        end as holder_id,
        coalesce(
            events.user_id,
            case when not events.is_bot then devices.user_id end
        ) is not null as has_user,
        case
            when events.is_bot then null
            when coalesce(events.user_id, devices.user_id) is not null then 'user_id'
            else 'anonymous_id'
        end as holder_type

    from events

    left join devices
        on events.anonymous_id = devices.anonymous_id

    left join shared_devices
        on events.event_key = shared_devices.event_key

),

persons_resolved as (

    select
        holders_found.*,
        coalesce(persons_moved.user_id, holders_found.holder_id) as person_id,
        holders_found.has_user
        or coalesce(persons_moved.is_identified, false) as is_identified

    from holders_found

    left join persons_moved
        on
            holders_found.holder_id = persons_moved.identifier
            and holders_found.holder_type = persons_moved.identifier_type

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

    from persons_resolved

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
        traffic_sources_named.event_id,
        traffic_sources_named.person_id as user_id,
        traffic_sources_named.anonymous_id,
        traffic_sources_named.tracker_session_id,
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
        traffic_sources_named.device_type,
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
        coalesce(
            traffic_sources_named.tagged_source,
            traffic_sources_named.tagged_medium,
            traffic_sources_named.traffic_campaign
        ) is not null as is_campaign,
        coalesce(event_names.is_email_event, false) as is_email_event,
        traffic_sources_named.is_identified,

        -- timestamps
        traffic_sources_named.occurred_at,
        traffic_sources_named.received_at

    from traffic_sources_named

    left join event_names
        on traffic_sources_named.event_name = event_names.event_name

    left join traffic_channels
        on
            coalesce(
                traffic_sources_named.traffic_medium,
                traffic_sources_named.traffic_source
            ) = traffic_channels.word

)

select * from identified
