with

-- That a mail was sent to somebody, or money paid back, is what the shop did.
events as (

    select
        event_key,
        user_id,
        is_identified,
        occurred_at,
        event_type = 'page_view' as is_page_view,
        event_type in ('purchase', 'refund') as is_order_event,
        {{ makes_session() }} as is_session_event,
        event_type <> 'refund'
        and not (is_email_event and event_type = 'other') as is_own_act

    from {{ ref('int_events_identified') }}

    where not is_bot

),

page_views_repeated as (

    select
        user_id,
        bit_xor({{ narrow_hash(['event_key']) }}) as repetitions_hash

    from {{ ref('int_page_views_repeated') }}

    group by user_id

),

-- An event says the same as long as it has its key, but for whose it is: which keys are
-- there tells whether a person's events have changed.
events_summarized as (

    select
        user_id,
        count(*) as n_events,
        bit_xor({{ narrow_hash(['event_key']) }}) as events_hash,
        bit_xor({{ narrow_hash(['event_key']) }}) filter (where is_session_event)
            as session_events_hash,
        bool_or(is_session_event and is_page_view) as has_page_view,
        bool_or(is_order_event) as has_order_event,
        bool_or(is_identified) as is_identified,
        min(occurred_at) filter (where is_own_act) as first_seen_at,
        max(occurred_at) filter (where is_own_act) as last_seen_at

    from events

    group by user_id

),

summarized as (

    select
        -- ids
        events_summarized.user_id,

        -- numerics
        events_summarized.n_events,
        events_summarized.events_hash,
        events_summarized.session_events_hash,
        case
            when events_summarized.has_page_view
                then {{ narrow_hash([
                    'events_summarized.session_events_hash',
                    'page_views_repeated.repetitions_hash',
                ]) }}
        end as page_views_hash,
        case
            when events_summarized.has_order_event then events_summarized.events_hash
        end as order_events_hash,

        -- booleans
        events_summarized.is_identified,

        -- timestamps
        events_summarized.first_seen_at,
        events_summarized.last_seen_at

    from events_summarized

    left join page_views_repeated
        on events_summarized.user_id = page_views_repeated.user_id

)

select * from summarized
