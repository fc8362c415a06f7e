"""Tell from the first visit alone to which segment a person will likely belong."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from ml.errors import ModelRefusedError
from ml.features import FEWEST_DESCRIBED

CATEGORIES = (
    "browser",
    "channel",
    "country",
    "daypart",
    "device_type",
    "os",
    "weekday_type",
)
NUMBERS = (
    "duration_seconds",
    "n_add_to_carts",
    "n_begin_checkouts",
    "n_orders",
    "n_page_views",
    "n_product_views",
    "n_searches",
    "revenue",
)
MIN_PERSONS = 20
FITTED_TO = 20_000
N_FOLDS = 5
# A value that fewer persons share tells little of anybody else, and might tell who
# they are: no model keeps it.
FEWEST_ALIKE = 10
# A segment of which a tenth as many as of everybody were seen lately, and that by no
# chance of 1 in 100, is one that people end in and not one that they begin in.
LEAST_RECENT = 0.1
CHANCE = 0.01
READ_AT_ONCE = 50_000


@dataclass(frozen=True)
class ContextModel:
    """What a first visit says of the segment; nothing in it is about a single person.

    Attributes
    ----------
    segment_ids : tuple of str
        The segments that it may answer, sorted.
    shares : tuple of float
        The share of each of them in those it was fitted to; they sum to 1.
    metrics : dict
        Of persons who were left out of the fit, five times a fifth: `accuracy` and
        `log_loss` of what is answered for them; `accuracy_of_commonest` and
        `log_loss_of_shares` are those of an answer that knows nothing of them.
        `is_better` says whether the contexts tell anything; `n_persons` how many
        persons, `n_segments` how many segments there were.
    pipeline : Pipeline or None
        Steps ``prepare`` and ``classify``; None if contexts tell nothing, and everybody
        is answered the commonest segment.
    """

    segment_ids: tuple[str, ...]
    shares: tuple[float, ...]
    metrics: dict[str, float | int | bool]
    pipeline: Pipeline | None


def fit_context(
    contexts: pd.DataFrame, segment_ids: pd.Series, *, random_state: int = 0
) -> ContextModel | None:
    """Learn from those whose segment is known what their first visit said of it.

    A multinomial logistic regression on the categories, one column for each value that
    at least 10 persons share, and the logarithms of the numbers, cut at what 10
    persons reach. It is fitted to at most 20,000 persons, sorted by `user_id`.

    A segment of fewer than 5 persons is left out. So is one in which hardly anybody was
    seen lately, such as that of persons who went away long ago: some began like the
    person who came yesterday, but that person is none of them yet. (If fewer than two
    segments would be left, these stay.)

    The rule for whether contexts tell anything: **of persons left out of the fit, the
    mean log loss must be lower than that of the segments' shares, by more than two
    standard errors**. It is a proper score [1]_, so this asks for honest probabilities.
    Otherwise the answer is the commonest segment, with its share.

    Of somebody who came once, the first visit is all that the segment was made of: the
    model is told part of the answer there. That does no harm, since the same is known
    of those whom it is asked about; but its accuracy is not that of a forecast.

    Parameters
    ----------
    contexts : DataFrame of shape (n_persons, 16 or more)
        Settled persons, as `int_user_contexts_described` has them, indexed by
        `user_id`: `CATEGORIES`, text or missing; `NUMBERS`, 0 or more; `is_recent`.
        Columns are found by name, others are ignored.
    segment_ids : Series of shape (n_persons or more,)
        The segment of each of them, indexed by `user_id` in any order.
    random_state : int, default=0
        Seed of the drawing and of the folds.

    Returns
    -------
    ContextModel or None
        None if there are fewer than 20 persons, or fewer than two segments: there is
        nothing to learn from, and nobody can be given a provisional segment.

    Raises
    ------
    ValueError
        If a column is missing (it is named), a number is negative, missing or infinite,
        a `user_id` occurs twice or a person has no segment.

    References
    ----------
    .. [1] T. Gneiting, A. E. Raftery, "Strictly proper scoring rules, prediction, and
       estimation", Journal of the American Statistical Association 102 (2007),
       359-378.

    Examples
    --------
    >>> contexts = pd.DataFrame({name: "" for name in CATEGORIES}, index=range(40))
    >>> contexts = contexts.assign(**{name: 0 for name in NUMBERS}, is_recent=True)
    >>> contexts["device_type"] = ["mobile"] * 20 + ["desktop"] * 20
    >>> segment_ids = pd.Series(["segment_2"] * 20 + ["segment_1"] * 20)
    >>> model = fit_context(contexts, segment_ids)
    >>> predict_context(model, contexts).loc[0, "segment_id"]
    'segment_2'
    """
    if not contexts.index.is_unique:
        twice = contexts.index[contexts.index.duplicated()][0]
        raise ValueError(f"user_id {twice!r} occurs more than once")
    of_person = segment_ids.reindex(contexts.index)
    if of_person.isna().any():
        raise ValueError(f"{of_person.isna().sum()} persons have no segment")
    settled = _draw(contexts.sort_index(), random_state)
    drawn = _checked_contexts(settled).assign(
        is_recent=_column(settled, "is_recent").astype(bool),
        segment_id=of_person.loc[settled.index],
    )
    drawn = drawn[drawn["segment_id"].isin(_answerable(drawn))]
    names = sorted(drawn["segment_id"].unique())
    if len(drawn) < MIN_PERSONS or len(names) < 2:
        return None
    labels = np.searchsorted(names, drawn["segment_id"].tolist())
    shares = np.bincount(labels) / len(labels)
    # one thread: sums over several differ in their last digits from run to run
    with threadpool_limits(limits=1):
        pipeline = _build_pipeline(drawn)
        metrics = _judge(pipeline, drawn, labels, shares, random_state)
        if metrics["is_better"]:
            pipeline.fit(drawn, labels)
            classifier = pipeline["classify"]
            # their last digits are the machine's, not the data's
            classifier.coef_ = classifier.coef_.round(6)
            classifier.intercept_ = classifier.intercept_.round(6)
    return ContextModel(
        segment_ids=tuple(map(str, names)),
        shares=tuple(shares.round(6).tolist()),
        metrics=metrics,
        pipeline=pipeline if metrics["is_better"] else None,
    )


def predict_context(model: ContextModel, contexts: pd.DataFrame) -> pd.DataFrame:
    """Tell the likeliest segment of each person, and how likely it is.

    Parameters
    ----------
    model : ContextModel
    contexts : DataFrame of shape (n_persons, 15 or more)
        As for `fit_context`, but for `is_recent`. A value that the model does not know
        says nothing.

    Returns
    -------
    DataFrame of shape (n_persons, 3)
        `segment_id`, `confidence` (its probability among `model.segment_ids`, 0 to 1)
        and `next_segment_id` (the second likeliest), indexed as `contexts`.

    Raises
    ------
    ValueError
        As `fit_context`, of the columns that are read.
    """
    frame = _checked_contexts(contexts)
    n_segments = len(model.segment_ids)
    parts = [np.empty((0, n_segments))]
    for start in range(0, len(frame), READ_AT_ONCE):
        rows = frame.iloc[start : start + READ_AT_ONCE]
        parts.append(
            np.tile(model.shares, (len(rows), 1))
            if model.pipeline is None
            else model.pipeline.predict_proba(rows)
        )
    probabilities = np.concatenate(parts).round(6)
    first, second = np.argsort(-probabilities, axis=1, kind="stable").T[:2]
    names = np.array(model.segment_ids, dtype=object)
    return pd.DataFrame(
        {
            "segment_id": names[first],
            "confidence": probabilities[np.arange(len(frame)), first],
            "next_segment_id": names[second],
        },
        index=contexts.index,
    )


def context_card(model: ContextModel) -> dict:
    """Say in JSON's terms all of a model but its pipeline; see `restore_context`."""
    card = asdict(ContextModel(model.segment_ids, model.shares, model.metrics, None))
    del card["pipeline"]
    return card | {"segment_ids": list(model.segment_ids), "shares": list(model.shares)}


