with

events as (

    select * from {{ ref('stg_events') }}

),

order_lines as (

    select * from {{ ref('stg_order_lines') }}

),

profiles as (

    select * from {{ ref('stg_users') }}

),

rows_with_user as (

    select
        email_hash,
        phone_hash,
        user_id

    from events

    where email_hash is not null or phone_hash is not null

    union all

    select
        email_hash,
        phone_hash,
        user_id

    from order_lines

    where email_hash is not null or phone_hash is not null

    union all

    select
        email_hash,
        phone_hash,
        user_id

    from profiles

    where email_hash is not null or phone_hash is not null

),

contacts as (

    select
        'email' as contact_type,
        email_hash as contact_hash,
        user_id

    from rows_with_user

    where email_hash is not null

    union all

    select
        'phone' as contact_type,
        phone_hash as contact_hash,
        user_id

    from rows_with_user

    where phone_hash is not null

),

owned as (

    select
        contact_type,
        contact_hash,
        min(user_id) as user_id

    from contacts

    group by
        contact_type,
        contact_hash

    having count(distinct user_id) = 1

)

select * from owned
