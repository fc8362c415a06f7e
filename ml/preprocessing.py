"""Turn features of any unit and skew into numbers that distances can compare."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import skew
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from ml.errors import TooFewPersonsError
from ml.features import feature_names, look_up

SKEWED = 1.0
SAME = 1e-9
KEPT_VARIANCE = 0.8
# How often a person comes by phone, on a Sunday or by a search, and how dear what they
# saw was, says less of what they want here than what they do, and it is noisy for those
# who came once or twice.
GROUP_WEIGHTS = {"channels": 0.5, "habits": 0.5, "prices": 0.5}


def build_preprocessor(features: pd.DataFrame) -> Pipeline:
    """Build, unfitted, what brings features on one scale, as `features` suggest.

    1. Every column is cut at its 1st and 99th percentile, at values that occur, so
       that one absurd value counts no more than the next one below it.
    2. A column that is never negative, is skewed to the right (skewness above 1) and
       is not a share is taken as its logarithm. Zero counts as half of the 5th
       percentile of the positive values: none, one, two and four orders are then
       equal steps, and the unit of money does not matter.
    3. Every column is scaled to mean 0 and variance 1; constant ones are left out.
    4. Columns that answer the same question (`ml.features.Feature.group`) share its
       weight: each is divided by the root of the first eigenvalue of its group's
       correlations, as multiple factor analysis does [1]_, so that ten counts of one
       thing do not outvote a single share. Channels and habits weigh half.
    5. The principal components that hold four fifths of the variance stay [2]_;
       what is noise to a single column goes.

    Parameters
    ----------
    features : DataFrame of shape (n_persons, n_features)
        Numbers, none missing or infinite, columns and rows in any order.

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
        if (column := _build_column(name, features[name].to_numpy(float))) is not None
    }
    if not columns:
        raise TooFewPersonsError("all persons are alike: no feature tells them apart")
    scaler = ColumnTransformer(
        [(name, column, [name]) for name, column in columns.items()]
    )
    scaled = pd.DataFrame(scaler.fit_transform(features), columns=list(columns))
    weighted = ColumnTransformer(
        [(name, column, [name]) for name, column in columns.items()],
        transformer_weights=_weigh_columns(scaled),
    )
    reducer = PCA(n_components=KEPT_VARIANCE, svd_solver="full")
    return Pipeline([("scale", weighted), ("reduce", reducer)])


def _build_column(name: str, values: np.ndarray) -> Pipeline | None:
    """Build the steps of one column; None if it is constant once it is cut."""
    low = np.quantile(values, 0.01, method="higher")
    high = np.quantile(values, 0.99, method="lower")
    if high - low <= SAME * max(abs(low), abs(high)):
        return None
    is_log = (
        values.min() >= 0
        and look_up(name).kind != "share"
        and skew(values.clip(low, high)) > SKEWED
    )
    if is_log:
        low = max(np.quantile(values[values > 0], 0.05) / 2, np.finfo(float).tiny)
    steps = [("cut", _apply(np.clip, a_min=float(low), a_max=float(high)))]
    if is_log:
        steps.append(("log", _apply(np.log)))
    return Pipeline([*steps, ("scale", StandardScaler())])


def _apply(function: Callable, **options: float) -> FunctionTransformer:
    """Wrap a function of numpy; only np.clip and np.log are saved by `ml.models`."""
    return FunctionTransformer(
        function, validate=True, kw_args=options, feature_names_out="one-to-one"
    )


def _weigh_columns(scaled: pd.DataFrame) -> dict[str, float]:
    """Share each group's weight among its columns."""
    weights = {}
    for group, columns in scaled.T.groupby(lambda name: look_up(name).group):
        correlations = np.corrcoef(columns.to_numpy()).reshape(len(columns), -1)
        weight = GROUP_WEIGHTS.get(group, 1.0) / np.sqrt(
            np.linalg.eigvalsh(correlations)[-1]
        )
        weights |= dict.fromkeys(columns.index, float(weight))
    return weights
