{# Persons whose open interval and whose segment do not tell the same story. #}
with

segments as (

    select * from {{ ref('user_segments') }}

),

open_intervals as (

    select * from {{ ref('segment_history') }}

    where is_current

)

select
    segments.user_id,
    open_intervals.user_id as interval_user_id

from segments

full outer join open_intervals
    on
        segments.user_id = open_intervals.user_id
        and segments.segment_id = open_intervals.segment_id
        and segments.entered_at = open_intervals.valid_from

where segments.user_id is null or open_intervals.user_id is null
