with

segments_named as (

    select * from {{ ref('stg_ml__segment_catalog') }}

),

assigned as (

    select * from {{ ref('stg_ml__user_segments') }}

),

members_counted as (

    select
        segment_id,
        count(*) as n_users

    from assigned

    group by segment_id

),

everybody_counted as (

    select count(*) as n_everybody

    from assigned

),

catalog_sized as (

    select
        -- ids
        segments_named.segment_id,

        -- strings
        segments_named.segment_name,
        segments_named.description,
        segments_named.rule_text,
        segments_named.rule_sql,
        segments_named.model_version,

        -- numerics
        segments_named.rule_accuracy,
        segments_named.rule_precision,
        segments_named.rule_recall,
        segments_named.silhouette,
        cast(coalesce(members_counted.n_users, 0) as bigint) as n_users,
        coalesce(
            cast(members_counted.n_users as double)
            / nullif(everybody_counted.n_everybody, 0),
            0
        ) as share

    from segments_named

    left join members_counted
        on segments_named.segment_id = members_counted.segment_id

    cross join everybody_counted

)

select * from catalog_sized
