"""`ml.provisional` says what a first visit tells, and how surely, if anything."""

import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
import skops.io

from ml import provisional
from ml.errors import ModelRefusedError
from ml.models import TRUSTED
from ml.provisional import (
    CATEGORIES,
    NUMBERS,
    ContextModel,
    context_card,
    fit_context,
    predict_context,
    restore_context,
)

SEGMENTS = ["segment_1", "segment_2", "segment_3"]


def simulate_visits(n_persons: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Make contexts, and each person's true chances of the three segments."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "browser": rng.choice(["Chrome", "Safari"], n_persons),
            "channel": rng.choice(["email", "direct", "paid_search"], n_persons),
            "country": rng.choice(["DE", "FR", None], n_persons),
            "daypart": rng.choice(["night", "evening"], n_persons),
            "device_type": rng.choice(["mobile", "desktop", None], n_persons),
            "os": None,
            "weekday_type": rng.choice(["weekday", "weekend"], n_persons),
            **{name: rng.poisson(1.0, n_persons) for name in NUMBERS},
            "is_recent": rng.random(n_persons) < 0.3,
        },
        index=pd.Index([f"user_{i:05d}" for i in range(n_persons)], name="user_id"),
    )
    scores = np.column_stack(
        [
            2.0 * (frame["device_type"] == "mobile"),
            2.5 * (frame["channel"] == "email"),
            2.5 * np.log1p(frame["n_product_views"]) - 1,
        ]
    )
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return frame, chances


def draw_segments(chances: np.ndarray, index: pd.Index, seed: int) -> pd.Series:
    thrown = np.random.default_rng(seed).random((len(chances), 1))
    drawn = (chances.cumsum(axis=1) < thrown).sum(axis=1)
    return pd.Series(np.array(SEGMENTS)[drawn], index=index)


@pytest.fixture(scope="module")
def settled() -> tuple[pd.DataFrame, pd.Series]:
    contexts, chances = simulate_visits(3_000, seed=1)
    return contexts, draw_segments(chances, contexts.index, seed=2)


@pytest.fixture(scope="module")
def model(settled) -> ContextModel:
    fitted = fit_context(*settled)
    assert fitted is not None
    return fitted


@pytest.fixture
def newcomers() -> pd.DataFrame:
    return simulate_visits(100, seed=5)[0].drop(columns="is_recent")


def test_it_is_nearly_as_good_as_who_knows_the_truth_and_as_sure_as_it_is_good(model):
    contexts, chances = simulate_visits(4_000, seed=3)
    truth = draw_segments(chances, contexts.index, seed=4)

    told = predict_context(model, contexts)

    is_right = told["segment_id"] == truth
    at_best = (np.array(SEGMENTS)[chances.argmax(axis=1)] == truth).mean()
    assert is_right.mean() > at_best - 0.01
    assert model.metrics["accuracy"] == pytest.approx(is_right.mean(), abs=0.03)
    assert model.metrics["accuracy_of_commonest"] < at_best - 0.1
    is_sure = told["confidence"] > 0.75
    for group in (is_sure, ~is_sure):
        assert told.loc[group, "confidence"].mean() == pytest.approx(
            is_right[group].mean(), abs=0.03
        )
    second = np.array(SEGMENTS)[chances.argsort(axis=1)[:, 1]]
    assert (told["next_segment_id"] == second).mean() > 0.7


def test_contexts_that_tell_nothing_give_the_commonest_segment_and_its_share(newcomers):
    contexts, _ = simulate_visits(1_000, seed=1)
    chances = np.tile([0.2, 0.5, 0.3], (1_000, 1))
    segment_ids = draw_segments(chances, contexts.index, seed=2)

    model = fit_context(contexts, segment_ids)

    assert model is not None
    assert model.pipeline is None
    assert not model.metrics["is_better"]
    assert model.metrics["accuracy"] == model.metrics["accuracy_of_commonest"]
    told = predict_context(model, newcomers)
    assert told.drop_duplicates().to_numpy().tolist() == [
        ["segment_2", (segment_ids == "segment_2").mean(), "segment_3"]
    ]


def test_no_order_of_rows_or_columns_changes_anything(settled, model, newcomers):
    contexts, segment_ids = settled
    turned = contexts.sample(frac=1, random_state=0)[contexts.columns[::-1]]

    again = fit_context(turned, segment_ids.sample(frac=1, random_state=1))

    assert again is not None
    assert context_card(again) == context_card(model)
    assert np.array_equal(
        again.pipeline["classify"].coef_, model.pipeline["classify"].coef_
    )
    told = predict_context(again, newcomers[newcomers.columns[::-1]].assign(extra=1))
    assert told.equals(predict_context(model, newcomers))


def test_what_was_never_seen_is_no_error(model, newcomers):
    strange = newcomers.assign(
        device_type="fridge", channel="carrier_pigeon", revenue=1e12
    )

    told = predict_context(model, strange)

    assert told["confidence"].between(1 / 3, 1).all()
    largest = newcomers.assign(revenue=float(max(newcomers["revenue"]) + 50))
    assert (predict_context(model, strange.assign(revenue=largest["revenue"]))).equals(
        told
    )


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("dtype", [object, "str", "category"])
def test_a_missing_value_is_missing_however_it_is_written(
    model, newcomers, missing, dtype
):
    plain = newcomers.assign(device_type="")
    bare = newcomers.assign(
        device_type=pd.Series([missing] * 100, newcomers.index, object).astype(dtype)
    )

    assert predict_context(model, bare).equals(predict_context(model, plain))


