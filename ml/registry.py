"""What is kept in writing of a model, and of the contest that it won."""

import json
from dataclasses import asdict

import pandas as pd

from ml.models import SegmentModel

RFM = "rfm"


def register_model(model: SegmentModel) -> pd.DataFrame:
    """Say of a model what the registry keeps, but for its file; one row."""
    card, clustering = model.card, model.clustering
    parameters = dict(card["parameters"])
    metrics: dict[str, object] = {}
    if clustering is not None:
        chosen = clustering.scores[clustering.scores["is_chosen"]].iloc[0]
        parameters |= {"winner": asdict(clustering.winner)}
        parameters |= {"reduction": clustering.reduction}
        metrics |= {
            "silhouette": clustering.verdict.silhouette,
            "silhouette_of_clouds": clustering.verdict.of_clouds,
            "stability": float(chosen["stability"]),
            "smallest_share": float(chosen["smallest_share"]),
            "n_merged": len(clustering.merges),
            "n_learnt": clustering.n_learnt,
            "n_contested": clustering.n_contested,
        }
    if model.context is not None:
        metrics["context"] = model.context.metrics
    row = {
        "model_version": card["version"],
        "algorithm": model.clusters.winner.algorithm if model.clusters else RFM,
        "n_segments": len(card["segments"]),
        "n_persons": card["n_persons"],
        "features": json.dumps(list(clustering.feature_names) if clustering else []),
        "parameters": json.dumps(parameters),
        "metrics": json.dumps(metrics),
        "verdict": card["verdict"],
    }
    return pd.DataFrame([row])


def tell_candidates(model: SegmentModel) -> pd.DataFrame:
    """List the candidates of a model, and why each was taken or was not.

    Returns
    -------
    DataFrame of shape (n_candidates, 18)
        See `ml.contest.hold_contest`; nobody is chosen where no structure was found,
        and there are none where all persons are alike.
    """
    if model.clustering is None:
        return pd.DataFrame()
    scores = model.clustering.scores
    is_chosen = scores["is_chosen"] & (model.clusters is not None)
    why_none = f"wins, but {model.clustering.verdict.message}"
    return scores.assign(
        model_version=model.card["version"],
        parameters=scores["parameters"].map(json.dumps),
        n_fitted=model.clustering.n_contested,
        n_judged=model.clustering.n_contested,
        reason=scores["reason"].where(~scores["is_chosen"] | is_chosen, why_none),
        is_chosen=is_chosen,
    )
