"""Turn a fitted model into bytes, and bytes into a model, without trusting them."""

import hashlib
import io
import json
import zipfile
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import sklearn
import skops.io

from ml.archives import settle_archive
from ml.candidates import Candidate
from ml.clustering import ClusterModel, checked_matrix
from ml.errors import ModelRefusedError
from ml.features import feature_names
from ml.partition import Partition
from ml.provisional import ContextModel, context_card, restore_context
from ml.structure import Verdict

FORMAT = 2
MOST_BYTES = 50_000_000
# skops opens scikit-learn's objects and numpy's ufuncs on its own; np.clip, which
# cuts outliers, is a plain function of numpy and does nothing but compare numbers, and
# canonical variables are a class of ours with numbers in it.
TRUSTED = ("ml.canonical.CanonicalVariables", "numpy.clip")
# That is more than our models are made of: whatever else a file holds is not ours.
OUR_TYPES = {
    ("builtins", "dict", "DictNode"),
    ("builtins", "list", "ListNode"),
    ("builtins", "tuple", "TupleNode"),
    ("builtins", "slice", "SliceNode"),
    ("builtins", "str", "JsonNode"),
    ("builtins", "str", "TypeNode"),
    ("numpy", "float64", "TypeNode"),
    ("numpy", "ndarray", "NdArrayNode"),
    ("numpy", "float64", "NdArrayNode"),
    ("numpy", "int64", "NdArrayNode"),
    ("numpy", "clip", "FunctionNode"),
    ("numpy", "log", "FunctionNode"),
    ("numpy", "log1p", "FunctionNode"),
    ("ml.canonical", "CanonicalVariables", "ObjectNode"),
    ("sklearn.compose._column_transformer", "ColumnTransformer", "ObjectNode"),
    ("sklearn.decomposition._pca", "PCA", "ObjectNode"),
    ("sklearn.linear_model._logistic", "LogisticRegression", "ObjectNode"),
    ("sklearn.mixture._gaussian_mixture", "GaussianMixture", "ObjectNode"),
    ("sklearn.pipeline", "Pipeline", "ObjectNode"),
    ("sklearn.preprocessing._data", "MinMaxScaler", "ObjectNode"),
    ("sklearn.preprocessing._data", "PowerTransformer", "ObjectNode"),
    ("sklearn.preprocessing._data", "RobustScaler", "ObjectNode"),
    ("sklearn.preprocessing._data", "StandardScaler", "ObjectNode"),
    ("sklearn.preprocessing._encoders", "OneHotEncoder", "ObjectNode"),
    (
        "sklearn.preprocessing._function_transformer",
        "FunctionTransformer",
        "ObjectNode",
    ),
}


@dataclass(frozen=True)
class SegmentModel:
    """All that assigns persons to segments until the next fit; no person is in it.

    Attributes
    ----------
    clustering : ClusterModel or None
        None where all are alike. If it found no structure, the RFM segments take its
        place.
    context : ContextModel or None
        Tells new persons' segments from their first visit; None if nothing does.
    card : dict
        What is to be known about the model, as JSON can say it. It comes back with
        the keys of its dicts as text.
    """

    clustering: ClusterModel | None
    context: ContextModel | None
    card: dict

    @property
    def clusters(self) -> ClusterModel | None:
        """Give the clustering that persons go by; None if it is RFM segments."""
        found = self.clustering
        return found if found is not None and found.verdict.is_structured else None


def to_bytes(model: SegmentModel) -> bytes:
    """Write a model as bytes in skops' format; never a pickle.

    Raises
    ------
    ValueError
        If the card holds what JSON cannot, NaN among it.
    """
    content: dict = {"format": FORMAT}
    head: dict = {"sklearn": sklearn.__version__, "card": _check_card(model.card)}
    if model.clustering is not None:
        partition = model.clustering.partition
        content |= {
            "prepare": model.clustering.prepare,
            "centers": partition.centers,
            "labels": partition.labels.astype(np.int64),
        }
        if partition.mixture is not None:
            content["mixture"] = partition.mixture
        head["clustering"] = _head_of(model.clustering)
    if model.context is not None:
        head["context"] = context_card(model.context)
        if model.context.pipeline is not None:
            content["context"] = model.context.pipeline
    content["head"] = json.dumps(head, allow_nan=False)
    return settle_archive(skops.io.dumps(content))


def from_bytes(content: bytes) -> SegmentModel:
    """Read a model; whatever is not one of ours is refused unopened.

    Parameters
    ----------
    content : bytes
        What `to_bytes` made, with the same version of scikit-learn.

    Returns
    -------
    SegmentModel

    Raises
    ------
    ModelRefusedError
        If the bytes are damaged, too many, hold a type that is not ours, or come
        from another version; nothing of them was run.
    """
    loaded = _open(content)
    try:
        if loaded["format"] != FORMAT:
            raise ModelRefusedError(
                f"the model is of format {loaded['format']!r}; this is {FORMAT}"
            )
        head = json.loads(loaded["head"])
        version = head["sklearn"]
        if version != sklearn.__version__:
            raise ModelRefusedError(
                f"the model is of scikit-learn {version}; this is {sklearn.__version__}"
            )
        return SegmentModel(
            clustering=_restore_clustering(loaded, head["clustering"])
            if "clustering" in head
            else None,
            context=restore_context(head["context"], loaded.get("context"))
            if "context" in head
            else None,
            card=head["card"],
        )
    except ModelRefusedError:
        raise
    except Exception as error:
        raise ModelRefusedError(f"these bytes are not a model: {error!r}") from error


