with

baskets as (

    select * from {{ ref('int_baskets_cleaned') }}

),

baskets_counted as (

    -- Rounded up in decimals, so that what is at the threshold is in whatever a double
    -- would say: 60 of 9,835 baskets at 0.006.
    select
        count(distinct order_id) as n_baskets,
        cast(
            ceil(
                cast({{ var("rules_min_support") }} as decimal(10, 9))
                * count(distinct order_id)
            ) as bigint
        ) as min_rule_count

    from baskets

),

products_counted as (

    select
        product_id,
        count(*) as n_orders

    from baskets

    group by product_id

),

-- Prices, quantities and names stay behind: from here on, pairs are made of integers.
products_kept as (

    select
        products_counted.product_id,
        products_counted.n_orders,
        baskets_counted.n_baskets,
        cast(
            row_number() over (order by products_counted.product_id) as integer
        ) as product_number

    from products_counted

    cross join baskets_counted

    where products_counted.n_orders >= baskets_counted.min_rule_count

),

orders_numbered as (

    select
        order_id,
        cast(row_number() over (order by order_id) as integer) as order_number

    from baskets

    group by order_id

),

items_numbered as (

    select
        orders_numbered.order_number,
        products_kept.product_number

    from baskets

    inner join products_kept
        on baskets.product_id = products_kept.product_id

    inner join orders_numbered
        on baskets.order_id = orders_numbered.order_id

),

pairs_counted as (

    select
        items_numbered.product_number,
        other_items.product_number as other_product_number,
        count(*) as rule_count

    from items_numbered

    inner join items_numbered as other_items
        on
            items_numbered.order_number = other_items.order_number
            and items_numbered.product_number < other_items.product_number

    group by items_numbered.product_number, other_items.product_number

),

pairs_kept as (

    select
        pairs_counted.product_number,
        pairs_counted.other_product_number,
        pairs_counted.rule_count

    from pairs_counted

    cross join baskets_counted

    where pairs_counted.rule_count >= baskets_counted.min_rule_count

),

pairs_directed as (

    select
        product_number as antecedent_number,
        other_product_number as consequent_number,
        rule_count

    from pairs_kept

    union all

    select
        other_product_number as antecedent_number,
        product_number as consequent_number,
        rule_count

    from pairs_kept

),

rules_found as (

    select
        antecedents.product_id as antecedent,
        consequents.product_id as consequent,
        antecedents.n_baskets,
        antecedents.n_orders as antecedent_count,
        consequents.n_orders as consequent_count,
        pairs_directed.rule_count

    from pairs_directed

    inner join products_kept as antecedents
        on pairs_directed.antecedent_number = antecedents.product_number

    inner join products_kept as consequents
        on pairs_directed.consequent_number = consequents.product_number

    where
        pairs_directed.rule_count
        >= cast({{ var("rules_min_confidence") }} as decimal(10, 9))
        * antecedents.n_orders

),

rules_measured as (

    select
        -- strings
        {{ list_of('antecedent') }} as antecedent,
        consequent,

        -- numerics
        n_baskets,
        antecedent_count,
        consequent_count,
        rule_count,
        cast(rule_count as double) / n_baskets as support,
        cast(rule_count as double) / antecedent_count as confidence,
        cast(rule_count as double) * n_baskets
        / (cast(antecedent_count as double) * consequent_count) as lift,
        cast(rule_count as double) / n_baskets
        - cast(antecedent_count as double) * consequent_count
        / (cast(n_baskets as double) * n_baskets) as leverage,
        cast(antecedent_count as double) * (n_baskets - consequent_count)
        / (cast(n_baskets as double) * nullif(antecedent_count - rule_count, 0))
            as conviction

    from rules_found

)

select * from rules_measured
