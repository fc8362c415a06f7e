"""What the shop sells, and which products are planted to be bought together."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sample_shop.archetypes import ARCHETYPES, CATEGORIES, trait

# prices in pounds; within a category, the first is the most popular
NOUNS = {
    "books": {
        "Crime Novel": 9,
        "Cookery Book": 18,
        "Atlas": 32,
        "Poetry Anthology": 12,
        "Garden Almanac": 15,
        "Picture Book": 8,
    },
    "electronics": {
        "Headphones": 79,
        "Speaker": 99,
        "E-Reader": 129,
        "Radio": 59,
        "Charger": 24,
        "Webcam": 49,
    },
    "garden": {
        "Secateurs": 22,
        "Watering Can": 18,
        "Planter": 28,
        "Seed Box": 9,
        "Garden Fork": 34,
        "Bird Table": 45,
    },
    "home": {
        "Cushion": 19,
        "Throw": 36,
        "Table Lamp": 48,
        "Candle": 11,
        "Picture Frame": 14,
        "Rug": 110,
    },
    "kitchen": {
        "Kettle": 42,
        "Frying Pan": 38,
        "Chef's Knife": 55,
        "Mixing Bowl": 16,
        "Toaster": 44,
        "Casserole": 89,
    },
    "outdoor": {
        "Rucksack": 68,
        "Sleeping Bag": 85,
        "Head Torch": 27,
        "Flask": 21,
        "Walking Poles": 46,
        "Rain Jacket": 120,
    },
    "sport": {
        "Yoga Block": 12,
        "Dumbbells": 39,
        "Skipping Rope": 10,
        "Cycle Helmet": 54,
        "Swim Goggles": 16,
        "Running Vest": 29,
    },
    "toys": {
        "Building Blocks": 25,
        "Board Game": 29,
        "Jigsaw": 14,
        "Wooden Train": 34,
        "Puppet": 11,
        "Kite": 18,
    },
}
VARIANTS = {"Everyday": 0.65, "Heritage": 1.55}


@dataclass(frozen=True)
class Pair:
    """Two products of one category; who buys the first takes the second too."""

    category: str
    antecedent: str
    antecedent_price: float
    consequent: str
    consequent_price: float
    confidence: float


PAIRS = (
    Pair("kitchen", "Espresso Machine", 64.0, "Descaler, twin pack", 12.0, 0.75),
    Pair("outdoor", "Dome Tent", 62.0, "Tent Pegs (20)", 14.0, 0.70),
    Pair("electronics", "Compact Camera", 75.0, "Memory Card 128 GB", 21.0, 0.65),
    Pair("sport", "Yoga Mat", 24.0, "Mat Strap", 9.5, 0.60),
    Pair("books", "Fountain Pen", 27.0, "Ink 'Midnight', 50 ml", 9.0, 0.70),
)
ANTECEDENT_POPULARITY = 1.6
CONSEQUENT_POPULARITY = 0.06


def make_products() -> pd.DataFrame:
    """List the products: product_id, product_name, category, price, popularity.

    Rows are sorted by category, and the index counts from 0. `companion` is the row
    of the planted consequent, or -1, and `confidence` how often it is taken.
    """
    rows = []
    for category in CATEGORIES:
        for rank, (noun, price) in enumerate(NOUNS[category].items()):
            for variant, factor in VARIANTS.items():
                popularity = 1 / (1 + rank) ** 0.5
                rows.append((f"{variant} {noun}", category, price * factor, popularity))
        for pair in PAIRS:
            if pair.category == category:
                rows += [
                    (
                        pair.antecedent,
                        category,
                        pair.antecedent_price,
                        ANTECEDENT_POPULARITY,
                    ),
                    (
                        pair.consequent,
                        category,
                        pair.consequent_price,
                        CONSEQUENT_POPULARITY,
                    ),
                ]
    products = pd.DataFrame(
        rows, columns=["product_name", "category", "price", "popularity"]
    )
    products["price"] = products["price"].round(2)
    products["product_id"] = [f"SKU-{1000 + 7 * k}" for k in range(len(products))]

    row_of_name = pd.Series(products.index, index=products["product_name"])
    products["companion"] = -1
    products["confidence"] = 0.0
    for pair in PAIRS:
        antecedent = row_of_name[pair.antecedent]
        products.loc[antecedent, "companion"] = row_of_name[pair.consequent]
        products.loc[antecedent, "confidence"] = pair.confidence
    return products


def planted_pairs(products: pd.DataFrame) -> pd.DataFrame:
    """List the planted pairs by product_id: antecedent, consequent, confidence."""
    planted = products[products["companion"] >= 0]
    return pd.DataFrame(
        {
            "antecedent": planted["product_id"].to_numpy(),
            "consequent": products["product_id"].to_numpy()[planted["companion"]],
            "confidence": planted["confidence"].to_numpy(),
        }
    )


class Shelves:
    """Draws products by archetype and category, all at once."""

    def __init__(self, products: pd.DataFrame):
        log_price = np.log(products["price"].to_numpy())
        tilt = (log_price - log_price.mean()) / log_price.std()
        weights = products["popularity"].to_numpy() * np.exp(
            trait("price_taste")[:, None] * tilt
        )
        # one long ladder of weights: an archetype's products after another's
        self._ladder = np.concatenate([[0.0], weights.ravel().cumsum()])
        categories = pd.Categorical(products["category"], CATEGORIES).codes
        self._first = np.searchsorted(categories, np.arange(len(CATEGORIES)))
        self._after = np.searchsorted(categories, np.arange(len(CATEGORIES)), "right")
        self._n_products = len(products)

    def draw(
        self, rng: np.random.Generator, archetype: np.ndarray, category: np.ndarray
    ) -> np.ndarray:
        """Draw a product's row for each pair of archetype and category."""
        if archetype.max(initial=0) >= len(ARCHETYPES):
            raise ValueError(f"no archetype {archetype.max()}")
        shelf = archetype * self._n_products
        low = self._ladder[shelf + self._first[category]]
        high = self._ladder[shelf + self._after[category]]
        level = low + rng.random(len(archetype)) * (high - low)
        return np.searchsorted(self._ladder, level, "right") - 1 - shelf
