with

views as (

    select
        event_key,
        event_id,
        user_id,
        page_view_id,
        occurred_at

    from {{ ref('int_events_identified') }}

    where
        event_type = 'page_view'
        and page_view_id is not null
        and {{ makes_session() }}

),

-- Few views come twice: only those are ranked, never all of them.
view_ids_repeated as (

    select page_view_id

    from views

    group by page_view_id

    having count(*) > 1

),

views_ranked as (

    select
        views.event_key,
        views.user_id,
        row_number() over (
            partition by views.page_view_id
            order by
                views.occurred_at,
                views.event_id,
                views.event_key
        ) as copy_number

    from views

    semi join view_ids_repeated
        on views.page_view_id = view_ids_repeated.page_view_id

),

repeated as (

    select
        event_key,
        user_id

    from views_ranked

    where copy_number > 1

)

select * from repeated
