"""The walk from what is known of persons to their segments, and all said of these."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from ml.candidates import METHODS
from ml.clustering import (
    K_RANGE,
    LEARNT_FROM,
    MIN_PERSONS,
    ClusterModel,
    assign_clusters,
    fit_clustering,
    locate_persons,
    require_enough,
    silhouettes_by_cluster,
)
from ml.contrasts import contrast_segments, describe_segments
from ml.errors import TooFewPersonsError
from ml.explaining import explain_segments
from ml.features import feature_names
from ml.matching import match_segments, next_segment_ids
from ml.models import SegmentModel, model_version
from ml.naming import name_persona, name_segments, still_true
from ml.personas import describe_personas
from ml.preprocessing import GROUP_WEIGHTS, KEPT_VARIANCE, Scaling
from ml.provisional import fit_context, predict_context
from ml.registry import RFM, tell_candidates
from ml.validation import LEAST_SHARE, compare_features

NOBODY = "Nobody is in it at present."
# Of those to whom no RFM segment of the seed applies: their segment and persona.
NEVER_BOUGHT = "Never Bought"
OTHERS = {
    "Others": "Everybody Else",
    NEVER_BOUGHT: "The Visitor Who Never Bought",
}


@dataclass(frozen=True)
class Persons:
    """What is known of everybody, by `user_id`.

    Attributes
    ----------
    features : DataFrame of shape (n_persons, n_features)
    traits : DataFrame of shape (n_persons or fewer, n_traits)
        See `ml.personas`.
    contexts : DataFrame of shape (n_persons or fewer, 16 or more)
        See `ml.provisional`; `is_new` tells who has too little history.
    rfm_segments : Series of shape (n_buyers,)
        The RFM segment of who bought.
    rfm_personas : dict of str to str
        The persona of each RFM segment that there is, the best first.
    """

    features: pd.DataFrame
    traits: pd.DataFrame
    contexts: pd.DataFrame
    rfm_segments: pd.Series
    rfm_personas: dict[str, str]

    @property
    def is_new(self) -> pd.Series:
        """Tell of everybody whether there is too little history; shape (n_persons,)."""
        new = self.contexts.index[self.contexts["is_new"].astype(bool)]
        return pd.Series(self.features.index.isin(new), index=self.features.index)

    @property
    def rfm_labels(self) -> pd.Series:
        """Give everybody the RFM segment; shape (n_persons,)."""
        known = self.rfm_segments.reindex(self.features.index)
        return known.fillna(NEVER_BOUGHT)


@dataclass(frozen=True)
class Memory:
    """What is remembered of earlier runs.

    Attributes
    ----------
    segments : DataFrame of shape (n_previous_persons, 3)
        `segment_id`, `segment_name` and `model_version` of each person before, by
        `user_id`.
    retired : sequence of str
        Ids that segments ever had.
    model : SegmentModel or None
        What assigned them, if it can be opened.
    """

    segments: pd.DataFrame
    retired: Sequence[str] = ()
    model: SegmentModel | None = None

    @property
    def is_by_rfm(self) -> pd.Series:
        """Tell of each person before whether it was an RFM segment."""
        return self.segments["model_version"].astype(str).str.startswith(f"{RFM}-")


@dataclass(frozen=True)
class Options:
    """How a fit is to be made; see `ml.clustering.fit_clustering`."""

    methods: tuple[str, ...] = METHODS
    fewest_segments: int = K_RANGE.start
    most_segments: int = K_RANGE.stop - 1
    least_share: float = LEAST_SHARE
    scaling: Scaling = "standard"


@dataclass(frozen=True)
class Answers:
    """What is to be told, one frame a table; empty where nothing is."""

    user_segments: pd.DataFrame
    segment_catalog: pd.DataFrame
    personas: pd.DataFrame
    model_candidates: pd.DataFrame
    feature_separation: pd.DataFrame


def train_segments(
    persons: Persons, memory: Memory, catalog: pd.DataFrame, options: Options
) -> SegmentModel:
    """Fit a model to all who have some history; segments that go on keep their ids.

    They keep their names, too, while these are true of them, and the catalog of names
    is the one by which they were given.

    Where no structure is found, the model says so, and persons go by their RFM
    segments.

    Parameters
    ----------
    persons : Persons
    memory : Memory
    catalog : DataFrame of shape (n_conditions, 6)
        See `ml.catalog`.
    options : Options

    Returns
    -------
    SegmentModel

    Raises
    ------
    TooFewPersonsError
        If there are fewer than 20 persons.
    ValueError
        If a feature is missing or infinite.
    """
    require_enough(persons.features)
    settled = persons.features[~persons.is_new]
    if len(settled) < MIN_PERSONS:
        settled = persons.features
    parameters = asdict(options) | {
        "kept_variance": KEPT_VARIANCE,
        "group_weights": GROUP_WEIGHTS,
    }
    clustering, verdict = _fit(settled, options)
    card = {
        "parameters": parameters,
        "verdict": verdict,
        "n_persons": len(settled),
        "catalog": _digest(catalog),
    }
    if clustering is None or not clustering.verdict.is_structured:
        card["segments"] = _name_rfm_segments(persons, memory)
        card["version"] = model_version(settled, RFM, card)
        return SegmentModel(clustering, None, card)
    labels = assign_clusters(clustering, settled)
    card["segments"] = _name_clusters(settled, labels, persons, memory, catalog)
    algorithm = clustering.winner.algorithm
    card["version"] = model_version(settled, algorithm, card)
    segment_ids = labels.map(
        {int(label): each["id"] for label, each in card["segments"].items()}
    )
    contexts = persons.contexts
    is_settled = contexts.index.isin(settled.index) & ~contexts["is_new"].astype(bool)
    return SegmentModel(
        clustering, fit_context(contexts[is_settled], segment_ids), card
    )


def apply_segments(model: SegmentModel, persons: Persons) -> Answers:
    """Give everybody a segment, and say what the segments are.

    Parameters
    ----------
    model : SegmentModel
    persons : Persons

    Returns
    -------
    Answers

    Raises
    ------
    TooFewPersonsError
        If there are fewer than 20 persons.
    ValueError
        If a feature that the model reads is missing, or a value is missing or infinite.
    """
    require_enough(persons.features)
    version = model.card["version"]
    assigned = assign_segments(model, persons)
    segment_ids = assigned["segment_id"]
    numbers = persons.features.select_dtypes("number")
    deltas = contrast_segments(numbers, segment_ids)
    described = describe_segments(numbers, segment_ids, deltas=deltas)
    name_of = {each["id"]: each["name"] for each in model.card["segments"].values()}
    told = described.to_frame("description").assign(
        segment_name=described.index.map(name_of),
        silhouette=_silhouettes(model, persons, assigned),
    )
    told = told.join(explain_segments(numbers, segment_ids))
    if model.clusters is not None:
        told = _tell_empty(told, name_of)
    personas = describe_personas(
        numbers,
        persons.traits,
        segment_ids,
        name_of,
        # as they were named at the fit: a catalog may know other segments since then
        {each["id"]: each["persona"] for each in model.card["segments"].values()},
        descriptions=described,
    )
    return Answers(
        user_segments=assigned.rename_axis("user_id")
        .reset_index()
        .assign(
            persona_id=segment_ids.str.replace("segment_", "persona_").to_numpy(),
            model_version=version,
        ),
        segment_catalog=told.rename_axis("segment_id")
        .reset_index()
        .assign(model_version=version),
        personas=personas,
        model_candidates=tell_candidates(model),
        feature_separation=compare_features(
            persons.features, _number_of(segment_ids)
        ).assign(model_version=version),
    )


def assign_segments(model: SegmentModel, persons: Persons) -> pd.DataFrame:
    """Give everybody a segment: by the clusters, the first visit, or RFM.

    Returns
    -------
    DataFrame of shape (n_persons, 5)
        `segment_id`, `distance` (missing where no cluster assigned), `confidence` (0
        to 1), `next_segment_id` (missing if there is no other) and `is_provisional`,
        indexed by `user_id`, sorted.
    """
    segments = model.card["segments"]
    id_of = {label: each["id"] for label, each in segments.items()}
    features = persons.features.sort_index()
    if model.clusters is None:
        return pd.DataFrame(
            {
                "segment_id": persons.rfm_labels.map(id_of).loc[features.index],
                "distance": np.nan,
                "confidence": 1.0,
                "next_segment_id": None,
                "is_provisional": False,
            }
        )
    located = locate_persons(model.clusters, features)
    assigned = pd.DataFrame(
        {
            "segment_id": located["label"].astype(str).map(id_of),
            "distance": located["distance"],
            "confidence": located["confidence"],
            "next_segment_id": located["next_label"].astype(str).map(id_of),
            "is_provisional": False,
        }
    )
    new = features.index[persons.is_new.loc[features.index]]
    if model.context is None or new.empty:
        return assigned
    told = predict_context(model.context, persons.contexts.loc[new])
    assigned.loc[new, told.columns] = told
    assigned.loc[new, "distance"] = np.nan
    assigned.loc[new, "is_provisional"] = True
    return assigned


def _fit(features: pd.DataFrame, options: Options) -> tuple[ClusterModel | None, str]:
    """Fit a clustering and tell what is thought of it; None if all are alike."""
    try:
        clustering = fit_clustering(
            features,
            k_range=range(options.fewest_segments, options.most_segments + 1),
            methods=options.methods,
            scaling=options.scaling,
            least_share=options.least_share,
        )
    except TooFewPersonsError as error:
        return None, f"no structure found: {error}"
    if not clustering.verdict.is_structured:
        return clustering, clustering.verdict.message
    chosen = clustering.scores[clustering.scores["is_chosen"]].iloc[0]
    why = f"{chosen['candidate_id']} is {chosen['reason']}"
    if len(clustering.merges):
        why += f"; of its clusters, {len(clustering.merges)} merged with neighbours"
    return clustering, f"{why}; {clustering.verdict.message}"


def _name_clusters(
    settled: pd.DataFrame,
    labels: pd.Series,
    persons: Persons,
    memory: Memory,
    catalog: pd.DataFrame,
) -> dict[str, dict[str, str]]:
    """Give every cluster the id of the segment that it continues, and a name."""
    old = memory.model
    # neither an RFM segment nor a guess is what a cluster goes on from
    guessed = memory.segments.reindex(columns=["is_provisional"]).eq(True).any(axis=1)
    before = memory.segments[~memory.is_by_rfm & ~guessed]
    value = settled["revenue"] if "revenue" in settled else labels * 0
    id_of = match_segments(
        before["segment_id"],
        labels,
        value.groupby(labels).mean(),
        by_old_model=assign_segments(old, persons).loc[settled.index, "segment_id"]
        if old and old.clusters
        else None,
        retired=[*memory.retired, *memory.segments["segment_id"].dropna().unique()],
    )
    names = before.drop_duplicates("segment_id").set_index("segment_id")
    known = names["segment_name"].to_dict()
    is_same_catalog = old is None or old.card["catalog"] == _digest(catalog)
    kept = {
        label: known[segment_id]
        for label, segment_id in id_of.items()
        if segment_id in known and is_same_catalog
    }
    drawn = labels.sort_index()
    drawn = drawn.iloc[np.sort(_draw(len(drawn)))]
    numbers = settled.loc[drawn.index].select_dtypes("number")
    deltas = contrast_segments(numbers, drawn)
    kept = still_true(numbers, drawn, catalog, kept, deltas=deltas)
    told = name_segments(numbers, drawn, catalog, kept=kept, deltas=deltas)
    named = told["segment_name"]
    return {
        str(label): {
            "id": segment_id,
            "name": named[label],
            "persona": name_persona(named[label], catalog),
        }
        for label, segment_id in id_of.items()
    }


def _name_rfm_segments(persons: Persons, memory: Memory) -> dict[str, dict[str, str]]:
    """Give every RFM segment an id: the one that it had, or the next free one."""
    old = memory.model
    served = memory.segments[memory.is_by_rfm].drop_duplicates("segment_id")
    known = dict(zip(served["segment_name"], served["segment_id"], strict=True))
    if old is not None and old.clusters is None:
        known |= {name: each["id"] for name, each in old.card["segments"].items()}
    free = next_segment_ids({*memory.retired, *memory.segments["segment_id"].dropna()})
    return {
        name: {
            "id": known[name] if name in known else next(free),
            "name": name,
            "persona": persona,
        }
        for name, persona in (persons.rfm_personas | OTHERS).items()
    }


def _tell_empty(told: pd.DataFrame, name_of: dict[str, str]) -> pd.DataFrame:
    """Add the segments that nobody is in: they are there, and may be the next."""
    empty = pd.DataFrame(
        {
            "segment_name": {
                segment_id: name
                for segment_id, name in name_of.items()
                if segment_id not in told.index
            },
            "description": NOBODY,
            "rule_text": NOBODY,
            "rule_sql": "false",
        }
    )
    return pd.concat([told, empty]) if len(empty) else told


def _silhouettes(
    model: SegmentModel, persons: Persons, assigned: pd.DataFrame
) -> pd.Series:
    """Measure how clearly each segment stands apart; missing for RFM segments."""
    if model.clusters is None:
        return pd.Series(np.nan, index=sorted(assigned["segment_id"].unique()))
    settled = assigned.loc[~assigned["is_provisional"].astype(bool), "segment_id"]
    return silhouettes_by_cluster(model.clusters, persons.features, settled)


def _number_of(segment_ids: pd.Series) -> pd.Series:
    codes, _ = pd.factorize(segment_ids, sort=True)
    return pd.Series(codes, index=segment_ids.index)


def _draw(n_persons: int) -> np.ndarray:
    """Draw as many as a fit is learnt from."""
    return np.random.default_rng(0).permutation(n_persons)[:LEARNT_FROM]


def _digest(catalog: pd.DataFrame) -> str:
    """Tell one catalog of names from another, whatever the order of its lines."""
    lines = sorted(catalog[feature_names(catalog)].map(str).agg("\t".join, axis=1))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
