"""The family of 2023: each predicted component by itself. MEN has it in 2025 too, with NSD.

Source: BraTS-2023-Metrics metrics.py; BraTS-2024-Metrics metrics_MEN.py.
"""

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition
from bratseval.metrics.components import components_of, parts_of, reach_of
from bratseval.metrics.crop import Crop, crop, masks_of
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
from bratseval.scoring.region_pair import Compared, Outline, Side, compare
from bratseval.scoring.result import Lesion, ScoredCase


def score(
    prediction: NDArray[np.generic], reference: NDArray[np.generic], spacing_mm: Spacing, edition: Edition
) -> ScoredCase:
    """Every region of a case. Nothing is corrected: these numbers are what they say."""
    pair = crop(prediction, reference, edition)
    penalty = edition.penalty_for(prediction.shape)
    values: dict[str, dict[str, float]] = {}
    lesions: list[Lesion] = []
    for region, rules in edition.regions.items():
        compared = _compare(region, pair, edition, spacing_mm)
        rows = rows_of(compared, rules.small_mm3, penalty)
        values[region] = _whole_values(compared, penalty) | lesion_values(rows, edition.nsd_tolerances_mm, penalty)
        lesions += rows
    return ScoredCase(regions=values, lesions=tuple(lesions))


def _compare(region: str, pair: Crop, edition: Edition, spacing_mm: Spacing) -> Compared:
    rules = edition.regions[region]
    masks = masks_of(pair, rules)
    reach, number = reach_of(masks.reference, merge_steps=rules.merge_steps)
    lesions = parts_of(masks.reference * reach, number)
    sides = (
        Side(Outline(masks.prediction, spacing_mm), components_of(masks.prediction)),
        Side(Outline(masks.reference, spacing_mm), lesions),
    )
    return compare(region, sides, reach, (masks.corner, masks.total), edition.nsd_tolerances_mm)


def _whole_values(pair: Compared, penalty_mm: float) -> dict[str, float]:
    counts = pair.counts
    return {
        SENSITIVITY: sensitivity(counts),
        SPECIFICITY: specificity(counts),
        DICE: dice(counts),
        HD95: penalty_mm if np.isinf(pair.hd95_mm) else pair.hd95_mm,
        VOLUME: volume_mm3(counts.reference, pair.spacing_mm),
        **{NSD.format(mm): nsd for mm, nsd in zip(pair.tolerances_mm, pair.nsd, strict=True)},
    }
