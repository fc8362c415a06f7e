"""What each feature means: the question it answers, and the words it is told in."""

import numpy as np
import pandas as pd

from ml.buying import BUYING
from ml.feature import MANY, Feature
from ml.visiting import VISITING

FEWEST_DESCRIBED = 5
FEATURES = VISITING | BUYING


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
    if name.startswith("has_"):
        return _flag(name)
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


def _flag(name: str) -> Feature:
    """Make the words of what only says whether other features were measured."""
    words = name.removeprefix("has_").replace("_", " ")
    return Feature(
        "other",
        f"whether {words} are known",
        f"{words.title()} Known",
        f"{words.title()} Unknown",
        is_clustered=False,
    )


def clustered_names(features: pd.DataFrame) -> list[str]:
    """List the columns that clustering reads, sorted."""
    return [name for name in feature_names(features) if look_up(name).is_clustered]


def feature_names(features: pd.DataFrame) -> list[str]:
    """List the columns of a frame, sorted, so that their order does not matter."""
    return sorted(str(name) for name in features)


def applicable(features: pd.DataFrame, name: str) -> np.ndarray:
    """Tell for which persons feature `name` has a meaning; shape (n_persons,)."""
    condition = look_up(name).applies
    if condition is None or condition[0] not in features:
        return np.ones(len(features), dtype=bool)
    return (features[condition[0]] > condition[1]).to_numpy()
