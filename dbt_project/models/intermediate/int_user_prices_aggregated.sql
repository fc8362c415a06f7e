with

interactions as (

    select * from {{ ref('int_product_interactions_united') }}

    where
        user_id is not null
        and product_id is not null

),

products as (

    select * from {{ ref('int_products_ranked') }}

),

product_days as (

    select * from {{ ref('int_product_days_priced') }}

),

views_summed as (

    select
        interactions.user_id,
        count(*) as n_priced_views,
        sum(products.price_level) as viewed_levels

    from interactions

    inner join products
        on interactions.product_id = products.product_id

    where interactions.interaction = 'product_view'

    group by interactions.user_id

),

-- From five per cent on: less may be rounding, or another currency's.
lines_compared as (

    select
        interactions.user_id,
        products.price_level,
        interactions.price > 0 as is_priced,
        case
            when interactions.price <= 0.95 * product_days.usual_price
                then cast(
                    round(
                        1
                        - cast(interactions.price as double)
                        / cast(product_days.usual_price as double),
                        6
                    ) as decimal(9, 6)
                )
        end as discount

    from interactions

    inner join products
        on interactions.product_id = products.product_id

    left join product_days
        on
            interactions.product_id = product_days.product_id
            and cast(interactions.occurred_at as date) = product_days.price_date

    where interactions.interaction = 'order_line'

),

lines_summed as (

    select
        user_id,
        count(*) as n_levelled_lines,
        sum(price_level) as bought_levels,
        count(*) filter (where is_priced) as n_priced_lines,
        count(discount) as n_discounted_lines,
        sum(discount) as discounts

    from lines_compared

    group by user_id

),

prices_aggregated as (

    select
        -- ids
        coalesce(views_summed.user_id, lines_summed.user_id) as user_id,

        -- numerics
        cast(coalesce(views_summed.n_priced_views, 0) as bigint) as n_priced_views,
        {{ ratio('views_summed.viewed_levels', 'views_summed.n_priced_views', 'null') }}
            as viewed_price_level,
        coalesce(lines_summed.n_levelled_lines, 0) as n_levelled_lines,
        {{ ratio(
            'lines_summed.bought_levels', 'lines_summed.n_levelled_lines', 'null'
        ) }} as bought_price_level,
        coalesce(lines_summed.n_priced_lines, 0) as n_priced_lines,
        coalesce(lines_summed.n_discounted_lines, 0) as n_discounted_lines,
        {{ ratio('lines_summed.discounts', 'lines_summed.n_discounted_lines', 'null') }}
            as discount_depth

    from views_summed

    full outer join lines_summed
        on views_summed.user_id = lines_summed.user_id

)

select * from prices_aggregated
