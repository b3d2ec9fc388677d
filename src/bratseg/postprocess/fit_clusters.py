"""Finds the kinds of case among cases: scaling, principal components, k-means with k chosen by silhouette.

Only k-means and the silhouette are scikit-learn's, loaded when more than one cluster is
tried. The rest is numpy, so a fit and `clusters.assign` are the same arithmetic.
"""

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseg.postprocess.clusters import Cluster, Clusters
from bratseg.postprocess.thresholds import Fill, Mode, Thresholds
from bratseg.radiomics.feature_names import FEATURE_NAMES, Preset
from bratseg.radiomics.projection import Components, Numbers, Scaler, Standard, project, scale
from bratseval.errors import InputError
from bratseval.extras import CLUSTERING, require

VARIANCE: Final = 0.99  # kept by the principal components: arXiv 2412.04111
COUNTS: Final = tuple(range(2, 13))  # tried for k; the paper has 8 and its sibling for children 9, it states no range
OUTLIER_QUANTILE: Final = 0.95
_STARTS: Final = 50  # of k-means, the best is taken; the winners' single one depends on the draw
# A column that varies by less than this part of its largest value varies by rounding; it would be blown up.
_ROUNDING: Final = 1e-12

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ClusterFit:
    """Clusters of training cases: largest first, of equals the one with the lower first component first.

    Attributes:
        preset: how the features were extracted; it decides on the scaler.
        names: the features in use, in the order of FEATURE_NAMES.
        centroids: (clusters, components).
        assigned: (cases,), each case's cluster, counted from 0.
        cases: how many belong to each cluster, at least one.
        outlier_quantile: which quantile the limits are.
        distance_limits: of the distances of a cluster's cases to its centroid.
        silhouettes: mean silhouette, -1 to 1, for each k that was tried; empty where a
            single cluster was fitted.
    """

    preset: Preset
    names: tuple[str, ...]
    scaler: Scaler
    components: Components
    centroids: Numbers
    assigned: NDArray[np.intp]
    cases: tuple[int, ...]
    outlier_quantile: float
    distance_limits: tuple[float, ...]
    silhouettes: Mapping[int, float]


def fit_clusters(
    features: Numbers,
    preset: Preset,
    *,
    counts: Sequence[int] = COUNTS,
    components: float = VARIANCE,
    outlier_quantile: float = OUTLIER_QUANTILE,
    seed: int = 0,
) -> ClusterFit:
    """The clusters of cases whose number k, of those in `counts`, has the highest silhouette; of equals the fewest.

    Args:
        features: (cases, 386) in the order of FEATURE_NAMES.
        preset: `sane` standardises each feature and leaves out those that do not vary;
            `paper` divides each case by its length (L2), as the winners do.
        counts: the k's tried, from 1. A k is passed over, and the log says so, unless
            it is smaller than the number of cases and finds as many different clusters.
            Where none above 1 is left, all cases are one cluster.
        components: how many principal components are kept; below 1: as many as explain this part of the variance,
            as scikit-learn's PCA reads `n_components`.
        seed: of k-means.

    Raises:
        InputError: no two cases differ; more components than cases minus one; a count
            or a part out of range; k-means is wanted and scikit-learn not installed.
    """
    _check(features, counts, components, outlier_quantile)
    kept, scaler = _scaler(features, preset)
    rows = features[:, kept]
    found = _components(scale(rows, scaler), components)
    points = project(rows, scaler, found)
    centroids, silhouettes = _best(points, counts, seed)
    assigned, distances = nearest(points, centroids)
    order = _canonical(centroids, assigned)
    assigned = np.argsort(order)[assigned]
    own = [distances[assigned == cluster] for cluster in range(len(centroids))]
    return ClusterFit(
        preset=preset,
        names=tuple(name for name, keep in zip(FEATURE_NAMES, kept.tolist(), strict=True) if keep),
        scaler=scaler,
        components=found,
        centroids=centroids[order],
        assigned=assigned,
        cases=tuple(len(each) for each in own),
        outlier_quantile=outlier_quantile,
        distance_limits=tuple(float(np.quantile(each, outlier_quantile)) for each in own),
        silhouettes=silhouettes,
    )


def clusters_from(
    fit: ClusterFit,
    thresholds: Sequence[Thresholds],
    global_thresholds: Thresholds,
    *,
    mode: Mode,
    fill: Fill,
    provenance: Mapping[str, object],
) -> Clusters:
    """What `write_clusters` writes: a fit with thresholds for each of its clusters, in their order.

    Raises:
        ValueError: there are not as many thresholds as clusters.
    """
    parts = zip(fit.cases, fit.centroids, fit.distance_limits, thresholds, strict=True)
    return Clusters(
        preset=fit.preset,
        names=fit.names,
        scaler=fit.scaler,
        components=fit.components,
        outlier_quantile=fit.outlier_quantile,
        mode=mode,
        fill=fill,
        global_thresholds=global_thresholds,
        clusters=tuple(Cluster(*part) for part in parts),
        provenance=provenance,
    )


