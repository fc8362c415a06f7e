with

order_lines as (

    select * from {{ ref('stg_order_lines') }}

),

contacts_owned as (

    select * from {{ ref('int_contacts_owned') }}

    where contact_type = 'email'

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
            order by line_key
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
        coalesce(order_lines.user_id, contacts_owned.user_id) as user_id,
        order_lines.product_id,

        -- strings
        order_lines.product_name,
        order_lines.category,
        order_lines.country,

        -- numerics
        order_lines.quantity,
        order_lines.unit_price,

        -- booleans
        order_lines.is_marked_cancelled,

        -- timestamps
        order_lines.ordered_at

    from order_lines

    anti join deliveries_dropped
        on order_lines.line_key = deliveries_dropped.line_key

    left join contacts_owned
        on order_lines.email_hash = contacts_owned.contact_hash

)

select * from kept
