with

event_ids as (

    select * from {{ ref('int_event_ids_counted') }}

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

-- Where an address served as the user_id, a hash stands in the id's place, behind the
-- namespace if there is one: such a user carries the address without further word.
users_hashed as (

    select
        namespace,
        user_id

    from event_ids

    where length(user_id) >= 64

    union

    select
        namespace,
        user_id

    from order_lines

    where length(user_id) >= 64

    union

    select
        namespace,
        user_id

    from profiles

    where length(user_id) >= 64

),

matched as (

    select
        users_hashed.namespace,
        users_hashed.user_id,
        user_contacts.contact_type,
        user_contacts.contact_hash

    from users_hashed

    inner join user_contacts
        on
            user_contacts.hashed_user_id
            = substr(users_hashed.user_id, length(users_hashed.user_id) - 63)

)

select * from matched
