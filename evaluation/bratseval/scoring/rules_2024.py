"""The family of 2024 and 2025: predictions are merged and filtered too, and regions join one another's lesions.

Quirks of the official code that are kept: sensitivity, specificity and HD95 of whole
regions are those of lesion numbers taken for mask values, and all whole-region values are
those of the filtered prediction (corrected under names of their own); predictions are
filtered in voxels, references in mm3; a typo leaves SNFH at 3 steps of dilation; lesions
are only joined through another region when two pairs touch (these three are the rules as they
were applied, and nothing is corrected).

Source: BraTS-2024-Metrics metrics_{GLI,SSA,MET,PED,MEN_RT}.py.
"""

import sys
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition
from bratseval.metrics.crop import crop_labels
from bratseval.metrics.mesh_surface import Spacing, robust_hausdorff_mm, surface_of
from bratseval.metrics.overlap import dice, sensitivity, specificity
from bratseval.scoring.lesionwise import (
    DICE,
    HD95,
    NSD,
    SENSITIVITY,
    SPECIFICITY,
    VOLUME,
    lesion_values,
    rows_of,
    volume_mm3,
)
from bratseval.scoring.merge_2024 import merge
from bratseval.scoring.region_pair import MaskSurfaces, RegionPair, counts_of, hd95_mm, match_region, nsd_of
from bratseval.scoring.result import Lesion, ScoredCase

# Of the whole region as predicted, without lesion numbers and without the filter: what the Legacy values mean to be.
WHOLE_DICE: Final = "Whole_Dice"
WHOLE_HD95: Final = "Whole_HD95"
WHOLE_NSD: Final = "Whole_NSD_{}"
WHOLE_SENSITIVITY: Final = "Whole_Sensitivity"
WHOLE_SPECIFICITY: Final = "Whole_Specificity"


def score(
    prediction: NDArray[np.generic], reference: NDArray[np.generic], spacing_mm: Spacing, edition: Edition
) -> ScoredCase:
    """Every region of a case; corrected are the values of whole regions."""
    penalty = edition.penalty_for(prediction.shape)
    merged = merge(crop_labels(prediction, reference, edition), spacing_mm, edition)
    values: dict[str, Mapping[str, float]] = {}
    corrected: dict[str, Mapping[str, float]] = {}
    lesions: list[Lesion] = []
    for region, rules in edition.regions.items():
        pair = merged[region]
        matched = match_region(
            region,
            (pair.prediction.lesions, pair.reference.lesions),
            pair.dilated,
            pair.corner,
            prediction.size,
            edition.nsd_tolerances_mm,
        )
        rows = rows_of(matched, rules.small_mm3, penalty, spurious_counted=edition.spurious_counted)
        whole = _numbered_values(matched, pair.prediction.numbers, pair.reference.numbers, penalty)
        values[region] = whole | lesion_values(rows, edition.nsd_tolerances_mm, penalty)
        corrected[region] = _whole_values(matched, pair.prediction.whole, penalty)
        lesions += rows
    return ScoredCase(regions=values, corrected=corrected, lesions=tuple(lesions))


def _numbered_values(
    pair: RegionPair, predicted: NDArray[np.int64], expected: NDArray[np.int64], penalty_mm: float
) -> dict[str, float]:
    """The values of the whole region as the official code computes them: lesion numbers instead of ones.

    Args:
        predicted, expected: (lesions,), the official number of each lesion of the prediction and of the reference.
    """
    hd95 = _numbered_hd95_mm(pair, predicted, expected)
    found, background_left, background = _numbered_counts(pair, predicted, expected)
    number_sum = float(expected @ pair.reference.components.voxels)
    nothing = pair.counts.prediction + pair.counts.reference == 0
    return {
        SENSITIVITY: 1.0 if nothing else found / (number_sum + sys.float_info.min),
        SPECIFICITY: background_left / (background + sys.float_info.min),
        DICE: dice(pair.counts),
        HD95: penalty_mm if np.isinf(hd95) else hd95,
        VOLUME: volume_mm3(pair.counts.reference, pair.spacing_mm),
        **{NSD.format(mm): nsd for mm, nsd in zip(pair.tolerances_mm, pair.nsd, strict=True)},
    }


def _numbered_counts(
    pair: RegionPair, predicted: NDArray[np.int64], expected: NDArray[np.int64]
) -> tuple[int, int, int]:
    """Voxels numbered 1 in both, voxels numbered 1 in neither, and the latter plus the "false positives".

    The official false positives are the sum of all predicted numbers less the voxels numbered 1 in both.
    """
    prediction, reference = pair.prediction.components, pair.reference.components
    first, first_expected = (np.append(0, numbers) == 1 for numbers in (predicted, expected))
    shared = pair.counts.both
    if shared and max(predicted.max(), expected.max()) > 1:
        shared = int(np.count_nonzero(first[prediction.labels] & first_expected[reference.labels]))
    ones = int(prediction.voxels[predicted == 1].sum()), int(reference.voxels[expected == 1].sum())
    neither = pair.total - sum(ones) + shared
    return shared, neither, neither + int(predicted @ prediction.voxels) - shared


def _numbered_hd95_mm(pair: RegionPair, predicted: NDArray[np.int64], expected: NDArray[np.int64]) -> float:
    """HD95 in mm with lesion numbers, modulo 256, as the values of the two masks; infinite or 0 as usual if empty."""
    if not len(predicted) and not len(expected):
        return 0.0
    if np.append(predicted, expected).max() == 1:
        return pair.hd95_mm
    surfaces = []
    for side, numbers in ((pair.prediction, predicted), (pair.reference, expected)):
        values = np.append(0, numbers).astype(np.uint8)[side.components.labels]
        surfaces.append(surface_of(values, pair.spacing_mm))
    if not all(len(surface.at) for surface in surfaces):
        return float("inf")
    return robust_hausdorff_mm(surfaces[0], surfaces[1], pair.spacing_mm)


def _whole_values(pair: RegionPair, whole: MaskSurfaces, penalty_mm: float) -> Mapping[str, float]:
    """The values of the whole region as predicted, with the small components."""
    reference = pair.reference.surfaces
    counts, hd95, nsd = pair.counts, pair.hd95_mm, pair.nsd
    if whole is not pair.prediction.surfaces:
        counts = counts_of(whole, reference, pair.total)
        hd95, nsd = hd95_mm(whole, reference), nsd_of(whole, reference, pair.tolerances_mm)
    return {
        WHOLE_DICE: dice(counts),
        WHOLE_HD95: penalty_mm if np.isinf(hd95) else hd95,
        WHOLE_SENSITIVITY: sensitivity(counts),
        WHOLE_SPECIFICITY: specificity(counts),
        **{WHOLE_NSD.format(mm): share for mm, share in zip(pair.tolerances_mm, nsd, strict=True)},
    }