def test_persons_are_answered_in_parts_as_at_once(model, newcomers, monkeypatch):
    expected = predict_context(model, newcomers)
    monkeypatch.setattr(provisional, "READ_AT_ONCE", 7)

    assert predict_context(model, newcomers).equals(expected)
    assert list(predict_context(model, newcomers.head(0))) == list(expected)


def test_nobody_who_came_lately_is_told_to_have_gone(settled):
    contexts, segment_ids = settled
    gone = contexts.assign(
        is_recent=contexts["is_recent"] & (segment_ids != "segment_2")
    )

    model = fit_context(gone, segment_ids)

    assert model is not None
    assert model.segment_ids == ("segment_1", "segment_3")
    assert model.metrics["n_persons"] == (segment_ids != "segment_2").sum()


def test_segments_stay_if_only_chance_or_nothing_speaks_against_them(settled):
    contexts, segment_ids = (part.head(90) for part in settled)
    nobody = contexts.assign(is_recent=False)
    two = segment_ids.drop_duplicates().index[:2]
    few = contexts.assign(is_recent=contexts.index.isin(two))
    one = contexts.assign(is_recent=segment_ids == segment_ids.iloc[0])

    for frame in (nobody, few, one):
        model = fit_context(frame, segment_ids)
        assert model is not None
        assert model.segment_ids == tuple(SEGMENTS)


def test_there_is_no_model_of_too_few_persons_or_one_segment(settled):
    contexts, segment_ids = (part.head(60) for part in settled)
    two = pd.Series(["segment_1"] * 10 + ["segment_2"] * 10, contexts.index[:20])
    rare = pd.Series(["segment_1"] * 56 + ["segment_2"] * 4, contexts.index)

    assert fit_context(contexts.head(20), two) is not None
    assert fit_context(contexts.head(19), two) is None
    assert fit_context(contexts, rare) is None
    assert fit_context(contexts, segment_ids.mask(segment_ids == "x", "y")) is not None
    assert fit_context(contexts.head(0), segment_ids) is None


def test_a_model_is_saved_without_what_few_persons_share(settled, model, newcomers):
    contexts, segment_ids = settled
    browsers = contexts["browser"].copy()
    browsers.iloc[:9] = "Ann's own"
    browsers.iloc[9:19] = "Lynx"
    fitted = fit_context(contexts.assign(browser=browsers), segment_ids)
    assert fitted is not None

    content = skops.io.dumps(fitted.pipeline)

    assert set(skops.io.get_untrusted_types(data=content)) <= set(TRUSTED)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        arrays = [name for name in archive.namelist() if name.endswith(".npy")]
        shapes = [np.load(io.BytesIO(archive.read(name))).shape for name in arrays]
        schema = archive.read("schema.json").decode()
    assert "Lynx" in schema
    assert "Ann" not in schema
    assert "user_0" not in schema
    assert max(max(shape, default=0) for shape in shapes) < 50
    card = json.loads(json.dumps(context_card(fitted), allow_nan=False))
    opened = restore_context(card, skops.io.loads(content, trusted=list(TRUSTED)))
    assert opened.segment_ids == fitted.segment_ids
    assert predict_context(opened, newcomers).equals(predict_context(fitted, newcomers))


def test_parts_that_do_not_fit_are_refused(model):
    card = context_card(model)
    lame = {**card, "metrics": {**card["metrics"], "is_better": False}}
    short = {**card, "segment_ids": SEGMENTS[:2], "shares": [0.5, 0.5]}

    for mistaken, pipeline in (
        (card, None),
        (lame, model.pipeline),
        (short, model.pipeline),
        ({**card, "shares": [1.0]}, model.pipeline),
        (card, model.pipeline["prepare"].transformers_[1][1]),
    ):
        with pytest.raises(ModelRefusedError):
            restore_context(mistaken, pipeline)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"revenue": -1.0}, "'revenue' has missing, infinite or negative"),
        ({"revenue": np.nan}, "'revenue' has missing, infinite or negative"),
        ({"n_orders": np.inf}, "'n_orders' has missing, infinite or negative"),
    ],
)
def test_impossible_numbers_are_refused(settled, model, change, message):
    contexts, segment_ids = (part.head(50) for part in settled)
    changed = contexts.assign(**change)

    with pytest.raises(ValueError, match=message):
        fit_context(changed, segment_ids)
    with pytest.raises(ValueError, match=message):
        predict_context(model, changed)


def test_what_is_not_there_is_named(settled, model):
    contexts, segment_ids = (part.head(50) for part in settled)

    for name in (*CATEGORIES, *NUMBERS, "is_recent"):
        with pytest.raises(ValueError, match=f"no column '{name}'"):
            fit_context(contexts.drop(columns=name), segment_ids)
    with pytest.raises(ValueError, match="no column 'os'"):
        predict_context(model, contexts.drop(columns="os"))
    with pytest.raises(ValueError, match="10 persons have no segment"):
        fit_context(contexts, segment_ids.head(40))
    with pytest.raises(ValueError, match="'user_00003' occurs more than once"):
        fit_context(contexts.rename({"user_00004": "user_00003"}), segment_ids)
