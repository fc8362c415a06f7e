"""Which of several ways to cluster serves best, by one rule, and for which reasons."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    pairwise_distances,
    silhouette_score,
)

from ml.candidates import (
    NOISE,
    Candidate,
    find_elbow,
    fit_candidates,
    rescale_candidate,
)
from ml.partition import Partition
from ml.validation import join_small_clusters

TOLERATED_LOSS = 0.05
LEAST_STABILITY = 0.8
MOST_NOISE = 0.1
N_REFITS = 5
REFITTED = 600
REFIT_STARTS = 3
# Higher is better in the first three, lower in the others.
MEASURES = {
    "silhouette": True,
    "calinski_harabasz": True,
    "stability": True,
    "davies_bouldin": False,
    "inertia": False,
}


@dataclass(frozen=True)
class Contest:
    """What came of a contest.

    Attributes
    ----------
    scores : DataFrame of shape (n_candidates, 15)
        See `hold_contest`.
    winner : Candidate
    partition : Partition
        Of the winner.
    """

    scores: pd.DataFrame
    winner: Candidate
    partition: Partition


def hold_contest(
    points: np.ndarray,
    candidates: Sequence[Candidate],
    *,
    least_share: float = 0.01,
    least_count: int = 5,
    seed: int = 0,
) -> Contest:
    """Fit every candidate, score it, and choose.

    Clusters below the least size join the nearest before anything is scored; points
    that a candidate leaves out as noise go to the nearest centre, and count against
    it.

    **The rule.** Eligible is what has two clusters or more, leaves out no more than a
    tenth of the points, and is stable: refits to bootstrap samples agree with it by an
    adjusted Rand index [1]_ of .8 or more on average (if nothing is stable, the rest
    decides). Of these, those whose silhouette [2]_ is at least 95 % of the best are
    as clear as any; **the one with the most clusters is taken**, since a silhouette
    favours a few coarse groups, and a twentieth of it buys finer ones. Of equally
    many clusters, the one with the best mean rank in all five measures is taken:
    silhouette, Calinski-Harabasz [3]_, stability, Davies-Bouldin [4]_ and inertia.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_dimensions)
    candidates : sequence of Candidate
    least_share, least_count : float, int
        The least size of a cluster: both hold.
    seed : int, default=0

    Returns
    -------
    Contest
        Its scores have a row for each candidate, in the order given: `candidate_id`,
        `algorithm`, `parameters` (dict), `n_clusters`, `silhouette` (-1 to 1),
        `calinski_harabasz` (0 or more), `davies_bouldin` (0 or more, lower is better),
        `inertia` (sum of squared distances to the mean of the own cluster),
        `is_elbow` (k-means alone: where its inertia bends), `stability` (1: always
        the same), `noise_share`, `smallest_share`, `is_eligible`, `is_chosen`,
        `reason`. A measure is NaN where there are fewer than two clusters.

    References
    ----------
    .. [1] C. Hennig, "Cluster-wise assessment of cluster stability", Computational
       Statistics & Data Analysis 52 (2007), 258-271; L. Hubert, P. Arabie, "Comparing
       partitions", Journal of Classification 2 (1985), 193-218.
    .. [2] P. J. Rousseeuw, "Silhouettes: a graphical aid to the interpretation and
       validation of cluster analysis", Journal of Computational and Applied
       Mathematics 20 (1987), 53-65.
    .. [3] T. Caliński, J. Harabasz, "A dendrite method for cluster analysis",
       Communications in Statistics 3 (1974), 1-27.
    .. [4] D. L. Davies, D. W. Bouldin, "A cluster separation measure", IEEE
       Transactions on Pattern Analysis and Machine Intelligence 1 (1979), 224-227.
    """
    settle = partial(_settle, least_share=least_share, least_count=least_count)
    fits = fit_candidates(candidates, points, seed=seed)
    partitions = [settle(fit.partition, points) for fit in fits]
    settled = [partition.assign(points) for partition in partitions]
    stabilities = _measure_stability(candidates, points, settled, settle, seed)
    distances = pairwise_distances(points)
    rows = []
    for place, candidate in enumerate(candidates):
        rows.append(
            {
                "candidate_id": candidate.candidate_id,
                "algorithm": candidate.algorithm,
                "parameters": candidate.parameters,
                **_score(points, distances, settled[place]),
                "stability": stabilities[place],
                "noise_share": float((fits[place].labels == NOISE).mean()),
            }
        )
    scores = choose(_mark_elbow(pd.DataFrame(rows)))
    place = int(np.flatnonzero(scores["is_chosen"])[0])
    return Contest(scores, candidates[place], partitions[place])


def choose(scores: pd.DataFrame) -> pd.DataFrame:
    """Apply the rule of `hold_contest`: add what is eligible, chosen, and why.

    Parameters
    ----------
    scores : DataFrame of shape (n_candidates, 8 or more)
        `n_clusters`, the five measures, and `noise_share`.

    Returns
    -------
    DataFrame of shape (n_candidates, 3 more)
        With `is_eligible`, `is_chosen` (one) and `reason`.
    """
    scores = scores.reset_index(drop=True)
    has_clusters = scores["n_clusters"] >= 2
    is_quiet = scores["noise_share"] <= MOST_NOISE
    is_stable = scores["stability"] >= LEAST_STABILITY
    gates = [has_clusters & is_quiet & is_stable, has_clusters & is_quiet, has_clusters]
    eligible = next((gate for gate in gates if gate.any()), has_clusters | True)
    best = scores.loc[eligible, "silhouette"].max()
    floor = best - TOLERATED_LOSS * abs(best)
    clear = eligible & ~(scores["silhouette"] < floor)
    most = scores.loc[clear, "n_clusters"].max()
    finest = clear & (scores["n_clusters"] == most)
    ranks = pd.DataFrame(
        {
            name: scores.loc[finest, name].round(6).rank(ascending=not is_higher_better)
            for name, is_higher_better in MEASURES.items()
        }
    ).mean(axis=1)
    chosen = int(finest.to_numpy().nonzero()[0][ranks.argmin()])
    verdicts = [
        (scores.index == chosen, lambda row: _tell_choice(row, best, finest.sum())),
        (~has_clusters, lambda _: "finds one cluster only"),
        (~is_quiet, lambda row: f"leaves out {row['noise_share']:.0%} as noise"),
        (~eligible, lambda row: f"is not stable: {row['stability']:.3f}"),
        (~clear, lambda row: f"is less clear: {row['silhouette']:.3f} of {best:.3f}"),
        (~finest, lambda _: f"is coarser than {most} clusters that are as clear"),
        (finest, lambda _: f"is as fine and as clear, but not as good as {winner}"),
    ]
    winner = scores.loc[chosen, "candidate_id"]
    told = [
        next(tell(row) for holds, tell in verdicts if np.asarray(holds)[place])
        for place, (_, row) in enumerate(scores.iterrows())
    ]
    return scores.assign(
        is_eligible=eligible.astype(bool),
        is_chosen=scores.index == chosen,
        reason=told,
    )


def _tell_choice(row: pd.Series, best: float, n_finest: int) -> str:
    if row["n_clusters"] < 2:
        return "the first of those that all find one cluster only"
    why = (
        f"the finest of what is as clear as any: silhouette {row['silhouette']:.3f}, "
        f"the best {best:.3f}; stability {row['stability']:.2f}"
    )
    return why if n_finest == 1 else f"{why}; the best in ranks of {n_finest} as fine"


def _settle(
    partition: Partition, points: np.ndarray, least_share: float, least_count: int
) -> Partition:
    """Let clusters that are too small join the nearest.

    A centre that few are nearest to is forgotten: it would be about single persons.
    """
    partition = partition.without_few(points, least_count)
    given = partition.assign(points)
    joined = join_small_clusters(
        points, pd.Series(given), least_share=least_share, least_count=least_count
    ).to_numpy()
    # a centre that nobody is nearest to goes with the largest cluster
    label_of = np.full(partition.n_clusters, np.bincount(joined).argmax())
    label_of[given] = joined
    return partition.relabel(np.unique(label_of, return_inverse=True)[1])


def _measure_stability(
    candidates: Sequence[Candidate],
    points: np.ndarray,
    settled: Sequence[np.ndarray],
    settle: Callable[[Partition, np.ndarray], Partition],
    seed: int,
) -> list[float]:
    """Refit to bootstrap samples of at most 600 points, and see who agrees."""
    rng = np.random.default_rng(seed)
    few = points[:REFITTED]
    rescaled = [rescale_candidate(one, points, len(few)) for one in candidates]
    agreements = np.zeros((N_REFITS, len(candidates)))
    for refit in range(N_REFITS):
        drawn = few[rng.integers(0, len(few), len(few))]
        refits = fit_candidates(
            rescaled, drawn, seed=seed + refit, n_starts=REFIT_STARTS
        )
        for place, fit in enumerate(refits):
            agreements[refit, place] = adjusted_rand_score(
                settled[place][:REFITTED], settle(fit.partition, drawn).assign(few)
            )
    return agreements.mean(axis=0).tolist()


def _score(points: np.ndarray, distances: np.ndarray, labels: np.ndarray) -> dict:
    sizes = np.bincount(labels)
    sizes = sizes[sizes > 0]
    means = np.array([points[labels == one].mean(axis=0) for one in np.unique(labels)])
    own = means[np.searchsorted(np.unique(labels), labels)]
    is_scored = 2 <= len(sizes) < len(points)
    return {
        "n_clusters": len(sizes),
        "silhouette": silhouette_score(distances, labels, metric="precomputed")
        if is_scored
        else np.nan,
        "calinski_harabasz": calinski_harabasz_score(points, labels)
        if is_scored
        else np.nan,
        "davies_bouldin": davies_bouldin_score(points, labels) if is_scored else np.nan,
        "inertia": float(((points - own) ** 2).sum()),
        "smallest_share": sizes.min() / len(labels),
    }


def _mark_elbow(scores: pd.DataFrame) -> pd.DataFrame:
    """Mark where the inertia of k-means bends."""
    of_kmeans = scores[scores["algorithm"] == "kmeans"].drop_duplicates("n_clusters")
    of_kmeans = of_kmeans.sort_values("n_clusters")
    elbow = find_elbow(of_kmeans["n_clusters"].tolist(), of_kmeans["inertia"].tolist())
    is_elbow = (scores["n_clusters"] == elbow) & (scores["algorithm"] == "kmeans")
    return scores.assign(is_elbow=is_elbow if elbow is not None else False)
