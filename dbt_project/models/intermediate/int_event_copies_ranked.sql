with

-- Few events come twice: only those are ranked, never all of them. They are found by a
-- narrow hash: who shares that by chance is ranked alone. What an event says is read
-- where it is needed, since DuckDB would write it out for all events here.
keys_hashed as (

    select
        event_key,
        {{ narrow_hash([
            'namespace', 'event_id', 'case when event_id is null then content_hash end'
        ]) }} as copy_hash

    from {{ ref('stg_events') }}

),

hashes_repeated as (

    select copy_hash

    from keys_hashed

    group by copy_hash

    having count(*) > 1

),

keys_repeated as (

    select keys_hashed.event_key

    from keys_hashed

    semi join hashes_repeated
        on keys_hashed.copy_hash = hashes_repeated.copy_hash

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

    from {{ ref('stg_events') }} as events

    semi join keys_repeated
        on events.event_key = keys_repeated.event_key

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
