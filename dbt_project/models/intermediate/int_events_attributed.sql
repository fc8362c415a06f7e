-- A view: what reads all of it writes it once, and what asks for persons alone reads no
-- other column.
{{ config(materialized='view') }}

with

events as (

    select * from {{ ref('int_events_deduplicated') }}

),

devices as (

    select * from {{ ref('int_devices_owned') }}

),

shared_devices as (

    select * from {{ ref('int_shared_devices_followed') }}

),

persons_moved as (

    select * from {{ ref('int_persons_resolved') }}

    where is_moved

),

-- A bot that borrows somebody's id is not that person.
holders_found as (

    select
        events.*,
        case
            when events.user_id is not null then events.user_id
            when events.is_bot then events.anonymous_id
            else coalesce(shared_devices.user_id, devices.user_id, events.anonymous_id)
        end as holder_id,
        coalesce(
            events.user_id,
            case when not events.is_bot then devices.user_id end
        ) is not null as has_user,
        case
            when events.is_bot then null
            when coalesce(events.user_id, devices.user_id) is not null then 'user_id'
            else 'anonymous_id'
        end as holder_type

    from events

    left join devices
        on events.anonymous_id = devices.anonymous_id

    left join shared_devices
        on events.event_key = shared_devices.event_key

),

attributed as (

    select
        holders_found.*,
        coalesce(persons_moved.user_id, holders_found.holder_id) as person_id,
        holders_found.has_user
        or coalesce(persons_moved.is_identified, false) as is_identified

    from holders_found

    left join persons_moved
        on
            holders_found.holder_id = persons_moved.identifier
            and holders_found.holder_type = persons_moved.identifier_type

)

select * from attributed
