"""Tell which clusters are large enough and far enough apart to be segments."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import (
    chi2_contingency,
    false_discovery_control,
    kruskal,
    norm,
)
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from ml.contrasts import contrast_segments
from ml.features import applicable, feature_names

LEAST_SHARE = 0.01
LEAST_COUNT = 5
MOST_COMPARED = 100_000
MOST_OF_EACH = 5_000
LEAST_EXPECTED = 5
SIGNIFICANT = 0.05
SURELY_DIFFERENT = 0.01
MATTERS = 0.33
EFFECTS = ("none", "small", "medium", "large")
EFFECT_LIMITS = {"kruskal": (0.01, 0.06, 0.14), "chi_square": (0.1, 0.3, 0.5)}
LESS_SCATTER = 0.85
SAME = 1e-12
N_CLOUDS = 19
CLOUD_PERSONS = 1_000


def join_small_clusters(
    prepared: np.ndarray,
    labels: pd.Series,
    *,
    least_share: float = LEAST_SHARE,
    least_count: int = LEAST_COUNT,
) -> pd.Series:
    """Let clusters that are too small join the nearest one.

    The smallest goes first, to the cluster with the nearest centre, and centres are
    taken anew after each; so two small neighbours may be large enough together. Where
    none is large enough, this goes on until one is, or only one is left.

    Parameters
    ----------
    prepared : array of shape (n_persons, n_components)
        Persons in the space in which distances are taken.
    labels : Series of shape (n_persons,)
        The cluster of each, in the same order. Below 0 is noise: it is no cluster, and
        stays what it is.
    least_share : float, default=0.01
        Share of all persons, 0 to 1, that a cluster must have.
    least_count : int, default=5
        Persons that it must have at least: fewer are not described to anybody, and
        ranks of fewer are not tested [1]_.

    Returns
    -------
    Series of shape (n_persons,)
        `labels`, with the small ones replaced by those that they joined.

    References
    ----------
    .. [1] W. H. Kruskal, W. A. Wallis, "Use of ranks in one-criterion variance
       analysis", Journal of the American Statistical Association 47 (1952), 583-621.

    Examples
    --------
    >>> prepared = np.array([[0.0]] * 6 + [[9.0]] * 6 + [[7.0]])
    >>> labels = pd.Series([0] * 6 + [1] * 6 + [2])
    >>> join_small_clusters(prepared, labels).tolist()
    [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]
    """
    least = max(least_count, least_share * len(labels))
    joined = labels.copy()
    while True:
        clusters = joined.to_numpy() >= 0
        sizes = joined[clusters].value_counts().sort_index()
        if len(sizes) < 2 or sizes.min() >= least:
            return joined
        centers = (
            pd.DataFrame(prepared[clusters]).groupby(joined[clusters].to_numpy()).mean()
        )
        smallest = sizes.index[int(sizes.argmin())]
        distances = ((centers - centers.loc[smallest]) ** 2).sum(axis=1)
        joined = joined.replace(smallest, distances.drop(smallest).idxmin())


def compare_features(
    features: pd.DataFrame, labels: pd.Series, *, random_state: int = 0
) -> pd.DataFrame:
    """Test how far the clusters differ in each feature.

    Numbers are compared by ranks (Kruskal and Wallis [1]_; effect size epsilon squared
    [2]_), texts and columns of 0 and 1 by counts (chi-square; Cramér's V without its
    bias [3]_). Clusters were made of these very features, so they differ more than by
    chance even where there are none: **p-values describe here, and prove nothing**
    [4]_; `merge_unparted` does not trust them alone.

    At most 100,000 persons are compared. Persons for whom a feature has no meaning are
    left out of it. Levels of a text that are rarer than five persons in a cluster are
    one level.

    Parameters
    ----------
    features : DataFrame of shape (n_persons, n_features)
        Indexed by `user_id`; numbers are finite, a missing text is a level of its own.
    labels : Series of shape (n_persons,)
        The cluster of each person, by the same index; below 0 is noise, left out.
    random_state : int, default=0
        Seed of the drawing.

    Returns
    -------
    DataFrame of shape (n_features, 7)
        Ordered by `feature`: `test` (``kruskal`` or ``chi_square``), `statistic`,
        `p_value`, `p_adjusted` (for all features that were tested, which may depend on
        each other in any way [5]_), `effect_size` (0 to 1) and `effect`: ``none`` if
        `p_adjusted` is .05 or more, else ``small`` from .01, ``medium`` from .06,
        ``large`` from .14 of epsilon squared, and from .1, .3 and .5 of V times the
        root of the lesser number of levels or clusters less one [6]_. Where there is
        nothing to compare, `statistic` is missing, both p are 1 and there is no effect.

    Raises
    ------
    ValueError
        If a number is missing or infinite.

    References
    ----------
    .. [1] W. H. Kruskal, W. A. Wallis, "Use of ranks in one-criterion variance
       analysis", Journal of the American Statistical Association 47 (1952), 583-621.
    .. [2] M. Tomczak, E. Tomczak, "The need to report effect size estimates
       revisited", Trends in Sport Sciences 21 (2014), 19-25.
    .. [3] W. Bergsma, "A bias-correction for Cramér's V and Tschuprow's T", Journal of
       the Korean Statistical Society 42 (2013), 323-328.
    .. [4] L. L. Gao, J. Bien, D. Witten, "Selective inference for hierarchical
       clustering", Journal of the American Statistical Association 119 (2024), 332-342.
    .. [5] Y. Benjamini, D. Yekutieli, "The control of the false discovery rate in
       multiple testing under dependency", Annals of Statistics 29 (2001), 1165-1188.
    .. [6] J. Cohen, "Statistical Power Analysis for the Behavioral Sciences", 2nd
       edition, Erlbaum (1988), 224-227, 283-287.

    Examples
    --------
    >>> features = pd.DataFrame({"n_orders": range(40), "shop": ["a"] * 40})
    >>> compared = compare_features(features, pd.Series([0] * 20 + [1] * 20))
    >>> compared[["feature", "test", "effect"]].to_numpy().tolist()
    [['n_orders', 'kruskal', 'large'], ['shop', 'chi_square', 'none']]
    """
    drawn = labels[labels >= 0].sort_index()
    if len(drawn) > MOST_COMPARED:
        drawn = drawn.sample(MOST_COMPARED, random_state=random_state)
    persons = features.loc[drawn.index]
    compared = pd.DataFrame(
        [_compare(persons, name, drawn.to_numpy()) for name in feature_names(features)],
        columns=["feature", "test", "statistic", "p_value", "effect_size", "power"],
    )
    tested = compared["statistic"].notna()
    adjusted = compared["p_value"].copy()
    if tested.any():
        adjusted[tested] = false_discovery_control(adjusted[tested], method="by")
    compared.insert(4, "p_adjusted", adjusted)
    compared["effect"] = [
        EFFECTS[np.searchsorted(EFFECT_LIMITS[test], power, side="right")]
        if p_adjusted < SIGNIFICANT
        else "none"
        for test, power, p_adjusted in zip(
            compared["test"], compared["power"], adjusted, strict=True
        )
    ]
    return compared.drop(columns="power")


def merge_unparted(
    features: pd.DataFrame,
    prepared: np.ndarray,
    labels: pd.Series,
    *,
    random_state: int = 0,
) -> tuple[pd.Series, pd.DataFrame]:
    """Merge neighbours that are no further apart than the halves of one cloud.

    Whoever cuts a cloud in two gets halves that differ, and by any test of a feature
    surely so [1]_. So two clusters count as parted only if all of this holds:

    1. Along the line that parts them best [2]_, the scatter left within them is at
       most 85 % of what is left in the parts of a normal distribution that is cut at
       the same share. Normal halves leave 36 %.
    2. A feature differs that a person can name: adjusted p below .01, and Cliff's
       delta at least .33, which is medium [3]_ (a text: a medium effect).
    3. It is less than in any of 19 normal clouds of the same covariance and number of
       persons (1,000 at most) that k-means cuts in two, as SigClust has it [4]_. Few
       persons in many dimensions seem to be far apart.

    Of every cluster, the neighbour is the one that 1 holds least for. Of neighbours
    that are not parted those merge first, and then all is measured anew.

    A cloud that is flat with sharp edges leaves less scatter than a normal one, and so
    do parts of a round one that was cut in many: its pieces may stay apart. That there
    is no structure at all is for another test to say, of everybody.

    Parameters
    ----------
    features : DataFrame of shape (n_persons, n_features)
        Indexed by `user_id`, as `compare_features` reads them.
    prepared : array of shape (n_persons, n_components)
        The same persons in the same order, in the space in which they were clustered.
    labels : Series of shape (n_persons,)
        The cluster of each, in the same order; below 0 is noise, and stays it.
    random_state : int, default=0
        Seed of drawing persons (5,000 of each cluster, for 2) and clouds.

    Returns
    -------
    labels : Series of shape (n_persons,)
        The larger of two keeps its label.
    merges : DataFrame of shape (n_merges, 4)
        In the order of merging: `label`, `merged_into`, `scatter` (that of 1; above 1
        they leave more than a cloud's parts) and `why` in words.

    References
    ----------
    .. [1] L. L. Gao, J. Bien, D. Witten, "Selective inference for hierarchical
       clustering", Journal of the American Statistical Association 119 (2024), 332-342.
    .. [2] R. A. Fisher, "The use of multiple measurements in taxonomic problems",
       Annals of Eugenics 7 (1936), 179-188.
    .. [3] J. Romano, J. D. Kromrey, J. Coraggio, J. Skowronek, "Appropriate statistics
       for ordinal level data", Annual Meeting of the Florida Association of
       Institutional Research (2006).
    .. [4] Y. Liu, D. N. Hayes, A. Nobel, J. S. Marron, "Statistical significance of
       clustering for high-dimension, low-sample size data", Journal of the American
       Statistical Association 103 (2008), 1281-1293.

    Examples
    --------
    >>> prepared = np.random.default_rng(0).normal(size=(400, 1))
    >>> prepared[300:] += 9
    >>> features = pd.DataFrame(prepared, columns=["n_orders"])
    >>> labels = pd.Series(np.digitize(prepared[:, 0], [0.0, 5.0]))
    >>> merged, merges = merge_unparted(features, prepared, labels)
    >>> merges[["label", "merged_into"]].to_numpy().tolist(), merged.nunique()
    ([[1, 0]], 2)
    """
    order = np.argsort(labels.index.to_numpy(), kind="stable")
    merged, space = labels.iloc[order], prepared[order]
    merges = []
    why_merged: dict[tuple[int, int, int, int], str] = {}
    # one thread: sums over several differ in their last digits from run to run
    with threadpool_limits(limits=1):
        while pair := _first_unparted(
            features, space, merged, why_merged, random_state
        ):
            smaller, larger, scatter, why = pair
            merged = merged.replace(smaller, larger)
            merges.append((smaller, larger, scatter, why))
    columns = ["label", "merged_into", "scatter", "why"]
    return merged.reindex(labels.index), pd.DataFrame(merges, columns=columns)


def _compare(
    persons: pd.DataFrame, name: str, labels: np.ndarray
) -> tuple[str, str, float, float, float, float]:
    """Test one feature; last is what `EFFECT_LIMITS` are about."""
    applies = applicable(persons, name)
    column, clusters = persons[name][applies], labels[applies]
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(float, na_value=np.nan)
        if not np.isfinite(values).all():
            raise ValueError(f"feature {name!r} has missing or infinite values")
        is_flag = set(np.unique(values)) <= {0.0, 1.0}
        test = "chi_square" if is_flag else "kruskal"
    else:
        values = _pool_rare(column, len(np.unique(clusters)))
        test = "chi_square"
    if len(np.unique(clusters)) < 2 or len(np.unique(values)) < 2:
        return name, test, np.nan, 1.0, 0.0, 0.0
    compare = _compare_counts if test == "chi_square" else _compare_ranks
    return name, test, *compare(values, clusters)


def _pool_rare(column: pd.Series, n_clusters: int) -> np.ndarray:
    """Give levels of a text numbers; those that are too rare to test share one."""
    levels = column.astype("string").fillna("")
    counts = levels.map(levels.value_counts())
    rare = counts < LEAST_EXPECTED * n_clusters
    return np.where(rare, 0, 1 + levels.factorize(sort=True)[0])


def _compare_ranks(
    values: np.ndarray, clusters: np.ndarray
) -> tuple[float, float, float, float]:
    tested = kruskal(*(values[clusters == each] for each in np.unique(clusters)))
    epsilon_squared = min(1.0, float(tested.statistic) / (len(values) - 1))
    return (
        float(tested.statistic),
        float(tested.pvalue),
        epsilon_squared,
        epsilon_squared,
    )


def _compare_counts(
    values: np.ndarray, clusters: np.ndarray
) -> tuple[float, float, float, float]:
    counts = pd.crosstab(clusters, values).to_numpy()
    tested = chi2_contingency(counts, correction=False)
    n_persons, shape = counts.sum(), np.array(counts.shape)
    bias = np.prod(shape - 1) / (n_persons - 1)
    phi_squared = max(0.0, tested.statistic / n_persons - bias)
    least = (shape - (shape - 1) ** 2 / (n_persons - 1)).min() - 1
    cramers_v = min(1.0, np.sqrt(phi_squared / least)) if least > 0 else 0.0
    return (
        float(tested.statistic),
        float(tested.pvalue),
        float(cramers_v),
        float(cramers_v * np.sqrt(shape.min() - 1)),
    )


def _first_unparted(
    features: pd.DataFrame,
    space: np.ndarray,
    labels: pd.Series,
    why_merged: dict[tuple[int, int, int, int], str],
    seed: int,
) -> tuple[int, int, float, str] | None:
    """Find the neighbours that are least apart, if no test parts them."""
    drawn = (
        labels.sample(frac=1, random_state=seed).groupby(labels).head(MOST_OF_EACH)
    ).sort_index()
    shapes = {
        int(label): _Shape(space[labels.to_numpy() == label])
        for label in np.unique(labels[labels >= 0])
    }
    scatter = {
        (a, b): _scatter(shapes[a], shapes[b]) for a, b in combinations(shapes, 2)
    }
    neighbours = {
        max((pair for pair in scatter if label in pair), key=scatter.__getitem__)
        for label in shapes
        if len(shapes) > 1
    }
    for a, b in sorted(neighbours, key=lambda pair: (-scatter[pair], pair)):
        smaller, larger = sorted((b, a), key=lambda label: shapes[label].n_persons)
        key = (a, shapes[a].n_persons, b, shapes[b].n_persons)
        if key not in why_merged:
            members = drawn[drawn.isin([a, b])]
            why_merged[key] = _why_unparted(
                features, members, shapes[a], shapes[b], scatter[a, b], seed
            )
        if why_merged[key]:
            return smaller, larger, scatter[a, b], why_merged[key]
    return None


class _Shape:
    """How many persons a cluster has, its centre and its covariance."""

    def __init__(self, members: np.ndarray) -> None:
        self.n_persons = len(members)
        self.center = members.mean(axis=0)
        deviations = members - self.center
        self.covariance = deviations.T @ deviations / len(members)


def _scatter(a: _Shape, b: _Shape) -> float:
    """Compare the scatter left in two clusters with that in a cut normal cloud.

    Along Fisher's line, clusters at Mahalanobis distance D with shares q and 1 - q
    leave 1 / (1 + q (1 - q) D^2) of the variance; a normal one that is cut at its
    quantile z of q leaves 1 - f(z)^2 / (q (1 - q)), f being its density.
    """
    share = a.n_persons / (a.n_persons + b.n_persons)
    apart = a.center - b.center
    within = share * a.covariance + (1 - share) * b.covariance
    ridge = 0.01 * np.trace(within) / len(within) + SAME
    between = share * (1 - share)
    distance_squared = apart @ np.linalg.solve(
        within + ridge * np.eye(len(within)), apart
    )
    left = 1 / (1 + between * distance_squared)
    return float(left / (1 - norm.pdf(norm.ppf(share)) ** 2 / between))


def _why_unparted(
    features: pd.DataFrame,
    members: pd.Series,
    a: _Shape,
    b: _Shape,
    scatter: float,
    seed: int,
) -> str:
    """Tell why two clusters are one; nothing if they are not."""
    if scatter > LESS_SCATTER:
        return "no further apart than parts of one cloud"
    if not _differ(features.loc[members.index], members):
        return "no feature differs by much"
    if scatter >= min(_scatter_of_clouds(a, b, seed)):
        return "clouds of so few persons seem as far apart"
    return ""


def _differ(features: pd.DataFrame, labels: pd.Series) -> bool:
    """Tell if two clusters differ in a feature, surely and by much."""
    compared = compare_features(features, labels).set_index("feature")
    numbers = features.select_dtypes(["number", "bool"])
    deltas = contrast_segments(numbers, labels).abs().max()
    by_much = (deltas >= MATTERS).reindex(compared.index, fill_value=False) | (
        ~compared.index.isin(numbers) & compared["effect"].isin(EFFECTS[2:])
    )
    return bool((by_much & (compared["p_adjusted"] < SURELY_DIFFERENT)).any())


def _scatter_of_clouds(a: _Shape, b: _Shape, seed: int) -> list[float]:
    """Measure the same of normal clouds that k-means cuts in two."""
    n_persons = a.n_persons + b.n_persons
    share = a.n_persons / n_persons
    apart = a.center - b.center
    covariance = share * a.covariance + (1 - share) * b.covariance
    covariance = covariance + share * (1 - share) * np.outer(apart, apart)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(N_CLOUDS):
        cloud = rng.multivariate_normal(
            np.zeros(len(covariance)), covariance, min(n_persons, CLOUD_PERSONS)
        )
        halves = KMeans(2, n_init=2, random_state=seed).fit_predict(cloud)
        found.append(_scatter(_Shape(cloud[halves == 0]), _Shape(cloud[halves == 1])))
    return found
