with

events as (

    select * from {{ ref('stg_events') }}

),

order_lines as (

    select * from {{ ref('stg_order_lines') }}

),

exchange_rates as (

    select * from {{ ref('exchange_rates') }}

),

amounts_listed as (

    select
        currency,
        cast(occurred_at as date) as amount_date

    from events

    where
        currency <> {{ reporting_currency() }}
        and (
            price is not null
            or revenue is not null
            or {{ list_length('items') }} > 0
        )

    union all

    select
        currency,
        cast(ordered_at as date) as amount_date

    from order_lines

    where
        currency <> {{ reporting_currency() }}
        and unit_price is not null

),

days_listed as (

    select
        currency,
        amount_date,
        count(*) as n_amounts

    from amounts_listed

    group by
        currency,
        amount_date

),

-- Two rates are asked for on each day: the currency's, and that of the reporting one.
rates_asked as (

    select
        currency,
        amount_date

    from days_listed

    union all

    select distinct
        {{ reporting_currency() }} as currency,
        amount_date

    from days_listed

),

-- A rate that begins on a day holds on it.
rates_and_days_united as (

    select
        upper(trim(currency)) as currency,
        valid_from as rate_date,
        units_per_base,
        false as is_asked

    from exchange_rates

    union all

    select
        currency,
        amount_date as rate_date,
        cast(null as double) as units_per_base,
        true as is_asked

    from rates_asked

),

rates_carried_on as (

    select
        currency,
        rate_date,
        is_asked,
        {{ latest_known('units_per_base', 'rates_so_far') }} as units_per_base

    from rates_and_days_united

    window rates_so_far as (
        partition by currency
        order by
            rate_date,
            is_asked
    )

),

rates_found as (

    select * from rates_carried_on

    where is_asked

),

dated as (

    select
        -- strings
        days_listed.currency,

        -- numerics
        reporting_rates.units_per_base / own_rates.units_per_base as rate,
        days_listed.n_amounts,

        -- dates
        days_listed.amount_date

    from days_listed

    inner join rates_found as own_rates
        on
            days_listed.currency = own_rates.currency
            and days_listed.amount_date = own_rates.rate_date

    inner join rates_found as reporting_rates
        on
            days_listed.amount_date = reporting_rates.rate_date
            and reporting_rates.currency = {{ reporting_currency() }}

)

select * from dated
