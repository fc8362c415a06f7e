"""The core in Polars, all in memory; nothing but the results is kept."""

import polars as pl
from common import AS_OF, LEAST_CONFIDENCE, LEAST_SUPPORT, TEXTS, TIMES, Watch, cluster
from polars import col

SCHEMA = dict.fromkeys((*TEXTS, *TIMES), pl.String) | {
    "price": pl.Float64,
    "quantity": pl.Int32,
}
OF_USER = ["user_id", "occurred_at", "event_id"]


def main() -> None:
    """Do it."""
    watch = Watch()
    loaded = pl.concat(
        [pl.read_ndjson(dump, schema=SCHEMA) for dump in watch.dumps]
    ).with_columns(col(*TIMES).str.to_datetime())
    n_loaded = len(loaded)
    watch.done("load")

    owners = (
        loaded.lazy()
        .drop_nulls("user_id")
        .group_by("anonymous_id")
        .agg(col("user_id").sort_by("occurred_at").last().alias("owner"))
        .collect()
    )
    events = (
        loaded.sort("received_at")
        .unique("event_id", keep="first")
        .join(owners, on="anonymous_id", how="left")
        .with_columns(user_id=pl.coalesce("user_id", "owner", "anonymous_id"))
        .drop("owner")
    )
    del loaded
    watch.done("deduplicate and stitch")

    paused = col("occurred_at").diff().over("user_id") > pl.duration(minutes=30)
    events = events.sort(OF_USER).with_columns(
        session_number=paused.fill_null(value=True).cum_sum().over("user_id")
    )
    paid = (col("price") * col("quantity")).sum()
    sessions = events.group_by("user_id", "session_number").agg(
        col("occurred_at").min().alias("started_at"),
        col("occurred_at").max().alias("ended_at"),
        pl.len().alias("n_events"),
        (col("event_name") == "page_view").sum().alias("n_page_views"),
        (col("event_name") == "add_to_cart").sum().alias("n_add_to_carts"),
        col("order_id").drop_nulls().n_unique().alias("n_orders"),
        paid.alias("revenue"),
        col("utm_source").drop_nulls().first(),
        col("device_type").drop_nulls().first(),
    )
    watch.done("sessions")

    as_of = pl.lit(AS_OF).str.to_datetime()
    last_day = col("occurred_at").max().dt.truncate("1d")
    rfm = (
        events.drop_nulls("order_id")
        .group_by("user_id")
        .agg(
            (as_of - last_day).dt.total_days().alias("recency_days"),
            col("order_id").n_unique().alias("frequency"),
            paid.alias("monetary_value"),
        )
        .with_columns(
            _fifth(col("recency_days"), descending=True).alias("r"),
            _fifth(col("frequency")).alias("f"),
            _fifth(col("monetary_value")).alias("m"),
        )
    )
    features = (
        sessions.group_by("user_id")
        .agg(
            pl.len().alias("n_sessions"),
            col("n_events").mean().alias("events_per_session"),
            col("n_events", "n_add_to_carts", "n_orders", "revenue").sum(),
            (as_of - col("ended_at").max().dt.truncate("1d"))
            .dt.total_days()
            .alias("recency_days"),
        )
        .sort("user_id")
    )
    watch.done("rfm and features")

    baskets = events.drop_nulls("order_id").select("order_id", "product_id").unique()
    n_orders = baskets["order_id"].n_unique()
    products = (
        baskets.group_by("product_id")
        .len("n_product")
        .filter(col("n_product") >= LEAST_SUPPORT * n_orders)
    )
    frequent = baskets.join(products, on="product_id", how="semi")
    rules = (
        frequent.lazy()
        .join(frequent.lazy(), on="order_id", suffix="_also")
        .filter(col("product_id") != col("product_id_also"))
        .group_by("product_id", "product_id_also")
        .len("n_both")
        .filter(col("n_both") >= LEAST_SUPPORT * n_orders)
        .join(products.lazy(), on="product_id")
        .join(
            products.lazy().rename({"n_product": "n_also"}),
            left_on="product_id_also",
            right_on="product_id",
        )
        .with_columns(
            support=col("n_both") / n_orders,
            confidence=col("n_both") / col("n_product"),
            lift=col("n_both") * n_orders / (col("n_product") * col("n_also")),
        )
        .filter(col("confidence") >= LEAST_CONFIDENCE)
        .collect()
    )
    watch.done("rules")

    segments = pl.from_pandas(cluster(features.to_pandas().set_index("user_id")))
    watch.done("clustering")
    for name, table in {
        "sessions": sessions,
        "rfm": rfm,
        "rules": rules,
        "segments": segments,
    }.items():
        table.write_parquet(watch.out / f"{name}.parquet")
    watch.done("write")
    watch.tell(n_loaded, *map(len, (events, sessions, rfm, rules)))


def _fifth(column: pl.Expr, *, descending: bool = False) -> pl.Expr:
    """Score from 1 to 5 by the share of persons that are no better."""
    return (column.rank("max", descending=descending) * 5 / pl.len()).ceil()


if __name__ == "__main__":
    main()
