"""The family of 2023: each predicted component by itself. MEN has it in 2025 too, with NSD.

Source: BraTS-2023-Metrics metrics.py; BraTS-2024-Metrics metrics_MEN.py.
"""

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition
from bratseval.metrics.components import connected_components, dilated_lesions, measure_components
from bratseval.metrics.crop import CroppedPair, crop_labels, region_masks
from bratseval.metrics.mesh_surface import Spacing
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
from bratseval.scoring.region_pair import LabelledMask, MaskSurfaces, RegionPair, match_region
from bratseval.scoring.result import Lesion, ScoredCase


def score(
    prediction: NDArray[np.generic], reference: NDArray[np.generic], spacing_mm: Spacing, edition: Edition
) -> ScoredCase:
    """Every region of a case; no value needs a correction in this family."""
    pair = crop_labels(prediction, reference, edition)
    penalty = edition.penalty_for(prediction.shape)
    values: dict[str, dict[str, float]] = {}
    lesions: list[Lesion] = []
    for region, rules in edition.regions.items():
        matched = _match(region, pair, edition, spacing_mm)
        rows = rows_of(matched, rules.small_mm3, penalty)
        values[region] = _whole_values(matched, penalty) | lesion_values(rows, edition.nsd_tolerances_mm, penalty)
        lesions += rows
    return ScoredCase(regions=values, lesions=tuple(lesions))


def _match(region: str, pair: CroppedPair, edition: Edition, spacing_mm: Spacing) -> RegionPair:
    rules = edition.regions[region]
    masks = region_masks(pair, rules)
    dilated, count = dilated_lesions(masks.reference, merge_steps=rules.merge_steps)
    lesions = measure_components(masks.reference * dilated, count)
    sides = (
        LabelledMask(MaskSurfaces(masks.prediction, spacing_mm), connected_components(masks.prediction)),
        LabelledMask(MaskSurfaces(masks.reference, spacing_mm), lesions),
    )
    return match_region(region, sides, dilated, masks.corner, masks.total, edition.nsd_tolerances_mm)


def _whole_values(pair: RegionPair, penalty_mm: float) -> dict[str, float]:
    counts = pair.counts
    return {
        SENSITIVITY: sensitivity(counts),
        SPECIFICITY: specificity(counts),
        DICE: dice(counts),
        HD95: penalty_mm if np.isinf(pair.hd95_mm) else pair.hd95_mm,
        VOLUME: volume_mm3(counts.reference, pair.spacing_mm),
        **{NSD.format(mm): nsd for mm, nsd in zip(pair.tolerances_mm, pair.nsd, strict=True)},
    }
