with

order_lines as (

    select * from {{ ref('stg_order_lines') }}

),

persons as (

    select * from {{ ref('int_persons_resolved') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates_dated') }}

),

lines_repeated as (

    select
        order_id,
        content_hash,
        namespace

    from order_lines

    group by
        order_id,
        content_hash,
        namespace

    having count(*) > 1

),

-- The second copy within one file meets the second copy in another one.
copies_numbered as (

    select
        order_lines.line_key,
        order_lines.order_id,
        order_lines.content_hash,
        order_lines.source,
        order_lines.namespace,
        row_number() over (
            partition by
                order_lines.namespace,
                order_lines.order_id,
                order_lines.content_hash,
                order_lines.file_id
            order by order_lines.line_key
        ) as copy_number

    from order_lines

    inner join lines_repeated
        on
            order_lines.content_hash = lines_repeated.content_hash
            and order_lines.order_id = lines_repeated.order_id
            and order_lines.namespace = lines_repeated.namespace

),

copies_ranked as (

    select
        line_key,
        row_number() over (
            partition by
                namespace,
                order_id,
                content_hash,
                copy_number
            order by
                source asc,
                line_key asc
        ) as delivery_number

    from copies_numbered

),

deliveries_dropped as (

    select line_key from copies_ranked

    where delivery_number > 1

),

kept as (

    select
        -- ids
        order_lines.line_key,
        order_lines.order_id,
        coalesce(
            persons_of_users.user_id,
            order_lines.user_id,
            persons_of_emails.user_id,
            persons_of_phones.user_id
        ) as user_id,
        order_lines.product_id,

        -- strings
        order_lines.source,
        order_lines.product_name,
        order_lines.category,
        order_lines.country,

        -- numerics
        order_lines.quantity,
        {{ in_reporting_currency(
            'order_lines.unit_price', 'order_lines.currency', 'exchange_rates.rate'
        ) }} as unit_price,

        -- booleans
        order_lines.is_marked_cancelled,
        coalesce(
            order_lines.user_id is not null
            or persons_of_emails.is_identified
            or persons_of_phones.is_identified,
            false
        ) as is_identified,

        -- timestamps
        order_lines.ordered_at

    from order_lines

    anti join deliveries_dropped
        on order_lines.line_key = deliveries_dropped.line_key

    left join persons as persons_of_users
        on
            order_lines.user_id = persons_of_users.identifier
            and persons_of_users.identifier_type = 'user_id'

    left join persons as persons_of_emails
        on
            order_lines.email_hash = persons_of_emails.identifier
            and persons_of_emails.identifier_type = 'email'

    left join persons as persons_of_phones
        on
            order_lines.phone_hash = persons_of_phones.identifier
            and persons_of_phones.identifier_type = 'phone'

    {{ exchange_rates_joined('order_lines.currency', 'order_lines.ordered_at') }}

)

select * from kept
