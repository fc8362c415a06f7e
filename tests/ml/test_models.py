"""`ml.models` gives back what it was given, and runs nothing that it was not."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.cluster import KMeans
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits

from ml.archives import FIRST_DAY
from ml.candidates import Candidate, fit_candidates
from ml.clustering import (
    ClusterModel,
    assign_clusters,
    fit_clustering,
    locate_persons,
)
from ml.errors import ModelRefusedError
from ml.models import TRUSTED, SegmentModel, from_bytes, model_version, to_bytes
from ml.partition import Partition
from ml.preprocessing import build_preprocessor
from ml.provisional import (
    CATEGORIES,
    NUMBERS,
    ContextModel,
    fit_context,
    predict_context,
)
from ml.structure import Verdict

CARD = {"segments": {"0": {"id": "segment_2", "name": "Champions"}}, "n_persons": 300}
COLUMNS = [
    "cart_abandonment_share",
    "evening_share",
    "n_orders",
    "n_sessions",
    "recency_days",
    "revenue",
]
WINNERS = [
    ("kmeans", {"n_clusters": 4}),
    ("gaussian_mixture", {"n_components": 3, "covariance_type": "full"}),
    ("gaussian_mixture", {"n_components": 3, "covariance_type": "tied"}),
    ("ward", {"n_clusters": 4}),
    ("dbscan", {"eps": 0.6, "min_samples": 5}),
    ("hdbscan", {"min_cluster_size": 5}),
]


@pytest.fixture(scope="module")
def training(persons: pd.DataFrame) -> pd.DataFrame:
    return persons[COLUMNS].head(300)


@pytest.fixture(scope="module")
def clustering(training: pd.DataFrame) -> ClusterModel:
    return fit_clustering(training, methods=["kmeans"], k_range=[4, 5])


@pytest.fixture(scope="module")
def contexts(training: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame("", training.index, list(CATEGORIES)).assign(
        **dict.fromkeys(NUMBERS, 0),
        device_type=np.where(training["n_orders"] > 0, "desktop", "mobile"),
        is_recent=True,
    )


@pytest.fixture(scope="module")
def context(contexts: pd.DataFrame, training: pd.DataFrame) -> ContextModel | None:
    has_bought = training["n_orders"] > 0
    return fit_context(
        contexts, has_bought.map({True: "segment_1", False: "segment_2"})
    )


@pytest.fixture(scope="module")
def model(clustering: ClusterModel, context: ContextModel) -> SegmentModel:
    return SegmentModel(clustering, context, CARD)


@pytest.fixture(scope="module")
def content(model: SegmentModel) -> bytes:
    return to_bytes(model)


@pytest.fixture(scope="module")
def cluster(clustering: ClusterModel) -> Callable[..., ClusterModel]:
    """Make a clustering of a kind without a contest."""

    def fit(
        features: pd.DataFrame,
        algorithm: str = "kmeans",
        parameters: dict | None = None,
        **options,
    ) -> ClusterModel:
        winner = Candidate("one", algorithm, parameters or {"n_clusters": 3})
        features = features[sorted(features)]
        prepare = build_preprocessor(features, **options).fit(features)
        with threadpool_limits(limits=1):
            (found,) = fit_candidates([winner], prepare.transform(features))
        return replace(
            clustering,
            prepare=prepare,
            partition=found.partition,
            feature_names=tuple(features),
            winner=winner,
            reduction=options.get("reduction", "principal"),
        )

    return fit


def reopen(clustering: ClusterModel | None) -> ClusterModel:
    opened = from_bytes(to_bytes(SegmentModel(clustering, None, CARD))).clustering
    assert opened is not None
    return opened


def refused(clustering: ClusterModel, message: str) -> None:
    content = to_bytes(SegmentModel(clustering, None, CARD))
    with pytest.raises(ModelRefusedError, match=message):
        from_bytes(content)


class Canary:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_model_comes_back_with_all_that_is_known_of_it(
    content, model, clustering, training, contexts
):
    opened = from_bytes(content)

    assert opened.card == CARD
    again = opened.clusters
    assert again is not None
    for name in ("feature_names", "winner", "reduction", "verdict", "n_learnt"):
        assert getattr(again, name) == getattr(clustering, name), name
    pd.testing.assert_frame_equal(again.scores, clustering.scores)
    assert locate_persons(again, training).equals(locate_persons(clustering, training))
    assert opened.context is not None
    assert opened.context.pipeline is not None
    assert predict_context(opened.context, contexts).equals(
        predict_context(model.context, contexts)
    )


@pytest.mark.parametrize("reduction", ["principal", "canonical"])
@pytest.mark.parametrize(("algorithm", "parameters"), WINNERS)
def test_every_kind_of_winner_assigns_alike_when_it_is_opened(
    cluster, training, algorithm: str, parameters: dict, reduction: str
):
    kind = cluster(training, algorithm, parameters, reduction=reduction)

    opened = reopen(kind)

    assert opened.winner == kind.winner
    assert opened.partition.labels.tolist() == kind.partition.labels.tolist()
    assert locate_persons(opened, training).equals(locate_persons(kind, training))
    assert to_bytes(SegmentModel(opened, None, CARD)) == to_bytes(
        SegmentModel(kind, None, CARD)
    )


def test_a_cluster_of_several_centres_keeps_them(cluster, training):
    kind = cluster(training, "dbscan", {"eps": 99.0, "min_samples": 2})
    assert kind.n_clusters == 1
    assert len(kind.partition.centers) > 5

    assert reopen(kind).partition.centers.tolist() == kind.partition.centers.tolist()


@pytest.mark.parametrize("scaling", ["standard", "robust", "min_max"])
def test_text_and_powers_and_every_scaling_are_saved(cluster, training, scaling):
    rng = np.random.default_rng(0)
    odd = training[["n_orders", "evening_share", "revenue"]].assign(
        balance=rng.normal(size=300) * rng.lognormal(0, 1.5, 300) - 1,
        plan=rng.choice(["gold", "silver", "none"], 300),
    )
    odd.iloc[0, 3] = -100
    kind = cluster(odd, scaling=scaling)
    steps = {name: step for name, step, _ in kind.prepare["scale"].transformers_}
    assert "power" in steps["balance"].named_steps
    unseen = odd.assign(plan="bronze", balance=-5.5)

    opened = reopen(kind)

    for persons in (odd, unseen):
        assert locate_persons(opened, persons).equals(locate_persons(kind, persons))


@pytest.mark.parametrize("is_alike", [True, False])
def test_a_model_of_rfm_segments_is_saved_with_what_was_found_wanting(
    clustering, is_alike: bool
):
    wanting = replace(
        clustering, verdict=Verdict(False, 0.1, 0.1, "no structure found")
    )
    model = SegmentModel(None if is_alike else wanting, None, CARD)

    opened = from_bytes(to_bytes(model))

    assert opened.clusters is None
    assert opened.context is None
    assert opened.card == CARD
    assert (opened.clustering is None) == is_alike
    if opened.clustering is not None:
        assert opened.clustering.verdict == wanting.verdict
        assert opened.clustering.scores["reason"].notna().all()


def test_equal_models_have_equal_bytes(content):
    assert to_bytes(from_bytes(content)) == content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        times = {member.date_time for member in archive.infolist()}
        names = archive.namelist()
    assert times == {FIRST_DAY}
    assert max(len(PurePath(name).stem) for name in names) == len("schema")


def test_an_opened_model_reads_columns_by_name(content, clustering, training):
    opened = from_bytes(content).clusters

    turned = training[training.columns[::-1]].assign(extra=1)

    assert assign_clusters(opened, turned).equals(assign_clusters(clustering, training))
    with pytest.raises(ValueError, match="missing: n_orders"):
        assign_clusters(opened, training.drop(columns="n_orders"))


def test_skops_trusts_all_of_it_but_what_we_name(cluster, training):
    kind = cluster(training, reduction="canonical")

    content = to_bytes(SegmentModel(kind, None, CARD))

    assert skops.io.get_untrusted_types(data=content) == list(TRUSTED)


@pytest.mark.parametrize(("algorithm", "parameters"), WINNERS)
def test_no_array_of_a_model_has_a_row_per_person(
    cluster, context, training, algorithm: str, parameters: dict
):
    kind = cluster(training, algorithm, parameters)
    content = to_bytes(SegmentModel(kind, context, CARD))

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        arrays = [name for name in archive.namelist() if name.endswith(".npy")]
        shapes = [np.load(io.BytesIO(archive.read(name))).shape for name in arrays]
        schema = archive.read("schema.json")

    assert len(arrays) > 20
    assert max(max(shape, default=0) for shape in shapes) < len(training) / 3
    assert not any(user_id.encode() in schema for user_id in training.index)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"centers": lambda centers: centers[:, :-1]}, "not in its space"),
        ({"centers": lambda centers: centers[:, 0]}, "not in its space"),
        ({"centers": lambda centers: centers[:-1]}, "not a cluster each"),
        ({"centers": lambda centers: centers * np.nan}, "not what they should be"),
        ({"labels": lambda labels: labels[:-1]}, "not a cluster each"),
        ({"labels": lambda labels: labels * 2}, "not a cluster each"),
        ({"labels": lambda labels: labels - 1}, "not a cluster each"),
        ({"spread": lambda _: -1.0}, "not what they should be"),
    ],
)
def test_centres_that_do_not_fit_are_refused(clustering, change: dict, message: str):
    found = clustering.partition
    changed = {name: alter(getattr(found, name)) for name, alter in change.items()}

    refused(replace(clustering, partition=replace(found, **changed)), message)


def test_a_mixture_that_does_not_fit_is_refused(cluster, clustering, training):
    found = cluster(training, *WINNERS[1])
    partition = found.partition
    fewer = Partition(
        partition.centers[:2], partition.labels[:2], 1.0, partition.mixture
    )

    for mistaken in (
        replace(found, partition=fewer),
        replace(found, partition=replace(partition, mixture=None)),
        replace(found, winner=clustering.winner),
    ):
        refused(mistaken, "mixture and its centres do not fit")
    reopened = reopen(found)
    reopened.partition.mixture.weights_[0] = np.nan
    refused(reopened, "not what they should be")


def test_other_steps_and_other_features_are_refused(cluster, clustering, training):
    other = cluster(training.drop(columns="n_orders"))
    turned = replace(clustering, feature_names=clustering.feature_names[::-1])

    refused(turned, "reads other features than it says")
    refused(replace(clustering, prepare=other.prepare), "reads other features")
    refused(
        replace(clustering, prepare=clustering.prepare["scale"].transformers_[0][1]),
        "other steps than ours",
    )


def test_a_model_of_another_format_is_refused(model, monkeypatch):
    monkeypatch.setattr("ml.models.FORMAT", 1)
    older = to_bytes(model)
    monkeypatch.undo()

    with pytest.raises(ModelRefusedError, match="of format 1; this is 2"):
        from_bytes(older)


@pytest.mark.parametrize("card", [{"score": float("nan")}, {"home": Path()}])
def test_a_card_that_json_cannot_say_is_refused(model, card):
    with pytest.raises(ValueError, match="card cannot be written"):
        to_bytes(replace(model, card=card))


def test_a_pickle_is_refused_and_not_run(tmp_path):
    canary = tmp_path / "canary"

    with pytest.raises(ModelRefusedError):
        from_bytes(pickle.dumps(Canary(canary)))

    assert not canary.exists()


@pytest.mark.parametrize(
    "strange",
    [
        FunctionTransformer(os.mkdir),
        FunctionTransformer(np.exp),
        {"format": 1, "pipeline": KMeans(), "head": "{}", "more": {1, 2}},
        [1, 2, 3],
        {"format": 1},
    ],
    ids=["system", "ufunc", "set", "list", "empty"],
)
def test_what_is_not_built_as_ours_is_refused(strange):
    with pytest.raises(ModelRefusedError):
        from_bytes(skops.io.dumps(strange))


def test_a_foreign_type_is_named_and_its_constructor_is_not_run(tmp_path):
    canary = tmp_path / "canary"
    foreign = skops.io.dumps({"canary": Canary(canary)})

    with pytest.raises(ModelRefusedError, match=r"not ours: .*Canary"):
        from_bytes(foreign)

    assert not canary.exists()


@pytest.mark.parametrize("length", [0, 1, 1000, -1])
def test_a_cut_file_is_refused(content, length):
    with pytest.raises(ModelRefusedError):
        from_bytes(content[:length])


def test_a_changed_byte_is_refused_or_changes_nothing(content, clustering, training):
    expected = assign_clusters(clustering, training)
    n_refused = 0
    for place in range(0, len(content), len(content) // 60):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        try:
            opened = from_bytes(bytes(changed)).clusters
        except ModelRefusedError:
            n_refused += 1
        else:
            assert assign_clusters(opened, training).equals(expected)

    assert n_refused > 50


def test_a_file_that_unpacks_to_far_too_much_is_refused():
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * 60_000_000)

    with pytest.raises(ModelRefusedError, match="60,000,000 bytes is too large"):
        from_bytes(bomb.getvalue())


def test_a_model_of_another_scikit_learn_is_refused(model, monkeypatch):
    monkeypatch.setattr("sklearn.__version__", "1.0.0")
    older = to_bytes(model)
    monkeypatch.undo()

    with pytest.raises(ModelRefusedError, match=r"scikit-learn 1\.0\.0"):
        from_bytes(older)


def test_the_version_follows_data_and_parameters_and_no_order(training):
    def version(features: pd.DataFrame, algorithm: str = "ward", k: int = 5) -> str:
        return model_version(features, algorithm, {"most_segments": k, "a": [1]})

    told = training.assign(plan=["gold", "silver"] * 150)
    first = version(told)

    assert first.startswith("ward-")
    assert len(first) == len("ward-") + 12
    assert version(told.sample(frac=1, random_state=0)[told.columns[::-1]]) == first
    changed = told.copy()
    changed.iloc[0, 0] += 1
    others = [
        version(changed),
        version(told, k=6),
        version(told, "kmeans"),
        version(told.rename(columns={"n_orders": "n_orderz"})),
        version(told.assign(plan=["silver", "gold"] * 150)),
    ]
    assert len({first[-12:], *(each[-12:] for each in others)}) == 6
    parameters = {"a": [1], "most_segments": 5}
    assert model_version(told, "ward", parameters) == first