def nearest(points: Numbers, centroids: Numbers) -> tuple[NDArray[np.intp], Numbers]:
    """For each point (n, components) the nearest centroid, the first of equals, and the distance to it."""
    distances = np.linalg.norm(points[:, np.newaxis] - centroids, axis=2)
    closest = distances.argmin(axis=1)
    return closest, distances[np.arange(len(points)), closest]


def _check(features: Numbers, counts: Sequence[int], components: float, outlier_quantile: float) -> None:
    if features.ndim != 2 or features.shape[1] != len(FEATURE_NAMES) or not np.isfinite(features).all():
        raise ValueError(f"features are {features.shape}, expected (cases, {len(FEATURE_NAMES)}) finite numbers")
    if not counts or min(counts) < 1:
        raise InputError(f"clusters: {list(counts)} can't be tried, expected numbers from 1. Correct them.")
    if not 0 < outlier_quantile <= 1:
        raise InputError(f"outlier quantile: is {outlier_quantile:g}, expected above 0, at most 1. Correct it.")
    if not (0 < components < 1 or (components == int(components) and 1 <= components < len(features))):
        raise InputError(
            f"components: {components} of {len(features)} cases can't be had, expected from 1 to one less than cases, "
            "or a part of the variance below 1. Keep fewer, or add cases."
        )
    if len(np.unique(features, axis=0)) < 2:
        raise InputError(f"clusters: no two of {len(features)} cases differ, expected some that do. Add cases.")


def _scaler(features: Numbers, preset: Preset) -> tuple[NDArray[np.bool_], Scaler]:
    """The features in use (features,) and how they are scaled."""
    if preset.name == "paper":
        return np.ones(features.shape[1], dtype=bool), "l2"
    deviation = features.std(axis=0)
    kept = deviation > _ROUNDING * np.abs(features).max(axis=0)
    return kept, Standard(features[:, kept].mean(axis=0), deviation[kept])


def _components(scaled: Numbers, wanted: float) -> Components:
    """Principal components of rows; each one's largest loading is positive, so a fit has one sign everywhere."""
    mean = scaled.mean(axis=0)
    _, singular, loadings = np.linalg.svd(scaled - mean, full_matrices=False)
    if scaled.size == 0 or singular[0] <= _ROUNDING * np.linalg.norm(scaled):
        raise InputError(f"clusters: no two of {len(scaled)} cases differ once scaled, expected some. Add cases.")
    ratios = singular**2 / np.sum(singular**2)
    enough = min(int(np.searchsorted(np.cumsum(ratios), wanted)) + 1, len(scaled) - 1)
    count = enough if wanted < 1 else int(wanted)
    largest = np.take_along_axis(loadings, np.abs(loadings).argmax(axis=1, keepdims=True), axis=1)
    loadings = loadings * np.sign(largest)
    return Components(mean, loadings[:count], tuple(ratios[:count].tolist()))


def _best(points: Numbers, counts: Sequence[int], seed: int) -> tuple[Numbers, dict[int, float]]:
    """The centroids of the k with the highest silhouette, and each k's; all cases as one where no other k is left."""
    best: Numbers = points.mean(axis=0, keepdims=True)
    silhouettes: dict[int, float] = {}
    for count in sorted({*counts} - {1}):
        centroids = _k_means(points, count, seed) if count < len(points) else None
        if centroids is None:
            log.warning("%d clusters are passed over: %d cases do not make so many", count, len(points))
            continue
        silhouette = _silhouette(points, centroids)
        if silhouette > max(silhouettes.values(), default=-np.inf):
            best = centroids
        silhouettes[count] = silhouette
    if not silhouettes:
        log.info("all %d cases are one cluster", len(points))
    return best, silhouettes


def _k_means(points: Numbers, count: int, seed: int) -> Numbers | None:
    """Centroids (count, components), or None where a cluster would be empty."""
    require(CLUSTERING)
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different points than clusters: seen below
        centroids = KMeans(count, n_init=_STARTS, random_state=seed).fit(points).cluster_centers_
    assigned, _ = nearest(points, centroids)
    return centroids if len(np.unique(assigned)) == count else None


def _silhouette(points: Numbers, centroids: Numbers) -> float:
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(points, nearest(points, centroids)[0]))


def _canonical(centroids: Numbers, assigned: NDArray[np.intp]) -> NDArray[np.intp]:
    """The order of clusters: by cases, most first, then by the first component and those after it."""
    sizes = np.bincount(assigned, minlength=len(centroids))
    order: NDArray[np.intp] = np.lexsort((*centroids.T[::-1], -sizes))
    return order
