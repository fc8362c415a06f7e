"""Whether amounts of money can be added up."""

import duckdb

from warehouse.gates.check import Check, judged


def amounts_converted(connection: duckdb.DuckDBPyConnection) -> Check:
    """Amounts in other currencies than the reporting one have a rate on their day.

    Codes are named; anything else that stands for a currency might be anything.
    """
    ((n_unknown, told),) = connection.execute(
        """
        with without_rate as (
            select
                case
                    when regexp_full_match(currency, '[A-Z]{3}') then currency
                    else 'what is no code of three letters'
                end as currency,
                sum(n_amounts) as n_amounts,
                max(amount_date) as last_date
            from intermediate.int_exchange_rates_dated
            where rate is null
            group by all
        )
        select
            coalesce(sum(n_amounts), 0),
            string_agg(
                format('{} ({:,}, last on {})', currency, n_amounts, last_date),
                ', ' order by n_amounts desc, currency
            )
        from without_rate
        """
    ).fetchall()
    return judged(
        "amounts_converted",
        n_unknown,
        f"{n_unknown:,} events and order lines state amounts in currencies without a "
        f"rate by their day: {told}. What they are worth is unknown, and counts "
        "nowhere; add rates, also of the reporting currency itself, to the seed "
        "exchange_rates (docs/orders.md)"
        if n_unknown
        else "no amount lacks a rate into the reporting currency",
    )


def currencies_agree(connection: duckdb.DuckDBPyConnection) -> Check:
    """Amounts that are added up as they are, are of one currency."""
    ((n_currencies, told),) = connection.execute(
        """
        with amounts as (
            select currency from raw.events
            where price is not null or revenue is not null or len(items) > 0
            union all
            select currency from raw.order_lines where unit_price is not null
        ),
        codes as (
            select upper(trim(currency)) as code, count(*) as n_amounts
            from amounts
            where regexp_full_match(trim(currency), '[A-Za-z]{3}')
            group by all
        )
        select
            count(*),
            string_agg(
                format('{} ({:,})', code, n_amounts), ', '
                order by n_amounts desc, code
            )
        from codes
        where not exists (from intermediate.int_exchange_rates_dated)
        """
    ).fetchall()
    return judged(
        "currencies_agree",
        n_currencies,
        f"amounts in {n_currencies} currencies are added up as if they were one: {told}"
        "; set reporting_currency in settings.yml (docs/orders.md)"
        if n_currencies > 1
        else "no two currencies are added up",
    )
