with

interactions as (

    select * from {{ ref('int_product_interactions_united') }}

    where
        product_id is not null
        and price > 0

),

days_summarized as (

    select
        product_id,
        min(category) as category,
        median(price) as day_price,
        cast(occurred_at as date) as price_date

    from interactions

    group by
        product_id,
        cast(occurred_at as date)

),

-- Of the days up to this one: a rise is no discount for what was sold before. And each
-- day counts once: many sales on one day do not make its price the usual one.
days_compared as (

    select
        *,
        {{ window_median('day_price', 'month_to_date') }} as usual_price

    from days_summarized

    window month_to_date as (
        partition by product_id
        order by price_date
        range between interval '29' day preceding and current row
    )

),

days_priced as (

    select
        -- ids
        product_id,

        -- strings
        category,

        -- numerics
        {{ money('day_price') }} as day_price,
        {{ money('usual_price') }} as usual_price,

        -- dates
        price_date

    from days_compared

)

select * from days_priced
