with

event_names as (

    select distinct event_name from {{ ref('stg_events') }}

    where event_name is not null

),

event_types as (

    select * from {{ ref('event_types') }}

),

classified as (

    select
        event_names.event_name,
        coalesce(event_types.event_type, 'other') as event_type,
        coalesce(event_types.is_email_event, false) as is_email_event,
        coalesce(event_types.is_ping, false) as is_ping,
        event_types.alias is not null as is_known

    from event_names

    left join event_types
        on {{ event_alias('event_names.event_name') }} = event_types.alias

)

select * from classified
