"""The family of 2024 and 2025: predictions are merged and filtered as well, and tissues join lesions of one another.

Quirks of the official code that are kept: sensitivity, specificity and HD95 of whole
regions are those of lesion numbers taken for mask values, and all whole-region values are
those of the filtered prediction (corrected under names of their own); predictions are
filtered in voxels, references in mm3; a typo leaves SNFH at 3 steps of dilation; lesions
are only joined through a tissue when two pairs touch (these three are the rules as they
were applied, and nothing is corrected).

Source: BraTS-2024-Metrics metrics_{GLI,SSA,MET,PED,MEN_RT}.py.
"""

import sys
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition
from bratseval.metrics.crop import crop
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
from bratseval.scoring.region_pair import Compared, Outline, compare, counts_of, hd95_mm, nsd_of
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
    merged = merge(crop(prediction, reference, edition), spacing_mm, edition)
    values: dict[str, Mapping[str, float]] = {}
    corrected: dict[str, Mapping[str, float]] = {}
    lesions: list[Lesion] = []
    for region, rules in edition.regions.items():
        pair = merged[region]
        answered, right = pair.prediction, pair.reference
        compared = compare(
            region,
            (answered.side, right.side),
            pair.reach,
            (pair.corner, prediction.size),
            edition.nsd_tolerances_mm,
        )
        rows = rows_of(compared, rules.small_mm3, penalty, spurious_counted=edition.spurious_counted)
        whole = _numbered_values(compared, answered.numbers, right.numbers, penalty)
        values[region] = whole | lesion_values(rows, edition.nsd_tolerances_mm, penalty)
        corrected[region] = _whole_values(compared, answered.whole, penalty)
        lesions += rows
    return ScoredCase(regions=values, corrected=corrected, lesions=tuple(lesions))


def _numbered_values(
    pair: Compared, answered: NDArray[np.int64], right: NDArray[np.int64], penalty_mm: float
) -> dict[str, float]:
    """The values of the whole region as the official code has them: numbers of lesions in place of ones.

    Args:
        answered, right: the official number of each part of the prediction and of the reference.
    """
    hd95 = _numbered_hd95_mm(pair, answered, right)
    found, background_left, background = _numbered_counts(pair, answered, right)
    number_sum = float(right @ pair.reference.parts.voxels)
    nothing = pair.counts.prediction + pair.counts.reference == 0
    return {
        SENSITIVITY: 1.0 if nothing else found / (number_sum + sys.float_info.min),
        SPECIFICITY: background_left / (background + sys.float_info.min),
        DICE: dice(pair.counts),
        HD95: penalty_mm if np.isinf(hd95) else hd95,
        VOLUME: volume_mm3(pair.counts.reference, pair.spacing_mm),
        **{NSD.format(mm): nsd for mm, nsd in zip(pair.tolerances_mm, pair.nsd, strict=True)},
    }


def _numbered_counts(pair: Compared, answered: NDArray[np.int64], right: NDArray[np.int64]) -> tuple[int, int, int]:
    """Voxels of number 1 on both sides, voxels of number 1 on neither, and the latter with "false positives".

    These are the sum of all predicted numbers less the voxels of number 1 on both sides.
    """
    prediction, reference = pair.prediction.parts, pair.reference.parts
    first, first_right = (np.append(0, numbers) == 1 for numbers in (answered, right))
    shared = pair.counts.both
    if shared and max(answered.max(), right.max()) > 1:
        shared = int(np.count_nonzero(first[prediction.labels] & first_right[reference.labels]))
    ones = int(prediction.voxels[answered == 1].sum()), int(reference.voxels[right == 1].sum())
    neither = pair.total - sum(ones) + shared
    return shared, neither, neither + int(answered @ prediction.voxels) - shared


def _numbered_hd95_mm(pair: Compared, answered: NDArray[np.int64], right: NDArray[np.int64]) -> float:
    """HD95 with lesion numbers, modulo 256, as the values of the two masks."""
    if not len(answered) and not len(right):
        return 0.0
    if np.append(answered, right).max() == 1:
        return pair.hd95_mm
    surfaces = []
    for side, numbers in ((pair.prediction, answered), (pair.reference, right)):
        values = np.append(0, numbers).astype(np.uint8)[side.parts.labels]
        surfaces.append(surface_of(values, pair.spacing_mm))
    if not all(len(surface.at) for surface in surfaces):
        return float("inf")
    return robust_hausdorff_mm(surfaces[0], surfaces[1], pair.spacing_mm)


def _whole_values(pair: Compared, whole: Outline, penalty_mm: float) -> Mapping[str, float]:
    """The values of the whole region as predicted, small parts and all."""
    reference = pair.reference.outline
    counts, hd95, nsd = pair.counts, pair.hd95_mm, pair.nsd
    if whole is not pair.prediction.outline:
        counts = counts_of(whole, reference, pair.total)
        hd95, nsd = hd95_mm(whole, reference), nsd_of(whole, reference, pair.tolerances_mm)
    return {
        WHOLE_DICE: dice(counts),
        WHOLE_HD95: penalty_mm if np.isinf(hd95) else hd95,
        WHOLE_SENSITIVITY: sensitivity(counts),
        WHOLE_SPECIFICITY: specificity(counts),
        **{WHOLE_NSD.format(mm): share for mm, share in zip(pair.tolerances_mm, nsd, strict=True)},
    }
