"""The planted truth about people: seven ways to use a shop, as data.

The numbers differ on many features at once and everybody varies around them, so that
a good clustering finds most of the groups again, and none finds them all.
"""

from dataclasses import dataclass, field

import numpy as np

CATEGORIES = (
    "books",
    "electronics",
    "garden",
    "home",
    "kitchen",
    "outdoor",
    "sport",
    "toys",
)
COUNTRIES = ("GB", "IE", "DE", "FR", "NL", "US")
DEVICES = ("desktop", "phone", "app")
CHANNELS = ("direct", "organic", "paid", "social", "email", "referral")
PLANS = ("basic", "plus", "premium")


@dataclass(frozen=True)
class Archetype:
    """How one kind of person behaves; tuples follow the constants above.

    `first_visit` and `span` are fractions of the period; `dayparts` are the weights of
    night, morning, afternoon and evening (six hours each, UTC); `price_taste` tilts
    the choice of products towards dear (positive) or cheap (negative) ones.
    """

    name: str
    share: float
    visits_per_month: float
    first_visit: tuple[float, float]
    span: tuple[float, float]
    buys: float
    abandons: float
    views: float
    searches: float
    basket: float
    price_taste: float
    has_coupon: float
    min_visits: int
    buys_once: bool
    stays_anonymous: float
    joined_earlier: float
    owns: tuple[float, float, float]
    uses: tuple[float, float, float]
    dayparts: tuple[float, float, float, float]
    weekend: float
    countries: tuple[float, ...]
    channels: tuple[float, ...]
    likes: dict[str, float] = field(default_factory=dict)
    reads_mail: float = 0.0
    phones: float = 0.0
    plans: tuple[float, float, float] = (1, 0, 0)
    is_content: float = 0.5


