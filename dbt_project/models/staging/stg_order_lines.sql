with

source as (

    select * from {{ source('raw', 'order_lines') }}

    where ordered_at < {{ as_of() }}

),

normalized as (

    select
        -- ids
        row_key as line_key,
        file_id,
        line_number,
        {{ cleaned_id('order_id') }} as order_id,
        {{ cleaned_id('user_id') }} as user_id,
        {{ cleaned_id('product_id') }} as product_id,
        content_hash,
        email_hash,
        phone_hash,

        -- strings
        source,
        namespace,
        {{ cleaned_text('product_name') }} as product_name,
        {{ cleaned_text('category') }} as category,
        {{ cleaned_country('country') }} as country,
        {{ cleaned_currency('currency') }} as currency,

        -- numerics
        quantity,
        unit_price,

        -- booleans
        coalesce(is_cancelled, false) as is_marked_cancelled,

        -- timestamps
        ordered_at

    from source

)

select * from normalized
