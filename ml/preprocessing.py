"""Turn features of any unit and skew into numbers that distances can compare."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from scipy.stats import skew
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

from ml.canonical import CanonicalVariables
from ml.errors import TooFewPersonsError
from ml.features import FEWEST_DESCRIBED, feature_names, look_up

Scaling = Literal["standard", "robust", "min_max"]
Reduction = Literal["principal", "canonical"]

SKEWED = 1.0
SAME = 1e-9
KEPT_VARIANCE = 0.8
LEAST_CATEGORY = 0.01
# How often a person comes by phone, on a Sunday or by a search, and how dear what they
# saw was, says less of what they want here than what they do, and it is noisy for those
# who came once or twice.
GROUP_WEIGHTS = {"channels": 0.5, "habits": 0.5, "prices": 0.5}
SCALERS = {
    "standard": StandardScaler,
    "robust": RobustScaler,
    "min_max": MinMaxScaler,
}


def build_preprocessor(
    features: pd.DataFrame,
    *,
    scaling: Scaling = "standard",
    reduction: Reduction = "principal",
) -> Pipeline:
    """Build, unfitted, what brings features on one scale, as `features` suggest.

    1. Every number is cut at its 1st and 99th percentile, at values that occur, so
       that one absurd value counts no more than the next one below it.
    2. A column that is never negative, is skewed to the right (skewness above 1) and
       is not a share is taken as its logarithm. Zero counts as half of the 5th
       percentile of the positive values: none, one, two and four orders are then
       equal steps, and the unit of money does not matter. A skewed column with
       negative values is taken to a power [3]_.
    3. Every column is scaled, by default to mean 0 and variance 1; constant ones are
       left out. A column of text becomes one column for each category that a
       hundredth of the persons (and five) have; all others have none of these.
    4. Columns that answer the same question (`ml.features.Feature.group`) share its
       weight: each is divided by the root of the first eigenvalue of its group's
       correlations, as multiple factor analysis does [1]_, so that ten counts of one
       thing do not outvote a single share. Channels, habits and prices weigh half.
    5. The principal components that hold four fifths of the variance stay [2]_;
       what is noise to a single column goes. Or canonical variables do, see
       `ml.canonical`; `ml.structure.choose_reduction` tells which.

    Parameters
    ----------
    features : DataFrame of shape (n_persons, n_features)
        Numbers, none missing or infinite, or text; columns and rows in any order.
    scaling : {"standard", "robust", "min_max"}, default="standard"
        To mean 0 and variance 1; to median 0 and a distance of 1 between the
        quartiles; or to what lies between 0 and 1.
    reduction : {"principal", "canonical"}, default="principal"

    Returns
    -------
    Pipeline
        Steps ``scale`` and ``reduce``; reads columns by name, and is made of objects
        that `ml.models` can save.

    Raises
    ------
    TooFewPersonsError
        If every column is constant.

    References
    ----------
    .. [1] B. Escofier, J. Pagès, "Multiple factor analysis (AFMULT package)",
       Computational Statistics & Data Analysis 18 (1994), 121-140.
    .. [2] I. T. Jolliffe, "Principal Component Analysis", 2nd edition, Springer
       (2002), section 6.1.1, 112-114.
    .. [3] I.-K. Yeo, R. A. Johnson, "A new family of power transformations to improve
       normality or symmetry", Biometrika 87 (2000), 954-959.

    Examples
    --------
    >>> orders = [0] * 50 + [1] * 30 + [2] * 15 + [4] * 5
    >>> features = pd.DataFrame({"n_orders": orders, "shop": 1})
    >>> scaled = build_preprocessor(features)["scale"].fit_transform(features)
    >>> np.unique(scaled.round(2)).tolist()
    [-0.85, 0.28, 1.41, 2.54]
    """
    columns = {
        name: column
        for name in feature_names(features)
        if (column := _build_column(name, features[name], scaling)) is not None
    }
    scaled = {
        name: made
        for name, column in columns.items()
        # rare categories alone become one of all, and what is tiny is not scaled
        if (np.ptp(made := column.fit_transform(features[[name]]), axis=0) > SAME).any()
    }
    if not scaled:
        raise TooFewPersonsError("all persons are alike: no feature tells them apart")
    weighted = ColumnTransformer(
        [(name, columns[name], [name]) for name in scaled],
        transformer_weights=_weigh_columns(scaled),
    )
    return Pipeline([("scale", weighted), ("reduce", build_reducer(reduction))])


def build_reducer(reduction: Reduction) -> PCA | CanonicalVariables:
    """Build, unfitted, what leaves fewer columns than were scaled."""
    if reduction == "canonical":
        return CanonicalVariables(kept_share=KEPT_VARIANCE)
    return PCA(n_components=KEPT_VARIANCE, svd_solver="covariance_eigh")


def _build_column(name: str, values: pd.Series, scaling: Scaling) -> Pipeline | None:
    """Build the steps of one column; None if it is constant."""
    if is_numeric_dtype(values):
        return _build_number(name, values.to_numpy(float), scaling)
    # what fewer persons have is not kept, not even as a name: it would tell of them
    least = max(FEWEST_DESCRIBED, int(LEAST_CATEGORY * len(values)))
    counts = values.value_counts()
    shared = sorted(counts[counts >= least].index)
    if not shared or counts[shared[0]] == len(values):
        return None
    encoder = OneHotEncoder(
        categories=[shared], handle_unknown="ignore", sparse_output=False
    )
    return Pipeline([("encode", encoder), ("scale", SCALERS[scaling]())])


def _build_number(name: str, values: np.ndarray, scaling: Scaling) -> Pipeline | None:
    """Build the steps of one number; None if it is constant once it is cut."""
    low = np.quantile(values, 0.01, method="higher")
    high = np.quantile(values, 0.99, method="lower")
    if high - low <= SAME * max(abs(low), abs(high)):
        return None
    is_skewed = abs(skewness := skew(values.clip(low, high))) > SKEWED
    is_log = values.min() >= 0 and look_up(name).kind != "share" and skewness > SKEWED
    if is_log:
        low = max(np.quantile(values[values > 0], 0.05) / 2, np.finfo(float).tiny)
    steps = [("cut", _apply(np.clip, a_min=float(low), a_max=float(high)))]
    if is_log:
        steps.append(("log", _apply(np.log)))
    elif is_skewed and values.min() < 0:
        steps.append(("power", PowerTransformer("yeo-johnson", standardize=False)))
    return Pipeline([*steps, ("scale", SCALERS[scaling]())])


def _apply(function: Callable, **options: float) -> FunctionTransformer:
    """Wrap a function of numpy; only np.clip and np.log are saved by `ml.models`."""
    return FunctionTransformer(
        function, validate=True, kw_args=options, feature_names_out="one-to-one"
    )


def _weigh_columns(scaled: dict[str, np.ndarray]) -> dict[str, float]:
    """Share each group's weight among its columns."""
    groups: dict[str, list[str]] = {}
    for name in scaled:
        groups.setdefault(look_up(name).group, []).append(name)
    weights = {}
    for group, names in groups.items():
        columns = np.hstack([scaled[name] for name in names])
        size = columns.shape[1]
        correlations = np.corrcoef(columns, rowvar=False).reshape(size, size)
        weight = GROUP_WEIGHTS.get(group, 1.0) / np.sqrt(
            np.linalg.eigvalsh(correlations)[-1]
        )
        weights |= dict.fromkeys(names, float(weight))
    return weights
