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
from bratseg.postprocess.thresholds import Fill, Mode, Thresholds
from bratseg.radiomics.feature_names import FEATURE_NAMES, PRESETS
from bratseg.radiomics.features import NoFeatures, extract_features
from bratseg.tuning.choice import EPS, best_point
from bratseg.tuning.grid import NOTHING, Grid
from bratseg.tuning.search import score_grid
from bratseg.weights.folder import CLUSTERS, list_file, read_manifest, write_manifest
from bratseval.challenge import EDITIONS, Edition
from bratseval.files.case_images import Volume
from bratseval.files.nifti import grid_of

FIRST_SEED: Final = 1_500_000  # beyond those that networks are trained on; tests and demonstrations stay below them
EDITION: Final = "ssa-2023"  # whose lesion-wise Dice the thresholds are to raise
SIZES_MM3: Final = (0.0, 25.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0)  # tried for each region; 0 removes nothing
_MODE: Final[Mode] = "regions"
_FILL: Final[Fill] = "surrounding"

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Answered:
    """A phantom's reference and what the ensemble makes of it, (x, y, z); its features where it has some."""

    reference: NDArray[np.uint8]
    prediction: NDArray[np.uint8]
    features: NDArray[np.float64] | None


def fit_postprocessing(folder: Path, ensemble: Ensemble, *, phantoms: int) -> Clusters:
    """Fit clusters.json of a weights folder and list it in the manifest; an earlier one is replaced.

    Args:
        folder: the weights folder that `ensemble` was loaded from.
        ensemble: its members; fitted post-processing is left out of account.
        phantoms: how many to fit on, at least two.
    """
    bare = replace(ensemble, clusters=None)
    answers = list(_answers(bare, range(FIRST_SEED, FIRST_SEED + phantoms)))
    clusters = clusters_of(answers, best_thresholds(answers, EDITIONS[EDITION]))
    write_clusters(folder / CLUSTERS, clusters)
    manifest = read_manifest(folder)
    listed = list_file(
        folder, folder / CLUSTERS, source="fitted by `bratseg weights fit` on phantoms", licence="Apache-2.0"
    )
    kept = tuple(file for file in manifest.files if file.path != CLUSTERS)
    write_manifest(folder, replace(manifest, files=(*kept, listed)))
    return clusters


def best_thresholds(answers: Sequence[Answered], edition: Edition) -> Thresholds:
    """The sizes for the regions that together give the best mean lesion-wise Dice of all regions.

    Of equally good ones the smallest are taken, so a removal that helps nobody removes nothing.
    """
    grid = Grid(SIZES_MM3, (0.0,))
    total = np.zeros(grid.shape)
    for answer in answers:
        table = score_grid(answer.prediction, answer.reference, (1.0, 1.0, 1.0), edition, grid, mode=_MODE, fill=_FILL)
        total += table.means("dice")
    means = total / len(answers)
    best = best_point(means, EPS["dice"], grid)
    chosen = grid.thresholds(best, _MODE).remove
    log.info("mean Dice %.4f without thresholds, %.4f with %s", means[NOTHING], means[best], chosen)
    return Thresholds(chosen, ())


def clusters_of(answers: Sequence[Answered], thresholds: Thresholds) -> Clusters:
    """One cluster of all answers that have features.

    Raises:
        ValueError: fewer than two have.
    """
    rows = np.array([answer.features for answer in answers if answer.features is not None], dtype=np.float64)
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} phantoms have features, expected two at least")
    return clusters_from(
        fit_clusters(rows, PRESETS["sane"], counts=(1,)),
        [thresholds],
        thresholds,
        mode=_MODE,
        fill=_FILL,
        provenance={"data": "procedural phantoms, none of them of a person", "phantoms": len(answers)},
    )


def _answers(ensemble: Ensemble, seeds: range) -> Iterator[Answered]:
    for seed in seeds:
        phantom = make_phantom(seed)
        prediction = segment(_volume(phantom), ensemble).labels
        yield Answered(phantom.labels, prediction, _features(phantom, prediction))
        log.info("phantom %d of %d answered", seed - seeds.start + 1, len(seeds))


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
