-- A view: what reads it needs few of its columns, and each event is written once more
-- when it is clean.
{{ config(materialized='view') }}

with

events as (

    select * from {{ ref('stg_events') }}

),

copies_dropped as (

    select * from {{ ref('int_event_copies_ranked') }}

    where copy_number > 1

),

user_agents as (

    select * from {{ ref('stg_lookups__user_agents') }}

),

bots as (

    select * from {{ ref('int_bots_detected') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates_dated') }}

),

kept as (

    select events.* from events

    anti join copies_dropped
        on events.event_key = copies_dropped.event_key

),

user_agents_read as (

    select
        -- ids
        kept.event_key,
        coalesce(
            kept.event_id,
            case when kept.namespace <> '' then kept.namespace || ':' else '' end
            || kept.content_hash
            || coalesce('-' || cast(kept.received_at as string), '')
        ) as event_id,
        kept.user_id,
        kept.anonymous_id,
        kept.tracker_session_id,
        kept.page_view_id,
        kept.order_id,
        kept.product_id,
        kept.email_hash,
        kept.phone_hash,

        -- strings
        kept.source,
        kept.namespace,
        kept.event_name,
        kept.page_path,
        kept.referrer_host,
        kept.utm_source,
        kept.utm_medium,
        kept.utm_campaign,
        kept.click_id,
        coalesce({{ sent_device('kept.device_type') }}, user_agents.device_type)
            as device_type,
        user_agents.os,
        user_agents.browser,
        case when user_agents.is_bot then 'user_agent' else bots.reason end
            as bot_reason,
        kept.country,
        kept.product_name,
        kept.category,

        -- numerics
        {{ in_reporting_currency(
            'kept.price', 'kept.currency', 'exchange_rates.rate'
        ) }} as price,
        kept.quantity,
        {{ in_reporting_currency(
            'kept.revenue', 'kept.currency', 'exchange_rates.rate'
        ) }} as revenue,
        {{ items_in_reporting_currency(
            'kept.items', 'kept.currency', 'exchange_rates.rate'
        ) }} as items,

        -- booleans
        coalesce(user_agents.is_bot, false) or bots.reason is not null as is_bot,
        {{ is_without_rate('kept.currency', 'exchange_rates.rate') }}
            as is_without_rate,

        -- timestamps
        kept.occurred_at,
        kept.received_at

    from kept

    left join user_agents
        on kept.user_agent = user_agents.user_agent

    left join bots
        on kept.anonymous_id = bots.anonymous_id

    {{ exchange_rates_joined('kept.currency', 'kept.occurred_at') }}

)

select * from user_agents_read