ARCHETYPES = (
    Archetype(
        name="champions",
        share=0.08,
        visits_per_month=1.95,
        first_visit=(0.0, 0.10),
        span=(1.0, 1.0),
        buys=0.5,
        abandons=0.10,
        views=3.2,
        searches=0.4,
        basket=2.6,
        price_taste=0.7,
        has_coupon=0.03,
        min_visits=10,
        buys_once=False,
        stays_anonymous=0.0,
        joined_earlier=0.8,
        owns=(0.7, 0.3, 0.95),
        uses=(0.2, 0.1, 0.7),
        dayparts=(0.02, 0.18, 0.25, 0.55),
        weekend=0.35,
        countries=(0.55, 0.10, 0.12, 0.08, 0.05, 0.10),
        channels=(0.60, 0.12, 0.03, 0.05, 0.18, 0.02),
        likes={"kitchen": 3, "electronics": 3, "home": 2},
        reads_mail=0.20,
        phones=0.6,
        plans=(0.1, 0.4, 0.5),
        is_content=0.95,
    ),
    Archetype(
        name="loyal_regulars",
        share=0.16,
        visits_per_month=1.0,
        first_visit=(0.0, 0.15),
        span=(1.0, 1.0),
        buys=0.5,
        abandons=0.08,
        views=2.3,
        searches=0.5,
        basket=1.5,
        price_taste=0.0,
        has_coupon=0.05,
        min_visits=8,
        buys_once=False,
        stays_anonymous=0.0,
        joined_earlier=0.7,
        owns=(0.97, 0.25, 0.10),
        uses=(0.85, 0.10, 0.05),
        dayparts=(0.01, 0.55, 0.34, 0.10),
        weekend=0.12,
        countries=(0.70, 0.12, 0.08, 0.04, 0.04, 0.02),
        channels=(0.55, 0.22, 0.05, 0.02, 0.14, 0.02),
        likes={"books": 4, "garden": 3},
        reads_mail=0.15,
        phones=0.5,
        plans=(0.4, 0.5, 0.1),
        is_content=0.85,
    ),
    Archetype(
        name="bargain_hunters",
        share=0.15,
        visits_per_month=0.85,
        first_visit=(0.0, 0.25),
        span=(1.0, 1.0),
        buys=0.36,
        abandons=0.30,
        views=5.2,
        searches=1.6,
        basket=2.2,
        price_taste=-1.6,
        has_coupon=0.85,
        min_visits=4,
        buys_once=False,
        stays_anonymous=0.0,
        joined_earlier=0.4,
        owns=(0.20, 0.95, 0.25),
        uses=(0.10, 0.75, 0.15),
        dayparts=(0.05, 0.10, 0.20, 0.65),
        weekend=0.60,
        countries=(0.35, 0.10, 0.30, 0.10, 0.10, 0.05),
        channels=(0.08, 0.10, 0.22, 0.10, 0.45, 0.05),
        likes={"toys": 3, "home": 3, "sport": 2},
        reads_mail=0.24,
        plans=(0.9, 0.1, 0.0),
        is_content=0.6,
    ),
    Archetype(
        name="window_shoppers",
        share=0.20,
        visits_per_month=0.65,
        first_visit=(0.0, 0.35),
        span=(0.65, 1.0),
        buys=0.0,
        abandons=0.005,
        views=3.8,
        searches=0.7,
        basket=1.0,
        price_taste=0.8,
        has_coupon=0.0,
        min_visits=3,
        buys_once=False,
        stays_anonymous=0.40,
        joined_earlier=0.1,
        owns=(0.08, 0.97, 0.0),
        uses=(0.05, 0.95, 0.0),
        dayparts=(0.05, 0.10, 0.65, 0.20),
        weekend=0.5,
        countries=(0.30, 0.05, 0.10, 0.20, 0.10, 0.25),
        channels=(0.10, 0.25, 0.10, 0.50, 0.02, 0.03),
        likes={"electronics": 2, "outdoor": 4},
        reads_mail=0.03,
        plans=(1.0, 0.0, 0.0),
        is_content=0.5,
    ),
    Archetype(
        name="cart_abandoners",
        share=0.14,
        visits_per_month=0.8,
        first_visit=(0.0, 0.35),
        span=(0.65, 1.0),
        buys=0.015,
        abandons=0.72,
        views=2.8,
        searches=0.6,
        basket=2.2,
        price_taste=0.3,
        has_coupon=0.05,
        min_visits=3,
        buys_once=False,
        stays_anonymous=0.15,
        joined_earlier=0.3,
        owns=(0.95, 0.3, 0.05),
        uses=(0.8, 0.17, 0.03),
        dayparts=(0.12, 0.05, 0.08, 0.75),
        weekend=0.25,
        countries=(0.45, 0.05, 0.15, 0.10, 0.10, 0.15),
        channels=(0.15, 0.20, 0.40, 0.15, 0.08, 0.02),
        likes={"sport": 4, "home": 2},
        reads_mail=0.10,
        plans=(0.95, 0.05, 0.0),
        is_content=0.25,
    ),
    Archetype(
        name="one_time_buyers",
        share=0.15,
        visits_per_month=2.2,
        first_visit=(0.42, 0.78),
        span=(0.01, 0.06),
        buys=0.0,
        abandons=0.04,
        views=2.6,
        searches=0.6,
        basket=1.2,
        price_taste=0.2,
        has_coupon=0.15,
        min_visits=2,
        buys_once=True,
        stays_anonymous=0.0,
        joined_earlier=0.0,
        owns=(0.93, 0.10, 0.0),
        uses=(0.9, 0.1, 0.0),
        dayparts=(0.02, 0.14, 0.76, 0.08),
        weekend=0.10,
        countries=(0.40, 0.08, 0.14, 0.14, 0.14, 0.10),
        channels=(0.06, 0.44, 0.32, 0.06, 0.0, 0.12),
        likes={"toys": 4, "kitchen": 2},
        reads_mail=0.02,
        plans=(1.0, 0.0, 0.0),
        is_content=0.6,
    ),
    Archetype(
        name="lapsed_customers",
        share=0.12,
        visits_per_month=1.4,
        first_visit=(0.0, 0.08),
        span=(0.20, 0.36),
        buys=0.42,
        abandons=0.12,
        views=2.9,
        searches=0.5,
        basket=2.4,
        price_taste=0.4,
        has_coupon=0.10,
        min_visits=3,
        buys_once=False,
        stays_anonymous=0.0,
        joined_earlier=0.9,
        owns=(0.90, 0.35, 0.10),
        uses=(0.75, 0.20, 0.05),
        dayparts=(0.03, 0.22, 0.60, 0.15),
        weekend=0.2,
        countries=(0.60, 0.10, 0.12, 0.08, 0.05, 0.05),
        channels=(0.35, 0.30, 0.12, 0.05, 0.16, 0.02),
        likes={"garden": 3, "outdoor": 2, "books": 2},
        reads_mail=0.15,
        phones=0.2,
        plans=(0.6, 0.3, 0.1),
        is_content=0.35,
    ),
)


def trait(name: str) -> np.ndarray:
    """Give one number, or one row of numbers, per archetype."""
    return np.array([getattr(archetype, name) for archetype in ARCHETYPES])


def category_weights() -> np.ndarray:
    """Give the weights of categories (columns) per archetype (rows)."""
    return np.array(
        [
            [archetype.likes.get(category, 1.0) for category in CATEGORIES]
            for archetype in ARCHETYPES
        ]
    )
