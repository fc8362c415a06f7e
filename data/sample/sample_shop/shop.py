"""The whole year of the shop, before anybody dumps it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sample_shop.behaviour import (
    browse,
    make_mails,
    make_order_lines,
    make_orders,
    make_visits,
)
from sample_shop.catalog import make_products
from sample_shop.people import make_devices, make_people
from sample_shop.tracking import MACHINES, make_events, make_machine_events, send


@dataclass(frozen=True)
class Shop:
    """The frames of one period; they refer to each other by row number."""

    people: pd.DataFrame
    devices: pd.DataFrame
    products: pd.DataFrame
    visits: pd.DataFrame
    orders: pd.DataFrame
    order_lines: pd.DataFrame
    mails: pd.DataFrame
    events: pd.DataFrame
    rng: np.random.Generator


def make_shop(*, n_users: int, seed: int, n_days: int) -> Shop:
    """Live through `n_days` of 2025 with `n_users` people; a seed gives one shop."""
    rng = np.random.default_rng(seed)
    products = make_products()
    people = make_people(rng, n_users)
    devices = make_devices(rng, people)
    visits = make_visits(rng, people, devices, n_days)
    views = browse(rng, visits, products)
    orders = make_orders(rng, visits, people)
    events = make_events(rng, visits, views)
    purchases = events[events["kind"] == "purchase"].set_index("visit")["occurred"]
    orders["ordered"] = purchases.reindex(orders.index).fillna(orders["ordered"])
    orders["ordered"] = orders["ordered"].astype(np.int64)
    machine_events = make_machine_events(rng, len(products), len(devices), n_days)
    events = pd.concat([events, machine_events], ignore_index=True)
    return Shop(
        people=people,
        devices=pd.concat([devices, MACHINES], ignore_index=True),
        products=products,
        visits=visits,
        orders=orders,
        order_lines=make_order_lines(rng, orders, views, products),
        mails=make_mails(rng, people, visits, n_days),
        events=send(rng, events),
        rng=rng,
    )
