with

source as (

    select * from {{ source('raw', 'events') }}

    where occurred_at < {{ as_of() }}

),

normalized as (

    select
        -- ids
        row_key as event_key,
        {{ cleaned_id('event_id') }} as event_id,
        {{ cleaned_id('user_id') }} as user_id,
        {{ cleaned_id('anonymous_id') }} as anonymous_id,
        {{ cleaned_id('order_id') }} as order_id,
        {{ cleaned_id('product_id') }} as product_id,
        content_hash,
        email_hash,
        phone_hash,

        -- strings
        source,
        namespace,
        {{ cleaned_text('event_name') }} as event_name,
        {{ without_addresses(page_path('page_url')) }} as page_path,
        {{ url_host('page_url') }} as page_host,
        {{ url_host('referrer') }} as referrer_host,
        coalesce(
            {{ cleaned_text('utm_source') }}, {{ url_parameter('page_url', 'utm_source') }}
        ) as utm_source,
        coalesce(
            {{ cleaned_text('utm_medium') }}, {{ url_parameter('page_url', 'utm_medium') }}
        ) as utm_medium,
        coalesce(
            {{ cleaned_text('utm_campaign') }},
            {{ url_parameter('page_url', 'utm_campaign') }}
        ) as utm_campaign,
        {{ cleaned_text('user_agent') }} as user_agent,
        {{ cleaned_text('device_type') }} as device_type,
        {{ cleaned_country('country') }} as country,
        {{ cleaned_text('product_name') }} as product_name,
        {{ cleaned_text('category') }} as category,

        -- numerics
        price,
        quantity,
        revenue,
        items,

        -- timestamps
        occurred_at,
        received_at

    from source

)

select * from normalized
