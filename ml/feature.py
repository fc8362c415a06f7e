"""What a feature is in words, and whom it has a meaning for."""

from dataclasses import dataclass
from typing import Literal

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
    meaning: nobody who never ordered has an average order value. What is not
    `is_clustered` is told, but says nothing to the clustering that others do not.
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
    is_clustered: bool = True


BUYERS = ("n_orders", 0)
REPEAT_BUYERS = ("n_orders", 1)
CART_FILLERS = ("add_to_carts_per_session", 0)
CHECKING_OUT = ("has_checkouts", 0)
VISITORS = ("n_sessions", 0)
PRICED = ("revenue", 0)
COUNTED = ("items_per_order", 0)
ACTIVE = ("active_days", 0)
REGULAR = ("active_days", 2)
INTERESTED = ("n_categories", 0)
READERS = ("has_emails", 0)
VIEWED = ("has_viewed_prices", 0)
BOUGHT = ("has_bought_prices", 0)
COMPARED = ("has_both_prices", 0)
PAID = ("has_paid_prices", 0)
DISCOUNTED = ("has_discounts", 0)
