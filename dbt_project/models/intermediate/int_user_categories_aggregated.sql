with

interactions as (

    select * from {{ ref('int_product_interactions_united') }}

    where
        user_id is not null
        and category is not null

),

categories_aggregated as (

    select
        -- ids
        user_id,

        -- strings
        category,

        -- numerics
        count(*) filter (where interaction = 'product_view') as n_product_views,
        count(*) filter (where interaction = 'add_to_cart') as n_add_to_carts,
        count(*) filter (where interaction = 'order_line') as n_order_lines,
        count(*) as n_interactions,
        {{ money('sum(revenue)') }} as revenue

    from interactions

    group by
        user_id,
        category

)

select * from categories_aggregated
