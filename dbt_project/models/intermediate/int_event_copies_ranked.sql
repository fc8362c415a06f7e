with

events as (

    select * from {{ ref('stg_events') }}

),

-- Few events come twice: only those are ranked, never all of them.
ids_repeated as (

    select
        namespace,
        event_id

    from events

    where event_id is not null

    group by
        namespace,
        event_id

    having count(*) > 1

),

contents_repeated as (

    select
        namespace,
        content_hash

    from events

    where event_id is null

    group by
        namespace,
        content_hash

    having count(*) > 1

),

copies as (

    select
        events.event_key,
        events.event_id,
        coalesce(events.content_hash, {{ record_hash('events.sent_record') }})
            as content_hash,
        events.namespace,
        events.source,
        events.received_at

    from events

    inner join ids_repeated
        on
            events.event_id = ids_repeated.event_id
            and events.namespace = ids_repeated.namespace

    union all

    select
        events.event_key,
        cast(null as string) as event_id,
        events.content_hash,
        events.namespace,
        events.source,
        events.received_at

    from events

    inner join contents_repeated
        on
            events.content_hash = contents_repeated.content_hash
            and events.namespace = contents_repeated.namespace

    where events.event_id is null

),

-- Up to the content's hash the order is the contract's. After it only equal copies are
-- left, and which of them stays shows nowhere.
copies_ranked as (

    select
        event_key,
        content_hash,
        source,
        row_number() over first_received as copy_number,
        first_value(content_hash) over first_received as kept_content_hash

    from copies

    window first_received as (
        partition by
            namespace,
            event_id,
            case when event_id is null then content_hash end,
            case when event_id is null then received_at end
        order by
            received_at asc nulls last,
            content_hash asc,
            source asc,
            event_key asc
    )

),

conflicts_flagged as (

    select
        event_key,
        source,
        copy_number,
        content_hash <> kept_content_hash as is_conflict

    from copies_ranked

)

select * from conflicts_flagged
