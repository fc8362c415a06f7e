"""What each feature means: the question it answers, and the words it is told in."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

FEWEST_DESCRIBED = 5

Degree = tuple[str, str, str]
OFTEN: Degree = ("often", "more often", "less often")
MUCH: Degree = ("much", "more", "less")
MANY: Degree = ("many", "more", "fewer")
LONG: Degree = ("long", "longer", "less long")


@dataclass(frozen=True)
class Feature:
    """One column of `user_features` in words.

    A feature with a `degree` is told as a ratio: "order 4.2 times as often as
    everybody (12.1 against 2.9 orders)". One without is told as a level: its `told`
    has the places ``{here}`` and ``{everybody}``; with neither it is not told.
    `applies` names a column, and a value that it must exceed to give the feature a
    meaning: nobody who never ordered has an average order value.
    """

    group: str
    noun: str
    high: str
    low: str
    told: str = ""
    kind: Literal["count", "money", "share", "days", "minutes", "number"] = "count"
    degree: Degree | None = None
    rest: str = ""
    unit: tuple[str, str] = ("", "")
    none: str = ""
    applies: tuple[str, float] | None = None


BUYERS = ("n_orders", 0)
REPEAT_BUYERS = ("n_orders", 1)
CART_FILLERS = ("add_to_carts_per_session", 0)
VISITORS = ("n_sessions", 0)
PRICED = ("revenue", 0)
COUNTED = ("items_per_order", 0)

FEATURES = {
    # when
    "recency_days": Feature(
        "when",
        "days since the last activity",
        "Long Away",
        "Recently Active",
        told="were last active {here} ago (everybody: {everybody})",
        kind="days",
    ),
    "tenure_days": Feature(
        "when",
        "days since the first activity",
        "Long Known",
        "Recently Arrived",
        told="first came {here} ago (everybody: {everybody})",
        kind="days",
    ),
    "days_since_last_order": Feature(
        "when",
        "days since the last order",
        "Last Ordered Long Ago",
        "Ordered Recently",
        told="last ordered {here} ago (everybody who ordered: {everybody})",
        kind="days",
        applies=BUYERS,
    ),
    "mean_days_between_orders": Feature(
        "when",
        "days between orders",
        "Long Between Orders",
        "Quick to Order Again",
        told="wait {here} between orders (everybody who ordered twice: {everybody})",
        kind="days",
        applies=REPEAT_BUYERS,
    ),
    "recent_activity_ratio": Feature(
        "when", "activity of late against before", "Getting Busier", "Getting Quieter"
    ),
    # visits
    "active_days": Feature(
        "visits",
        "days with a visit",
        "Many Active Days",
        "Few Active Days",
        told="come on",
        degree=MANY,
        rest="days",
        unit=("day", "days"),
    ),
    "n_sessions": Feature(
        "visits",
        "visits",
        "Many Visits",
        "Few Visits",
        told="visit",
        degree=OFTEN,
        unit=("visit", "visits"),
        none="never visit",
    ),
    "n_events": Feature(
        "visits",
        "actions",
        "Much Activity",
        "Little Activity",
    ),
    # browsing
    "events_per_session": Feature(
        "browsing",
        "actions a visit",
        "Busy Visits",
        "Quiet Visits",
        told="do",
        degree=MUCH,
        rest="in a visit",
        unit=("action", "actions"),
        applies=VISITORS,
    ),
    "session_minutes_mean": Feature(
        "browsing",
        "minutes a visit",
        "Long Visits",
        "Short Visits",
        told="stay",
        kind="minutes",
        degree=LONG,
        none="leave at once",
        applies=VISITORS,
    ),
    "product_views_per_session": Feature(
        "browsing",
        "products seen a visit",
        "Many Products Seen",
        "Few Products Seen",
        told="look at",
        degree=MANY,
        rest="products in a visit",
        unit=("product", "products"),
        none="look at no products",
        applies=VISITORS,
    ),
    "n_categories": Feature(
        "browsing",
        "categories",
        "Many Categories",
        "Few Categories",
        told="look into",
        degree=MANY,
        rest="categories",
        unit=("category", "categories"),
        none="look into no category",
    ),
    "category_entropy": Feature(
        "browsing", "spread over categories", "Wide Interests", "Narrow Interests"
    ),
    # cart
    "add_to_carts_per_session": Feature(
        "cart",
        "products put in the cart a visit",
        "Full Carts",
        "Empty Carts",
        told="put",
        degree=MANY,
        rest="products in the cart in a visit",
        unit=("product", "products"),
        none="put nothing in the cart",
        applies=VISITORS,
    ),
    "cart_abandonment_share": Feature(
        "cart",
        "share of carts left behind",
        "Carts Left Behind",
        "Carts Brought Home",
        told="leave {here} of their carts behind (everybody with one: {everybody})",
        kind="share",
        applies=CART_FILLERS,
    ),
    # buying
    "has_ordered": Feature("buying", "whether they ordered", "Buyers", "Non-Buyers"),
    "n_orders": Feature(
        "buying",
        "orders",
        "Many Orders",
        "Few Orders",
        told="order",
        degree=OFTEN,
        unit=("order", "orders"),
        none="never order",
    ),
    "orders_per_session": Feature(
        "buying",
        "orders a visit",
        "Quick Deciders",
        "Slow Deciders",
        told="order",
        degree=OFTEN,
        rest="per visit",
        unit=("order a visit", "orders a visit"),
        none="never order",
    ),
    "revenue": Feature(
        "buying",
        "money spent",
        "High Spending",
        "Low Spending",
        told="spend",
        kind="money",
        degree=MUCH,
        none="have spent nothing that we know of",
    ),
    "average_order_value": Feature(
        "buying",
        "money per order",
        "Large Orders",
        "Small Orders",
        told="spend {here} per order (everybody who ordered: {everybody})",
        kind="money",
        applies=PRICED,
    ),
    "items_per_order": Feature(
        "buying",
        "items per order",
        "Many Items per Order",
        "Few Items per Order",
        told="take {here} per order (everybody who ordered: {everybody})",
        unit=("item", "items"),
        applies=COUNTED,
    ),
    "average_unit_price": Feature(
        "buying",
        "price of an item",
        "High Prices",
        "Low Prices",
        told="pay {here} for an item (everybody who ordered: {everybody})",
        kind="money",
        applies=PRICED,
    ),
    "returned_share": Feature(
        "buying",
        "share returned",
        "Much Returned",
        "Little Returned",
        told="return {here} of what they buy (everybody who ordered: {everybody})",
        kind="share",
        applies=BUYERS,
    ),
    # habits
    "n_emails_opened": Feature(
        "habits",
        "e-mails opened",
        "E-Mail Openers",
        "Few E-Mails Opened",
        told="open",
        degree=MANY,
        rest="e-mails",
        unit=("e-mail", "e-mails"),
        none="open no e-mails",
    ),
    "mobile_share": Feature(
        "habits",
        "share of visits on a mobile",
        "Mobile Visits",
        "Desktop Visits",
        told="use a mobile in {here} of their visits (everybody: {everybody})",
        kind="share",
        applies=VISITORS,
    ),
    "evening_share": Feature(
        "habits",
        "share of visits in the evening",
        "Evening Visits",
        "Daytime Visits",
        told="come in the evening in {here} of their visits (everybody: {everybody})",
        kind="share",
    ),
    "weekend_share": Feature(
        "habits",
        "share of visits at the weekend",
        "Weekend Visits",
        "Weekday Visits",
        told="come at the weekend in {here} of their visits (everybody: {everybody})",
        kind="share",
    ),
}


def look_up(name: str) -> Feature:
    """Find the words of a feature; of one we do not know, make them from its name.

    Examples
    --------
    >>> look_up("n_orders").noun
    'orders'
    >>> look_up("n_wish_lists").noun
    'wish lists'
    """
    if name in FEATURES:
        return FEATURES[name]
    words = name.removeprefix("n_").replace("_", " ").strip() or name
    title = words.title()
    if name.startswith("n_"):
        return Feature(
            "other",
            words,
            f"Many {title}",
            f"Few {title}",
            told="have",
            degree=MANY,
            rest=words,
            none=f"have no {words}",
        )
    kind = "share" if name.endswith("_share") else "number"
    told = f"have {{here}} as {words} (everybody: {{everybody}})"
    return Feature("other", words, f"High {title}", f"Low {title}", told, kind)


def feature_names(features: pd.DataFrame) -> list[str]:
    """List the columns of a frame, sorted, so that their order does not matter."""
    return sorted(str(name) for name in features)


def applicable(features: pd.DataFrame, name: str) -> np.ndarray:
    """Tell for which persons feature `name` has a meaning; shape (n_persons,)."""
    condition = look_up(name).applies
    if condition is None or condition[0] not in features:
        return np.ones(len(features), dtype=bool)
    return (features[condition[0]] > condition[1]).to_numpy()
