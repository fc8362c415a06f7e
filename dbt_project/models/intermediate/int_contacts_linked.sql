with

event_contacts as (

    select * from {{ ref('int_event_contacts_attributed') }}

),

order_lines as (

    select * from {{ ref('stg_order_lines') }}

    where email_hash is not null or phone_hash is not null

),

profiles as (

    select * from {{ ref('int_profiles_attributed') }}

    where email_hash is not null or phone_hash is not null

),

hashed_users as (

    select * from {{ ref('int_hashed_users_matched') }}

),

placeholders as (

    select * from {{ ref('stg_placeholder_contacts') }}

),

contacts_carried as (

    select
        namespace,
        user_id,
        anonymous_id,
        email_hash,
        phone_hash,
        first_seen_at,
        n_rows

    from event_contacts

    union all

    select
        namespace,
        user_id,
        cast(null as string) as anonymous_id,
        email_hash,
        phone_hash,
        ordered_at as first_seen_at,
        1 as n_rows

    from order_lines

    union all

    select
        namespace,
        user_id,
        anonymous_id,
        email_hash,
        phone_hash,
        signed_up_at as first_seen_at,
        1 as n_rows

    from profiles

),

-- The most trusted identifier of a row holds the others.
holders_chosen as (

    select
        namespace,
        case
            when user_id is not null then 'user_id'
            when anonymous_id is not null then 'anonymous_id'
            else 'email'
        end as identifier_type,
        coalesce(user_id, anonymous_id, email_hash) as identifier,
        email_hash,
        phone_hash,
        first_seen_at,
        n_rows

    from contacts_carried

),

pairs_united as (

    select
        1 as trust_rank,
        namespace,
        'user_id' as identifier_type,
        user_id as identifier,
        contact_type,
        contact_hash,
        cast(null as timestamp) as first_seen_at,
        1 as n_rows

    from hashed_users

    union all

    select
        case identifier_type when 'user_id' then 2 else 4 end as trust_rank,
        namespace,
        identifier_type,
        identifier,
        'email' as contact_type,
        email_hash as contact_hash,
        first_seen_at,
        n_rows

    from holders_chosen

    where
        identifier_type <> 'email'
        and email_hash is not null

    union all

    select
        case identifier_type
            when 'user_id' then 3
            when 'anonymous_id' then 5
            else 6
        end as trust_rank,
        namespace,
        identifier_type,
        identifier,
        'phone' as contact_type,
        phone_hash as contact_hash,
        first_seen_at,
        n_rows

    from holders_chosen

    where
        identifier is not null
        and phone_hash is not null

),

pairs_counted as (

    select
        identifier_type,
        identifier,
        contact_type,
        contact_hash,
        min(trust_rank) as trust_rank,
        min(namespace) as namespace,
        min(first_seen_at) as first_seen_at,
        cast(sum(n_rows) as bigint) as n_rows

    from pairs_united

    group by
        identifier_type,
        identifier,
        contact_type,
        contact_hash

),

users_of_namespaces_counted as (

    select
        contact_type,
        contact_hash,
        namespace,
        count(*) as n_users

    from pairs_counted

    where identifier_type = 'user_id'

    group by
        contact_type,
        contact_hash,
        namespace

),

users_counted as (

    select
        contact_type,
        contact_hash,
        max(n_users) as n_users_of_a_namespace,
        cast(sum(n_users) as bigint) as n_users

    from users_of_namespaces_counted

    group by
        contact_type,
        contact_hash

),

contacts_blocked as (

    select
        users_counted.contact_type,
        users_counted.contact_hash,
        case
            when users_counted.n_users > {{ var("max_users_per_identifier") }}
                then 'too_many_users'
            else 'shared'
        end as block_reason

    from users_counted

    anti join placeholders
        on
            users_counted.contact_type = placeholders.contact_type
            and users_counted.contact_hash = placeholders.contact_hash

    where
        users_counted.n_users > {{ var("max_users_per_identifier") }}
        or users_counted.n_users_of_a_namespace > 1

    union all

    select
        contact_type,
        contact_hash,
        'placeholder' as block_reason

    from placeholders

),

-- A till or a kiosk, to which many tell their address.
holders_counted as (

    select
        identifier_type,
        identifier

    from pairs_counted

    group by
        identifier_type,
        identifier,
        contact_type

    having count(*) > {{ var("max_users_per_identifier") }}

),

holders_blocked as (

    select
        identifier_type,
        identifier,
        'too_many_contacts' as block_reason

    from holders_counted

    group by
        identifier_type,
        identifier

),

judged as (

    select
        -- ids
        pairs_counted.identifier,
        pairs_counted.contact_hash,

        -- strings
        pairs_counted.identifier_type,
        pairs_counted.contact_type,
        pairs_counted.namespace,
        coalesce(
            blocked_contacts.block_reason,
            blocked_identifiers.block_reason,
            holders_blocked.block_reason
        ) as block_reason,

        -- numerics
        pairs_counted.trust_rank,
        pairs_counted.n_rows,

        -- timestamps
        pairs_counted.first_seen_at

    from pairs_counted

    left join contacts_blocked as blocked_contacts
        on
            pairs_counted.contact_type = blocked_contacts.contact_type
            and pairs_counted.contact_hash = blocked_contacts.contact_hash

    left join contacts_blocked as blocked_identifiers
        on
            pairs_counted.identifier_type = blocked_identifiers.contact_type
            and pairs_counted.identifier = blocked_identifiers.contact_hash

    left join holders_blocked
        on
            pairs_counted.identifier_type = holders_blocked.identifier_type
            and pairs_counted.identifier = holders_blocked.identifier

)

select * from judged
