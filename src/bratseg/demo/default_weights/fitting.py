"""Fits the post-processing of the default weights, on phantoms that no network was trained on.

One cluster of all phantoms, and the size below which a component of each region is
removed. What looks unlike any phantom gets the same thresholds, with another reason.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseg.inference.pipeline import Ensemble, segment
from bratseg.phantoms.phantom import Phantom, make_phantom
from bratseg.postprocess.clusters import Clusters, write_clusters
from bratseg.postprocess.fit_clusters import clusters_from, fit_clusters
from bratseg.postprocess.thresholds import Thresholds
from bratseg.radiomics.feature_names import FEATURE_NAMES, PRESETS
from bratseg.radiomics.features import NoFeatures, extract_features
from bratseg.tuning.choice import EPS, best_point
from bratseg.tuning.grid import NOTHING, ThresholdGrid
from bratseg.tuning.search import score_grid
from bratseg.weights.folder import CLUSTERS, list_file, read_manifest, write_manifest
from bratseval.challenge import EDITIONS, Edition
from bratseval.files.case_images import Volume
from bratseval.files.nifti import grid_of

FIRST_SEED: Final = 1_500_000  # beyond those that networks are trained on; tests and demonstrations stay below them
EDITION: Final = "ssa-2023"  # whose lesion-wise Dice the thresholds are to raise
SIZES_MM3: Final = (0.0, 25.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0)  # tried for each region; 0 removes nothing
_GRID: Final = ThresholdGrid(SIZES_MM3, (0.0,), mode="regions", fill="surrounding")

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FittedPhantom:
    """A phantom that post-processing is fitted on.

    Attributes:
        reference, prediction: labels (x, y, z).
        features: of the prediction, in the order of FEATURE_NAMES; None where it has none.
    """

    reference: NDArray[np.uint8]
    prediction: NDArray[np.uint8]
    features: NDArray[np.float64] | None


def fit_postprocessing(folder: Path, ensemble: Ensemble, *, phantoms: int) -> Clusters:
    """Fit clusters.json of a weights folder and list it in the manifest; an earlier one is replaced.

    Args:
        folder: the weights folder that `ensemble` was loaded from.
        ensemble: its members; post-processing that it has already is not applied.
        phantoms: how many to fit on, at least two.
    """
    bare = replace(ensemble, clusters=None)
    predicted = list(_predicted(bare, range(FIRST_SEED, FIRST_SEED + phantoms)))
    clusters = one_cluster(predicted, best_thresholds(predicted, EDITIONS[EDITION]))
    write_clusters(folder / CLUSTERS, clusters)
    manifest = read_manifest(folder)
    listed = list_file(
        folder, folder / CLUSTERS, source="fitted by `bratseg weights fit` on phantoms", licence="Apache-2.0"
    )
    kept = tuple(file for file in manifest.files if file.path != CLUSTERS)
    write_manifest(folder, replace(manifest, files=(*kept, listed)))
    return clusters


def best_thresholds(phantoms: Sequence[FittedPhantom], edition: Edition) -> Thresholds:
    """The sizes for the regions that together give the best mean lesion-wise Dice of all regions.

    Of equally good ones the smallest are taken, so a removal without effect removes nothing.
    """
    total = np.zeros(_GRID.shape)
    for phantom in phantoms:
        table = score_grid(phantom.prediction, phantom.reference, (1.0, 1.0, 1.0), edition, _GRID)
        total += table.means("dice")
    means = total / len(phantoms)
    best = best_point(means, EPS["dice"], _GRID)
    chosen = _GRID.thresholds(best).remove
    log.info("mean Dice %.4f without thresholds, %.4f with %s", means[NOTHING], means[best], chosen)
    return Thresholds(chosen, ())


def one_cluster(phantoms: Sequence[FittedPhantom], thresholds: Thresholds) -> Clusters:
    """One cluster of all phantoms that have features.

    Raises:
        ValueError: fewer than two have.
    """
    rows = np.array([phantom.features for phantom in phantoms if phantom.features is not None], dtype=np.float64)
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} phantoms have features, expected two at least")
    return clusters_from(
        fit_clusters(rows, PRESETS["sane"], counts=(1,)),
        [thresholds],
        thresholds,
        mode=_GRID.mode,
        fill=_GRID.fill,
        provenance={"data": "procedural phantoms, none of them of a person", "phantoms": len(phantoms)},
    )


def _predicted(ensemble: Ensemble, seeds: range) -> Iterator[FittedPhantom]:
    for seed in seeds:
        phantom = make_phantom(seed)
        prediction = segment(_volume(phantom), ensemble).labels
        yield FittedPhantom(phantom.labels, prediction, _features(phantom, prediction))
        log.info("phantom %d of %d segmented", seed - seeds.start + 1, len(seeds))


def _volume(phantom: Phantom) -> Volume:
    """A phantom as if it had been read; rounded, as it is when it is written."""
    x, y, z = phantom.labels.shape
    images = {modality: np.round(image) for modality, image in phantom.images.items()}
    return Volume(images, grid_of((x, y, z), phantom.affine), {}, ())


def _features(phantom: Phantom, prediction: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    try:
        found = extract_features(prediction, _volume(phantom).images, (1.0, 1.0, 1.0), PRESETS["sane"])
    except NoFeatures as reason:
        log.info("no features: %s", reason)
        return None
    return np.array([found[name] for name in FEATURE_NAMES], dtype=np.float64)
