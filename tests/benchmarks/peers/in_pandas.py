"""The core in pandas, with mlxtend for the rules, as most notebooks have it."""

import numpy as np
import pandas as pd
from common import AS_OF, LEAST_CONFIDENCE, LEAST_SUPPORT, TIMES, Watch, cluster
from mlxtend.frequent_patterns import association_rules, fpgrowth
from scipy.sparse import csr_matrix

OF_USER = ["user_id", "occurred_at", "event_id"]
TINY = 1e-9  # for what is divided and compared with a share that is no binary one


def main() -> None:
    """Do it."""
    watch = Watch()
    loaded = pd.concat(
        [pd.read_json(dump, lines=True) for dump in watch.dumps], ignore_index=True
    )
    for column in TIMES:
        loaded[column] = pd.to_datetime(loaded[column], format="ISO8601")
    n_loaded = len(loaded)
    watch.done("load")

    known = loaded.dropna(subset="user_id").sort_values("occurred_at")
    owners = known.groupby("anonymous_id")["user_id"].last()
    events = loaded.sort_values("received_at").drop_duplicates("event_id")
    del loaded, known
    events["user_id"] = (
        events["user_id"]
        .fillna(events["anonymous_id"].map(owners))
        .fillna(events["anonymous_id"])
    )
    watch.done("deduplicate and stitch")

    events = events.sort_values(OF_USER)
    pause = events.groupby("user_id")["occurred_at"].diff()
    begins = pause.isna() | (pause > pd.Timedelta(minutes=30))
    events["session_number"] = begins.groupby(events["user_id"]).cumsum()
    events["paid"] = events["price"] * events["quantity"]
    for name in ("page_view", "add_to_cart"):
        events[f"is_{name}"] = events["event_name"] == name
    sessions = (
        events.groupby(["user_id", "session_number"])
        .agg(
            started_at=("occurred_at", "min"),
            ended_at=("occurred_at", "max"),
            n_events=("event_id", "size"),
            n_page_views=("is_page_view", "sum"),
            n_add_to_carts=("is_add_to_cart", "sum"),
            n_orders=("order_id", "nunique"),
            revenue=("paid", "sum"),
            utm_source=("utm_source", "first"),
            device_type=("device_type", "first"),
        )
        .reset_index()
    )
    watch.done("sessions")

    as_of = pd.Timestamp(AS_OF)
    bought = events.dropna(subset="order_id")
    rfm = bought.groupby("user_id").agg(
        last=("occurred_at", "max"),
        frequency=("order_id", "nunique"),
        monetary_value=("paid", "sum"),
    )
    rfm["recency_days"] = (as_of - rfm.pop("last").dt.normalize()).dt.days
    for score, column in (
        ("r", "recency_days"),
        ("f", "frequency"),
        ("m", "monetary_value"),
    ):
        ranks = rfm[column].rank(method="max", pct=True, ascending=score != "r")
        rfm[score] = np.ceil(5 * ranks)
    features = sessions.groupby("user_id").agg(
        n_sessions=("session_number", "size"),
        n_events=("n_events", "sum"),
        events_per_session=("n_events", "mean"),
        n_add_to_carts=("n_add_to_carts", "sum"),
        n_orders=("n_orders", "sum"),
        revenue=("revenue", "sum"),
        last=("ended_at", "max"),
    )
    features["recency_days"] = (as_of - features.pop("last").dt.normalize()).dt.days
    watch.done("rfm and features")

    baskets = bought[["order_id", "product_id"]].drop_duplicates()
    rows, orders = pd.factorize(baskets["order_id"])
    columns, products = pd.factorize(baskets["product_id"])
    has = csr_matrix(
        (np.ones(len(baskets), dtype=bool), (rows, columns)),
        shape=(len(orders), len(products)),
    )
    table = pd.DataFrame.sparse.from_spmatrix(has, columns=products)
    frequent = fpgrowth(
        table, min_support=LEAST_SUPPORT - TINY, use_colnames=True, max_len=2
    )
    rules = association_rules(
        frequent, metric="confidence", min_threshold=LEAST_CONFIDENCE - TINY
    )
    for side in ("antecedents", "consequents"):
        rules[side] = rules[side].map(list)
    watch.done("rules")

    segments = cluster(features)
    watch.done("clustering")
    for name, frame in {
        "sessions": sessions,
        "rfm": rfm,
        "rules": rules,
        "segments": segments,
    }.items():
        frame.to_parquet(watch.out / f"{name}.parquet")
    watch.done("write")
    watch.tell(n_loaded, *map(len, (events, sessions, rfm, rules)))


if __name__ == "__main__":
    main()
