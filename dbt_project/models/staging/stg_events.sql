with

source as (

    select * from {{ source('raw', 'events') }}

    where occurred_at < {{ as_of() }}

),

-- A query or a fragment may hold anything, a person's address too: it ends here.
urls_cut as (

    select
        *,
        {{ url_address('nullif(page_url, \'\')') }} as page_address,
        {{ url_address('referrer') }} as referrer_address

    from source

),

authorities_found as (

    select
        *,
        {{ url_authority('page_address') }} as page_authority,
        {{ url_authority('referrer_address') }} as referrer_authority

    from urls_cut

),

hosts_found as (

    select
        *,
        {{ authority_host('page_authority') }} as page_host,
        {{ authority_host('referrer_authority') }} as referring_host

    from authorities_found

),

-- As cases, since each is then asked of the rows alone that those before it left.
paths_cut as (

    select
        *,
        {{ page_path('page_address', 'page_authority') }} as full_page_path,
        case
            when referrer_authority is null then false
            when page_authority = referrer_authority then true
            else coalesce({{ is_same_site('page_host', 'referring_host') }}, false)
        end as is_internal_referrer

    from hosts_found

),

normalized as (

    select
        -- ids
        row_key as event_key,
        {{ cleaned_id('event_id') }} as event_id,
        {{ cleaned_id('user_id') }} as user_id,
        {{ cleaned_id('anonymous_id') }} as anonymous_id,
        {{ cleaned_id('session_id') }} as tracker_session_id,
        {{ cleaned_id('page_view_id') }} as page_view_id,
        {{ cleaned_id('order_id') }} as order_id,
        coalesce(
            {{ cleaned_id('product_id') }},
            {{ only_entry('items', 'product_id') }}
        ) as product_id,
        content_hash,
        email_hash,
        phone_hash,
        {{ record_of(
            ["user_id", "anonymous_id", "session_id", "email_hash", "phone_hash",
             "event_name", "page_url", "page_title", "referrer", "utm_source",
             "utm_medium", "utm_campaign", "user_agent", "device_type", "ip_hash", "country",
             "product_id", "product_name", "category", "order_id", "currency", "price",
             "quantity", "revenue", "items", "occurred_at", "attributes",
             "page_view_id"]
        ) }} as sent_record,

        -- strings
        source,
        namespace,
        {{ cleaned_text('event_name') }} as event_name,
        case
            when full_page_path = '' then '/'
            else {{ without_addresses('full_page_path') }}
        end as page_path,
        case when not is_internal_referrer then referring_host end as referrer_host,
        coalesce(
            {{ cleaned_text('utm_source') }},
            {{ url_parameter('page_url', 'utm_source') }}
        ) as utm_source,
        coalesce(
            {{ cleaned_text('utm_medium') }},
            {{ url_parameter('page_url', 'utm_medium') }}
        ) as utm_medium,
        coalesce(
            {{ cleaned_text('utm_campaign') }},
            {{ url_parameter('page_url', 'utm_campaign') }}
        ) as utm_campaign,
        {{ click_id('page_url') }} as click_id,
        user_agent,
        {{ cleaned_text('device_type') }} as device_type,
        {{ cleaned_country('country') }} as country,
        {{ cleaned_currency('currency') }} as currency,
        coalesce(
            {{ cleaned_text('product_name') }},
            {{ only_entry('items', 'product_name') }}
        ) as product_name,
        coalesce(
            {{ cleaned_text('category') }},
            {{ only_entry('items', 'category') }}
        ) as category,

        -- numerics
        coalesce(price, {{ only_entry('items', 'price') }}) as price,
        coalesce(quantity, {{ only_entry('items', 'quantity') }}) as quantity,
        revenue,
        items,

        -- timestamps
        occurred_at,
        received_at

    from paths_cut

)

select * from normalized
