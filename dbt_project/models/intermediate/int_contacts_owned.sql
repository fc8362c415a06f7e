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

user_contacts as (

    select * from {{ ref('stg_user_contacts') }}

),

rows_with_contact as (

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

contacts_carried as (

    select
        'email' as contact_type,
        email_hash as contact_hash,
        user_id

    from rows_with_contact

    where email_hash is not null

    union all

    select
        'phone' as contact_type,
        phone_hash as contact_hash,
        user_id

    from rows_with_contact

    where phone_hash is not null

),

contacts as (

    select distinct
        contact_type,
        contact_hash

    from contacts_carried

),

-- Where an address served as the user_id, a hash stands in the id's place, behind the
-- namespace if there is one: such a user carries the address without further word.
users_hashed as (

    select user_id from events

    where length(user_id) >= 64

    union

    select user_id from order_lines

    where length(user_id) >= 64

    union

    select user_id from profiles

    where length(user_id) >= 64

),

contacts_united as (

    select
        contact_type,
        contact_hash,
        user_id

    from contacts_carried

    where user_id is not null

    union all

    select
        contacts.contact_type,
        contacts.contact_hash,
        users_hashed.user_id

    from contacts

    inner join user_contacts
        on
            contacts.contact_type = user_contacts.contact_type
            and contacts.contact_hash = user_contacts.contact_hash

    inner join users_hashed
        on
            user_contacts.hashed_user_id
            = substr(users_hashed.user_id, length(users_hashed.user_id) - 63)

),

owned as (

    select
        contact_type,
        contact_hash,
        min(user_id) as user_id

    from contacts_united

    group by
        contact_type,
        contact_hash

    having count(distinct user_id) = 1

)

select * from owned
