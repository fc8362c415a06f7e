with

components as (

    select * from {{ ref('stg_identity__components') }}

),

persons_before as (

    select * from {{ ref('stg_previous__user_identifiers') }}

    where match_rule = 'itself'

),

changes_before as (

    select * from {{ ref('stg_previous__identity_changes') }}

    where change = 'merged'

),

event_ids as (

    select * from {{ ref('int_event_ids_counted') }}

    where not is_bot

),

order_lines as (

    select * from {{ ref('stg_order_lines') }}

),

profiles as (

    select * from {{ ref('stg_users') }}

),

-- A person is published under an id of a source; under an address, nobody is.
ids_counted as (

    select
        component,
        part,
        identifier_type,
        identifier,
        count(*) over (partition by component) as n_ids

    from components

    where identifier_type in ('user_id', 'anonymous_id')

),

ids_seen as (

    select
        'user_id' as identifier_type,
        user_id as identifier,
        first_seen_at as seen_at

    from event_ids

    where user_id is not null

    union all

    select
        'anonymous_id' as identifier_type,
        anonymous_id as identifier,
        first_seen_at as seen_at

    from event_ids

    where anonymous_id is not null

    union all

    select
        'user_id' as identifier_type,
        user_id as identifier,
        ordered_at as seen_at

    from order_lines

    where user_id is not null

    union all

    select
        'user_id' as identifier_type,
        user_id as identifier,
        signed_up_at as seen_at

    from profiles

    where
        user_id is not null
        and signed_up_at is not null

),

-- Until they merged, persons were published under these. Whoever is parted again has
-- that name back, though the last snapshot knew all of them under another.
names_once_published as (

    select
        identifier_type,
        identifier

    from changes_before

    group by
        identifier_type,
        identifier

),

-- Only where several ids could name a person it matters which was first. Who was
-- published before keeps the name, though an earlier one turns up.
ids_first_seen as (

    select
        ids_seen.identifier_type,
        ids_seen.identifier,
        min(ids_seen.seen_at) as first_seen_at

    from ids_seen

    semi join ids_counted
        on
            ids_seen.identifier = ids_counted.identifier
            and ids_seen.identifier_type = ids_counted.identifier_type
            and ids_counted.n_ids > 1

    group by
        ids_seen.identifier_type,
        ids_seen.identifier

),

ids_ranked as (

    select
        ids_counted.component,
        ids_counted.part,
        ids_counted.identifier_type,
        ids_counted.identifier,
        row_number() over (
            partition by ids_counted.component
            order by
                ids_counted.identifier_type desc,
                case
                    when persons_before.identifier is not null then 1
                    when names_once_published.identifier is not null then 2
                    else 3
                end asc,
                ids_first_seen.first_seen_at asc nulls last,
                ids_counted.identifier asc
        ) as id_rank

    from ids_counted

    left join ids_first_seen
        on
            ids_counted.identifier_type = ids_first_seen.identifier_type
            and ids_counted.identifier = ids_first_seen.identifier

    left join persons_before
        on
            ids_counted.identifier_type = persons_before.identifier_type
            and ids_counted.identifier = persons_before.identifier

    left join names_once_published
        on
            ids_counted.identifier_type = names_once_published.identifier_type
            and ids_counted.identifier = names_once_published.identifier

),

persons_named as (

    select
        component,
        part,
        identifier_type,
        identifier

    from ids_ranked

    where id_rank = 1

),

resolved as (

    select
        -- ids
        components.identifier,
        persons_named.identifier as user_id,

        -- strings
        components.identifier_type,

        -- booleans
        persons_named.identifier_type = 'user_id' as is_identified,
        components.identifier_type <> persons_named.identifier_type
        or components.identifier <> persons_named.identifier as is_moved,
        components.part <> persons_named.part as is_similar

    from components

    inner join persons_named
        on components.component = persons_named.component

)

select * from resolved
