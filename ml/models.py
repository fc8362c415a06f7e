"""Turn a fitted model into bytes, and bytes into a model, without trusting them."""

import hashlib
import io
import json
import zipfile

import numpy as np
import pandas as pd
import sklearn
import skops.io

from ml import clustering, preprocessing
from ml.archives import settle_archive
from ml.clustering import ClusterModel, checked_matrix
from ml.errors import ModelRefusedError

FORMAT = 1
MOST_BYTES = 50_000_000
# skops opens scikit-learn's objects and numpy's ufuncs on its own; np.clip, which
# cuts outliers, is a plain function of numpy and does nothing but compare numbers.
TRUSTED = ("numpy.clip",)
# That is more than our models are made of: whatever else a file holds is not ours.
OUR_TYPES = {
    ("builtins", "dict", "DictNode"),
    ("builtins", "list", "ListNode"),
    ("builtins", "tuple", "TupleNode"),
    ("builtins", "slice", "SliceNode"),
    ("builtins", "str", "JsonNode"),
    ("builtins", "str", "TypeNode"),
    ("numpy", "ndarray", "NdArrayNode"),
    ("numpy", "float64", "NdArrayNode"),
    ("numpy", "int64", "NdArrayNode"),
    ("numpy", "clip", "FunctionNode"),
    ("numpy", "log", "FunctionNode"),
    ("sklearn.cluster._kmeans", "KMeans", "ObjectNode"),
    ("sklearn.compose._column_transformer", "ColumnTransformer", "ObjectNode"),
    ("sklearn.decomposition._pca", "PCA", "ObjectNode"),
    ("sklearn.pipeline", "Pipeline", "ObjectNode"),
    ("sklearn.preprocessing._data", "StandardScaler", "ObjectNode"),
    (
        "sklearn.preprocessing._function_transformer",
        "FunctionTransformer",
        "ObjectNode",
    ),
}


def to_bytes(model: ClusterModel, card: dict) -> bytes:
    """Write a model and its card as bytes in skops' format; never a pickle.

    Equal models and cards have equal bytes.

    Parameters
    ----------
    model : ClusterModel
        Holds centres, cuts and scales; no person is in it.
    card : dict
        What is to be known about the model, as JSON can say it. It comes back with
        the keys of its dicts as text.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If the card holds what JSON cannot, NaN among it, or the model holds the
        labels of persons.
    """
    if len(model.pipeline["cluster"].labels_):
        raise ValueError("the model holds one label per person: use fit_clustering")
    content = {
        "format": FORMAT,
        "pipeline": model.pipeline,
        "head": json.dumps(
            {
                "sklearn": sklearn.__version__,
                "feature_names": list(model.feature_names),
                "n_clusters": model.n_clusters,
                "scores": model.scores.to_dict("list"),
                "card": _check_card(card),
            },
            allow_nan=False,
        ),
    }
    return settle_archive(skops.io.dumps(content))


def from_bytes(content: bytes) -> tuple[ClusterModel, dict]:
    """Read a model and its card; whatever is not one of ours is refused unopened.

    Parameters
    ----------
    content : bytes
        What `to_bytes` made, with the same version of scikit-learn.

    Returns
    -------
    model : ClusterModel
    card : dict

    Raises
    ------
    ModelRefusedError
        If the bytes are damaged, too many, hold a type that is not ours, or come
        from another version; nothing of them was run.
    """
    loaded = _open(content)
    try:
        head = json.loads(loaded["head"])
        version = head["sklearn"]
        if loaded["format"] != FORMAT or version != sklearn.__version__:
            raise ModelRefusedError(
                f"the model is of scikit-learn {version}; this is {sklearn.__version__}"
            )
        model = ClusterModel(
            pipeline=loaded["pipeline"],
            feature_names=tuple(head["feature_names"]),
            n_clusters=head["n_clusters"],
            scores=pd.DataFrame(head["scores"]),
        )
        _check_model(model)
    except ModelRefusedError:
        raise
    except Exception as error:
        raise ModelRefusedError(f"these bytes are not a model: {error!r}") from error
    return model, head["card"]


def model_version(features: pd.DataFrame, k: int) -> str:
    """Name a model by what it was trained on, so that the same gets the same name.

    Parameters
    ----------
    features : DataFrame of shape (n_persons, n_features)
        The training data, in any order of rows and columns.
    k : int
        Number of clusters.

    Returns
    -------
    str
        Such as ``k5-0123456789ab``: twelve hexadecimal digits of a SHA-256 over the
        sorted matrix, the names of its columns and the parameters of the fit.

    Examples
    --------
    >>> features = pd.DataFrame({"n_orders": [1, 2]}, index=["ann", "bob"])
    >>> model_version(features, 2) == model_version(features[::-1], 2)
    True
    """
    matrix = checked_matrix(features).sort_index()
    parameters = {
        "format": FORMAT,
        "sklearn": sklearn.__version__,
        "n_clusters": int(k),
        "kept_variance": preprocessing.KEPT_VARIANCE,
        "group_weights": preprocessing.GROUP_WEIGHTS,
        "tolerated_loss": clustering.TOLERATED_LOSS,
        "columns": list(matrix),
    }
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(matrix.to_numpy() + 0.0).tobytes())
    return f"k{int(k)}-{digest.hexdigest()[:12]}"


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


def _check_model(model: ClusterModel) -> None:
    """Refuse a model that is not built as ours are."""
    if [name for name, _ in model.pipeline.steps] != ["prepare", "cluster"]:
        raise ModelRefusedError("the model has other steps than ours")
    centers = model.pipeline["cluster"].cluster_centers_
    if len(centers) != model.n_clusters or not np.isfinite(centers).all():
        raise ModelRefusedError("the model's centres are not what they should be")


def _check_card(card: dict) -> dict:
    try:
        json.dumps(card, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the card cannot be written as JSON: {error}") from error
    return card