def restore_context(card: dict, pipeline: Pipeline | None) -> ContextModel:
    """Put a model together again from its card and its pipeline.

    Raises
    ------
    ModelRefusedError
        If the two do not fit each other, or the pipeline is not built as ours are.
    """
    model = ContextModel(
        segment_ids=tuple(card["segment_ids"]),
        shares=tuple(card["shares"]),
        metrics=card["metrics"],
        pipeline=pipeline,
    )
    if len(model.segment_ids) < 2 or len(model.shares) != len(model.segment_ids):
        raise ModelRefusedError("the context model has not a share for each segment")
    if model.metrics["is_better"] != (pipeline is not None):
        raise ModelRefusedError("the context model and its card do not fit")
    if pipeline is not None:
        if [name for name, _ in pipeline.steps] != ["prepare", "classify"]:
            raise ModelRefusedError("the context model has other steps than ours")
        classifier = pipeline["classify"]
        if len(classifier.classes_) != len(model.segment_ids) or not (
            np.isfinite(classifier.coef_).all()
            and np.isfinite(classifier.intercept_).all()
        ):
            raise ModelRefusedError("the context model's weights are not as ours are")
    return model


def _checked_contexts(contexts: pd.DataFrame) -> pd.DataFrame:
    """Return categories as text, nothing for missing ones, and numbers as floats."""
    checked = {}
    for name in CATEGORIES:
        told = _column(contexts, name)
        checked[name] = told.astype(object).where(told.notna(), "").map(str)
    for name in NUMBERS:
        number = _column(contexts, name).astype(float)
        if not (np.isfinite(number) & (number >= 0)).all():
            raise ValueError(f"{name!r} has missing, infinite or negative values")
        checked[name] = number
    frame = pd.DataFrame(checked, index=contexts.index)
    return frame.astype(dict.fromkeys(CATEGORIES, object))