def model_version(features: pd.DataFrame, algorithm: str, parameters: dict) -> str:
    """Name a model by what it was trained on, so that the same gets the same name.

    Parameters
    ----------
    features : DataFrame of shape (n_persons, n_features)
        The training data, in any order of rows and columns.
    algorithm : str
    parameters : dict
        Whatever else the fit depends on, as JSON can say it.

    Returns
    -------
    str
        Such as ``kmeans-0123456789ab``: twelve hexadecimal digits of a SHA-256 over
        the sorted matrix, the names of its columns and the parameters.

    Examples
    --------
    >>> features = pd.DataFrame({"n_orders": [1, 2]}, index=["ann", "bob"])
    >>> first = model_version(features, "kmeans", {"n_clusters": 2})
    >>> first == model_version(features[::-1], "kmeans", {"n_clusters": 2})
    True
    """
    matrix = checked_matrix(features).sort_index()
    told = {
        "format": FORMAT,
        "sklearn": sklearn.__version__,
        "algorithm": algorithm,
        "parameters": parameters,
        "columns": feature_names(matrix),
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for name in matrix:
        if matrix[name].dtype == float:
            digest.update((matrix[name].to_numpy() + 0.0).tobytes())
        else:
            digest.update(json.dumps(matrix[name].tolist()).encode())
    return f"{algorithm}-{digest.hexdigest()[:12]}"


def _head_of(model: ClusterModel) -> dict:
    """Say of a clustering what is no array, in JSON's terms; NaN becomes null."""
    # as objects, numbers keep all of their digits
    scores = model.scores.astype(object).where(model.scores.notna(), None)
    return {
        "feature_names": list(model.feature_names),
        "spread": model.partition.spread,
        "winner": asdict(model.winner),
        "reduction": model.reduction,
        "scores": scores.to_dict("list"),
        "verdict": asdict(model.verdict),
        "merges": model.merges.to_dict("list"),
        "n_learnt": model.n_learnt,
        "n_contested": model.n_contested,
    }


def _restore_clustering(loaded: dict, head: dict) -> ClusterModel:
    """Put a clustering together again; refuse one that is not built as ours are."""
    prepare, mixture = loaded["prepare"], loaded.get("mixture")
    centers, labels = loaded["centers"], loaded["labels"]
    if [name for name, _ in prepare.steps] != ["scale", "reduce"]:
        raise ModelRefusedError("the model has other steps than ours")
    scaler, directions = prepare["scale"], prepare["reduce"].components_
    if list(scaler.feature_names_in_) != head["feature_names"]:
        raise ModelRefusedError("the model reads other features than it says")
    n_scaled = max(place.stop for place in scaler.output_indices_.values())
    if centers.ndim != 2 or directions.shape != (centers.shape[1], n_scaled):
        raise ModelRefusedError("the model's centres are not in its space")
    n_clusters = int(labels.max()) + 1
    if len(centers) != len(labels) or set(labels.tolist()) != set(range(n_clusters)):
        raise ModelRefusedError("the model's centres have not a cluster each")
    if (mixture is not None) != (head["winner"]["algorithm"] == "gaussian_mixture") or (
        mixture is not None and mixture.means_.shape != centers.shape
    ):
        raise ModelRefusedError("the model's mixture and its centres do not fit")
    numbers = [centers, directions, head["spread"]]
    if mixture is not None:
        numbers += [mixture.means_, mixture.weights_, mixture.precisions_cholesky_]
    if not all(np.isfinite(each).all() for each in numbers) or head["spread"] < 0:
        raise ModelRefusedError("the model's numbers are not what they should be")
    measures = ["silhouette", "calinski_harabasz", "davies_bouldin"]
    scores = pd.DataFrame(head["scores"])
    return ClusterModel(
        prepare=prepare,
        partition=Partition(centers, labels, head["spread"], mixture),
        feature_names=tuple(head["feature_names"]),
        winner=Candidate(**head["winner"]),
        reduction=head["reduction"],
        scores=scores.astype(dict.fromkeys(measures, float)),
        verdict=Verdict(**head["verdict"]),
        merges=pd.DataFrame(head["merges"]),
        n_learnt=head["n_learnt"],
        n_contested=head["n_contested"],
    )


def _open(content: bytes) -> dict:
    """Open bytes with skops once their size and their types are known to be fine."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            n_bytes = sum(member.file_size for member in archive.infolist())
            if n_bytes > MOST_BYTES:
                raise ModelRefusedError(f"a model of {n_bytes:,} bytes is too large")
            strange = _types_in(json.loads(archive.read("schema.json"))) - OUR_TYPES
        if strange:
            named = ", ".join(sorted(f"{module}.{name}" for module, name, _ in strange))
            raise ModelRefusedError(f"the model holds types that are not ours: {named}")
        loaded = skops.io.loads(content, trusted=list(TRUSTED))
    except ModelRefusedError:
        raise
    except Exception as error:
        raise ModelRefusedError(f"these bytes are not a model: {error!r}") from error
    if not isinstance(loaded, dict):
        raise ModelRefusedError(f"these bytes are no model, but a {type(loaded)}")
    return loaded


def _types_in(schema: object) -> set[tuple[str, str, str]]:
    """Collect module, class and loader of everything that a file of skops holds."""
    inner = schema if isinstance(schema, list) else []
    own: set[tuple[str, str, str]] = set()
    if isinstance(schema, dict):
        inner = list(schema.values())
        if "__class__" in schema or "__loader__" in schema:
            module, name = schema.get("__module__"), schema.get("__class__")
            own = {(str(module), str(name), str(schema.get("__loader__")))}
    return own.union(*(_types_in(part) for part in inner))


def _check_card(card: dict) -> dict:
    try:
        json.dumps(card, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the card cannot be written as JSON: {error}") from error
    return card
