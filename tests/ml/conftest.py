"""Persons of seven planted archetypes, with the columns that tell them apart."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

HISTORY_DAYS = 365
SEEDS = Path(__file__).parents[2] / "dbt_project" / "seeds"


@dataclass(frozen=True)
class Archetype:
    """What the persons of one kind do on average."""

    share: float
    sessions: float
    views_per_session: float
    cart_rate: float
    order_rate: float
    unit_price: float
    items_per_order: float
    last_seen_days: float
    max_orders: int | None = None
    returned_share: float = 0.03
    email_rate: float = 0.1


ARCHETYPES = {
    "champions": Archetype(0.08, 45, 5, 0.45, 0.35, 60, 3.5, 5, email_rate=0.5),
    "loyal": Archetype(0.16, 16, 4, 0.40, 0.30, 35, 2.0, 15, email_rate=0.3),
    "bargain hunters": Archetype(0.12, 22, 12, 0.35, 0.15, 9, 1.5, 18, None, 0.25),
    "window shoppers": Archetype(0.22, 9, 8, 0.03, 0.0, 30, 1.0, 35),
    "one-timers": Archetype(0.18, 2.2, 3, 0.60, 0.60, 40, 1.4, 90, 1),
    "lapsed": Archetype(0.12, 14, 4, 0.35, 0.25, 40, 2.0, 260),
    "cart abandoners": Archetype(0.12, 11, 5, 0.80, 0.02, 45, 1.5, 20, 1),
}


def simulate_persons(n_persons: int, seed: int = 0) -> pd.DataFrame:
    """Make features of `n_persons` persons, and their `archetype` as last column."""
    rng = np.random.default_rng(seed)
    names = list(ARCHETYPES)
    shares = [archetype.share for archetype in ARCHETYPES.values()]
    chosen = rng.choice(len(names), n_persons, p=shares)

    def of(trait: str) -> np.ndarray:
        values = [getattr(archetype, trait) for archetype in ARCHETYPES.values()]
        return np.array([np.inf if v is None else v for v in values])[chosen]

    def vary(mean: np.ndarray, spread: float) -> np.ndarray:
        return mean * rng.lognormal(-(spread**2) / 2, spread, n_persons)

    recency = np.minimum(rng.gamma(2.0, of("last_seen_days") / 2), 360).round()
    tenure = np.minimum(recency + rng.uniform(30, 330, n_persons), HISTORY_DAYS).round()
    sessions = 1 + rng.poisson(vary(of("sessions") - 1, 0.35))
    views = rng.poisson(sessions * vary(of("views_per_session"), 0.3))
    carts = rng.binomial(sessions, np.minimum(vary(of("cart_rate"), 0.2), 1))
    order_rate = np.minimum(vary(of("order_rate"), 0.2), 1)
    orders = np.minimum(rng.binomial(sessions, order_rate), of("max_orders"))
    is_one_timer = chosen == names.index("one-timers")
    orders = np.where(is_one_timer, 1, orders).astype(int)
    carts = np.maximum(carts, orders)
    ordered = orders > 0
    items = 1 + rng.poisson(np.maximum(vary(of("items_per_order"), 0.3) - 1, 0))
    unit_price = np.where(ordered, vary(of("unit_price"), 0.35), 0)
    revenue = (orders * items * unit_price).round(2)
    active_days = np.minimum(1 + rng.binomial(sessions - 1, 0.9), tenure + 1)
    since_order = np.where(
        ordered, np.minimum(recency + rng.gamma(1.0, 12, n_persons), tenure), tenure
    ).round()
    categories = np.minimum(1 + rng.poisson(np.sqrt(views) / 2), 12) * (views > 0)
    recent_days = active_days * np.exp(-recency / 30)
    events = views + carts + orders + rng.poisson(2.0 * sessions)

    def share(rate: np.ndarray | float) -> np.ndarray:
        return rng.binomial(sessions, rate) / sessions

    features = pd.DataFrame(
        {
            "recency_days": recency,
            "tenure_days": tenure,
            "active_days": active_days,
            "n_sessions": sessions,
            "n_events": events,
            "events_per_session": events / sessions,
            "session_minutes_mean": vary(1 + 1.5 * views / sessions, 0.4),
            "product_views_per_session": views / sessions,
            "add_to_carts_per_session": carts / sessions,
            "cart_abandonment_share": np.where(
                carts > 0, 1 - orders / np.maximum(carts, 1), 0
            ),
            "n_orders": orders,
            "has_ordered": ordered.astype(int),
            "revenue": revenue,
            "average_order_value": np.where(
                ordered, revenue / np.maximum(orders, 1), 0
            ),
            "items_per_order": np.where(ordered, items, 0),
            "average_unit_price": unit_price,
            "days_since_last_order": since_order,
            "mean_days_between_orders": np.where(
                orders > 1, (tenure - since_order) / np.maximum(orders - 1, 1), tenure
            ),
            "returned_share": np.where(
                ordered, rng.binomial(np.maximum(orders, 1), of("returned_share")), 0
            )
            / np.maximum(orders, 1),
            "n_categories": categories,
            "category_entropy": np.log2(np.maximum(categories, 1))
            * rng.uniform(0.7, 1, n_persons),
            "mobile_share": share(rng.beta(0.5, 0.5, n_persons)),
            "evening_share": share(rng.beta(2, 3, n_persons)),
            "weekend_share": share(rng.beta(2, 5, n_persons)),
            "n_emails_opened": rng.poisson(sessions * of("email_rate")),
            "recent_activity_ratio": (recent_days / 30 + 0.01)
            / (np.maximum(active_days - recent_days, 0) / 90 + 0.01),
        },
        index=pd.Index([f"user_{i:06d}" for i in range(n_persons)], name="user_id"),
    )
    return features.assign(archetype=np.array(names)[chosen])


@pytest.fixture(scope="session")
def simulate() -> Callable[..., pd.DataFrame]:
    """Hand the simulation to tests that want their own size or seed."""
    return simulate_persons


@pytest.fixture(scope="session")
def persons() -> pd.DataFrame:
    """Two thousand persons with their archetype; not to be changed."""
    return simulate_persons(2_000)


@pytest.fixture
def features(persons: pd.DataFrame) -> pd.DataFrame:
    """Hand out the persons' features without the answer."""
    return persons.drop(columns="archetype")


@pytest.fixture
def archetype(persons: pd.DataFrame) -> pd.Series:
    """Hand out the answer alone."""
    return persons["archetype"]


@pytest.fixture(scope="session")
def segment_names() -> pd.DataFrame:
    """Read the catalog of names, as it is delivered; not to be changed."""
    return pd.read_csv(SEEDS / "segment_names.csv")


@pytest.fixture(scope="session")
def names_for(segment_names: pd.DataFrame) -> Callable[..., pd.DataFrame]:
    """Leave out of the catalog the names that ask for more than these features."""

    def select(features: pd.DataFrame) -> pd.DataFrame:
        is_told = segment_names["feature"].isin(features.columns)
        incomplete = segment_names.loc[~is_told, "segment_name"]
        return segment_names[~segment_names["segment_name"].isin(incomplete)]

    return select
