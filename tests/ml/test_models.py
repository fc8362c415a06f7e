"""`ml.models` gives back what it was given, and runs nothing that it was not."""

import io
import os
import pickle
import zipfile
from pathlib import Path, PurePath

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from ml.archives import FIRST_DAY
from ml.clustering import ClusterModel, assign_clusters, fit_clustering
from ml.errors import ModelRefusedError
from ml.models import TRUSTED, from_bytes, model_version, to_bytes

CARD = {"segments": {"0": {"segment_id": "segment_2", "segment_name": "Champions"}}}


@pytest.fixture(scope="module")
def training(persons: pd.DataFrame) -> pd.DataFrame:
    return persons.drop(columns="archetype").head(500)


@pytest.fixture(scope="module")
def model(training: pd.DataFrame) -> ClusterModel:
    return fit_clustering(training)


@pytest.fixture(scope="module")
def content(model: ClusterModel) -> bytes:
    return to_bytes(model, CARD)


class Canary:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_model_comes_back_with_its_card(content, model, training):
    opened, card = from_bytes(content)

    assert card == CARD
    assert opened.feature_names == model.feature_names
    assert opened.n_clusters == model.n_clusters
    assert opened.scores.equals(model.scores)
    assert assign_clusters(opened, training).equals(assign_clusters(model, training))


def test_equal_models_have_equal_bytes(content):
    assert to_bytes(*from_bytes(content)) == content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        times = {member.date_time for member in archive.infolist()}
        names = archive.namelist()
    assert times == {FIRST_DAY}
    assert max(len(PurePath(name).stem) for name in names) == len("schema")


def test_an_opened_model_reads_columns_by_name(content, model, training):
    opened, _ = from_bytes(content)

    turned = training[training.columns[::-1]].assign(extra=1)

    assert assign_clusters(opened, turned).equals(assign_clusters(model, training))
    with pytest.raises(ValueError, match="missing: n_orders"):
        assign_clusters(opened, training.drop(columns="n_orders"))


def test_skops_trusts_all_of_it_but_the_one_function_that_we_name(content):
    assert skops.io.get_untrusted_types(data=content) == list(TRUSTED)


def test_no_array_of_a_model_has_a_row_per_person(content, training):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        arrays = [name for name in archive.namelist() if name.endswith(".npy")]
        shapes = [np.load(io.BytesIO(archive.read(name))).shape for name in arrays]
        schema = archive.read("schema.json")

    assert len(arrays) > 20
    assert max(max(shape, default=0) for shape in shapes) < len(training) / 10
    assert not any(user_id.encode() in schema for user_id in training.index)


def test_a_model_with_one_label_per_person_is_not_written(model, training):
    clusterer = KMeans(2, n_init=1).fit(training[["n_orders"]])
    talkative = ClusterModel(Pipeline([("cluster", clusterer)]), (), 2, model.scores)

    with pytest.raises(ValueError, match="one label per person"):
        to_bytes(talkative, {})


@pytest.mark.parametrize("card", [{"score": float("nan")}, {"home": Path()}])
def test_a_card_that_json_cannot_say_is_refused(model, card):
    with pytest.raises(ValueError, match="card cannot be written"):
        to_bytes(model, card)


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


def test_a_changed_byte_is_refused_or_changes_nothing(content, model, training):
    expected = assign_clusters(model, training)
    n_refused = 0
    for place in range(0, len(content), len(content) // 60):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        try:
            opened, _ = from_bytes(bytes(changed))
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
    older = to_bytes(model, CARD)
    monkeypatch.undo()

    with pytest.raises(ModelRefusedError, match=r"scikit-learn 1\.0\.0"):
        from_bytes(older)


def test_the_version_follows_the_data_and_k_and_no_order(training):
    version = model_version(training, 5)
    shuffled = training.sample(frac=1, random_state=0)[training.columns[::-1]]
    changed = training.copy()
    changed.iloc[0, 0] += 1

    assert version.startswith("k5-")
    assert len(version) == len("k5-") + 12
    assert model_version(shuffled, 5) == version
    assert model_version(changed, 5) != version
    assert model_version(training, 6)[3:] != version[3:]
    assert (
        model_version(training.rename(columns={"n_orders": "n_orderz"}), 5) != version
    )