def _column(contexts: pd.DataFrame, name: str) -> pd.Series:
    if name not in contexts:
        raise ValueError(f"contexts have no column {name!r}")
    return contexts[name]


def _draw(contexts: pd.DataFrame, seed: int) -> pd.DataFrame:
    order = np.random.default_rng(seed).permutation(len(contexts))
    return contexts.iloc[np.sort(order[:FITTED_TO])]


def _answerable(drawn: pd.DataFrame) -> list[str]:
    """List the segments that a person who came lately can be in."""
    counted = drawn.groupby("segment_id")["is_recent"].agg(["size", "sum"])
    counted = counted[counted["size"] >= FEWEST_DESCRIBED]
    usual = drawn["is_recent"].mean()
    is_left = (counted["sum"] < LEAST_RECENT * usual * counted["size"]) & (
        binom.cdf(counted["sum"], counted["size"], usual) < CHANCE
    )
    current = counted[~is_left]
    return list((current if len(current) >= 2 else counted).index)


def _build_pipeline(drawn: pd.DataFrame) -> Pipeline:
    """Build, unfitted, what reads contexts; it keeps what at least 10 persons share."""
    shared = {
        name: sorted(counts[counts >= FEWEST_ALIKE].index)
        for name in CATEGORIES
        if ((counts := drawn[name].value_counts()) >= FEWEST_ALIKE).any()
    }
    encoder = OneHotEncoder(
        categories=list(shared.values()), handle_unknown="ignore", sparse_output=False
    )
    numbers = drawn[list(NUMBERS)].to_numpy()
    most = np.sort(numbers, axis=0)[-FEWEST_ALIKE]
    steps = [
        ("cut", FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": most})),
        ("log", FunctionTransformer(np.log1p)),
        ("scale", StandardScaler()),
    ]
    reader = ColumnTransformer(
        [
            ("categories", encoder, list(shared)),
            ("numbers", Pipeline(steps), list(NUMBERS)),
        ]
    )
    return Pipeline(
        [("prepare", reader), ("classify", LogisticRegression(max_iter=1_000))]
    )


def _judge(
    pipeline: Pipeline,
    drawn: pd.DataFrame,
    labels: np.ndarray,
    shares: np.ndarray,
    seed: int,
) -> dict[str, float | int | bool]:
    """Apply the rule of `fit_context`, and measure what will be answered."""
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    probabilities = cross_val_predict(
        pipeline, drawn, labels, cv=folds, method="predict_proba"
    )
    tiny = np.finfo(float).tiny
    losses = -np.log(probabilities[np.arange(len(labels)), labels].clip(tiny))
    usual_losses = -np.log(shares[labels])
    gains = usual_losses - losses
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    is_better = bool(gains.mean() > 2 * error)
    usual_accuracy = shares.max()
    accuracy = (probabilities.argmax(axis=1) == labels).mean()
    return {
        "n_persons": len(labels),
        "n_segments": len(shares),
        "is_better": is_better,
        "accuracy": round(float(accuracy if is_better else usual_accuracy), 6),
        "accuracy_of_commonest": round(float(usual_accuracy), 6),
        "log_loss": round(float((losses if is_better else usual_losses).mean()), 6),
        "log_loss_of_shares": round(float(usual_losses.mean()), 6),
    }
