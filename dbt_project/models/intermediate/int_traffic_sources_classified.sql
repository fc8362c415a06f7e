with

events as (

    select * from {{ ref('stg_events') }}

),

-- What events tell of where they came from, each once: few of them, of many events. A
-- filter would take most of the time: DuckDB writes out all that the view computes, for
-- each mention of it (2M events, 2026-11). In `having` it does not.
tellings as (

    select
        utm_source,
        utm_medium,
        utm_campaign,
        click_id,
        referrer_host

    from events

    group by
        utm_source,
        utm_medium,
        utm_campaign,
        click_id,
        referrer_host

    having
        count(coalesce(utm_source, utm_medium, utm_campaign, click_id, referrer_host))
        > 0

),

click_ids as (

    select * from {{ ref('click_ids') }}

),

referrer_sites as (

    select * from {{ ref('referrer_sites') }}

),

channel_words as (

    select * from {{ ref('channel_words') }}

),

tags_read as (

    select
        *,
        {{ campaign_tag('utm_source') }} as sent_source,
        {{ campaign_tag('utm_medium') }} as tagged_medium,
        {{ campaign_tag('utm_campaign') }} as sent_campaign

    from tellings

),

directs_found as (

    select
        *,
        tagged_medium is null
        and coalesce(sent_source in ('direct', '(direct)'), false) as is_direct

    from tags_read

),

-- `direct` says that nothing is known, as if there were no tag.
tags_believed as (

    select
        *,
        case when not is_direct then sent_source end as tagged_source,
        case when not is_direct then sent_campaign end as tagged_campaign

    from directs_found

),

-- Tags say more than click ids, and these more than referrers. A click id completes
-- tags; a referrer never does: who reads a mailing in a browser comes from a mailbox.
sources_chosen as (

    select
        tags_believed.*,
        case when click_ids.is_campaign_only then tags_believed.click_id end
            as campaign_click_id,
        tags_believed.tagged_source is null
        and tags_believed.tagged_medium is null
        and tags_believed.click_id is null as is_referral,
        coalesce(tags_believed.tagged_source, click_ids.traffic_source) as known_source,
        coalesce(
            tags_believed.tagged_medium,
            case
                when tags_believed.tagged_source is null or click_ids.is_campaign_only
                    then click_ids.traffic_medium
            end
        ) as known_medium

    from tags_believed

    left join click_ids
        on tags_believed.click_id = click_ids.parameter

),

hosts_chosen as (

    select
        *,
        coalesce(known_source, case when is_referral then referrer_host end)
            as source_host

    from sources_chosen

),

hosts_read as (

    select
        *,
        {{ host_domain('source_host') }} as source_domain

    from hosts_chosen

),

sites_found as (

    select
        hosts_read.*,
        coalesce(
            site_hosts.category, site_domains.category, site_names.category
        ) as category,
        coalesce(
            site_hosts.traffic_source,
            site_domains.traffic_source,
            site_names.traffic_source,
            hosts_read.source_domain
        ) as site_source

    from hosts_read

    left join referrer_sites as site_hosts
        on hosts_read.source_host = site_hosts.site

    left join referrer_sites as site_domains
        on hosts_read.source_domain = site_domains.site

    left join referrer_sites as site_names
        on {{ site_name('hosts_read.source_domain') }} = site_names.site

),

sources_named as (

    select
        *,
        case
            when not is_referral then known_source
            when category = 'ignored' then null
            else site_source
        end as traffic_source,
        case
            when not is_referral then known_medium
            when source_host is null or category = 'ignored' then null
            when category = 'search' then 'organic'
            when category = 'social' then 'social'
            when category = 'email' then 'email'
            when category = 'ai_assistant' then 'ai-assistant'
            else 'referral'
        end as traffic_medium

    from sites_found

),

kinds_told as (

    select
        *,
        {{ matches('traffic_medium', '^(.*cp.*|ppc|retargeting|paid.*)$') }} as is_paid,
        category = 'shopping'
        or {{ matches('tagged_campaign', '(^|[^a-df-z])shop|shopping') }} as is_shopping

    from sources_named

),

-- The rules of GA4's default channel group, in their order: the first that fits counts.
channels_told as (

    select
        *,
        case
            when coalesce(traffic_source, traffic_medium, tagged_campaign) is null
                then null
            when tagged_campaign like '%cross-network%' then 'cross_network'
            when is_paid and is_shopping then 'paid_shopping'
            when is_paid and category = 'search' then 'paid_search'
            when is_paid and category = 'social' then 'paid_social'
            when is_paid and category = 'video' then 'paid_video'
            when
                traffic_medium in (
                    'display', 'banner', 'expandable', 'interstitial', 'cpm'
                )
                then 'display'
            when is_paid then 'paid_other'
            when is_shopping then 'organic_shopping'
            when
                category = 'social'
                or traffic_medium in (
                    'social',
                    'social-network',
                    'social-media',
                    'sm',
                    'social network',
                    'social media'
                )
                then 'organic_social'
            when category = 'video' or traffic_medium like '%video%'
                then 'organic_video'
            when category = 'search' or traffic_medium = 'organic'
                then 'organic_search'
            when category = 'ai_assistant' or traffic_medium = 'ai-assistant'
                then 'ai_assistant'
            when traffic_medium in ('referral', 'app', 'link') then 'referral'
            when
                category = 'email'
                or traffic_source in ('email', 'e-mail', 'e_mail', 'e mail')
                or traffic_medium in ('email', 'e-mail', 'e_mail', 'e mail')
                then 'email'
            when traffic_medium = 'affiliate' then 'affiliates'
            when traffic_medium = 'audio' then 'audio'
            when traffic_source = 'sms' or traffic_medium = 'sms' then 'sms'
            when
                traffic_medium like '%push'
                or traffic_medium like '%mobile%'
                or traffic_medium like '%notification%'
                or traffic_source = 'firebase'
                then 'mobile_push'
            else 'unassigned'
        end as rule_channel

    from kinds_told

),

classified as (

    select
        -- strings
        channels_told.utm_source,
        channels_told.utm_medium,
        channels_told.utm_campaign,
        channels_told.click_id,
        channels_told.referrer_host,
        channels_told.traffic_source,
        channels_told.traffic_medium,
        channels_told.tagged_campaign as traffic_campaign,
        case
            when channels_told.rule_channel = 'unassigned'
                then coalesce(
                    words_of_mediums.channel, words_of_sources.channel, 'unassigned'
                )
            else channels_told.rule_channel
        end as channel,

        -- booleans
        coalesce(
            channels_told.tagged_source,
            channels_told.tagged_medium,
            channels_told.tagged_campaign,
            channels_told.campaign_click_id
        ) is not null as is_campaign

    from channels_told

    left join channel_words as words_of_mediums
        on {{ channel_word('channels_told.traffic_medium') }} = words_of_mediums.word

    left join channel_words as words_of_sources
        on {{ channel_word('channels_told.traffic_source') }} = words_of_sources.word

)

select * from classified
