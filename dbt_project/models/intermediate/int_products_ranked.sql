with

product_days as (

    select * from {{ ref('int_product_days_priced') }}

),

products_summarized as (

    select
        product_id,
        median(day_price) as usual_price

    from product_days

    group by product_id

),

categories_dated as (

    select
        product_id,
        max_by(category, price_date) as category

    from product_days

    where category is not null

    group by product_id

),

products_listed as (

    select
        products_summarized.product_id,
        categories_dated.category,
        {{ money('products_summarized.usual_price') }} as usual_price

    from products_summarized

    left join categories_dated
        on products_summarized.product_id = categories_dated.product_id

),

products_counted as (

    select
        *,
        rank() over (
            partition by category
            order by usual_price
        ) - 1 as n_cheaper,
        count(*) over (
            partition by
                category,
                usual_price
        ) as n_equal,
        count(*) over (partition by category) as n_products

    from products_listed

),

products_ranked as (

    select
        -- ids
        product_id,

        -- strings
        category,

        -- numerics
        usual_price,
        -- A decimal, whose sums are the same in any order.
        cast(
            round((n_cheaper + n_equal / 2e0) / n_products, 6) as decimal(9, 6)
        ) as price_level

    from products_counted

)

select * from products_ranked
