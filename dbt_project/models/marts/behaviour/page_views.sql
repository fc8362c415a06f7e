with

page_views as (

    select * from {{ ref('int_page_views_timed') }}

),

listed as (

    select
        -- ids
        page_view_id,
        session_id,
        user_id,

        -- strings
        page_path,

        -- numerics
        page_view_number,
        engaged_seconds,
        duration_seconds,

        -- booleans
        page_view_number = 1 as is_entry,
        is_exit,

        -- timestamps
        started_at,
        ended_at

    from page_views

)

select * from listed
