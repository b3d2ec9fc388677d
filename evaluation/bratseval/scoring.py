"""What one prediction scores against one reference under the rules of an edition. Arrays in, rows out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bratseval import panoptic
from bratseval.challenge import Edition
from bratseval.lesionwise import (
    DICE,
    HD95,
    LESION_DICE,
    LESION_HD95,
    SENSITIVITY,
    SPECIFICITY,
    Lesion,
    crop,
    score_region,
)
from bratseval.metrics import Spacing


@dataclass(frozen=True)
class CaseScore:
    """The score of one case.

    Attributes:
        edition: its name; scores of different editions are not comparable.
        regions: for each region, in the official order, the official names and values.
        lesions: every lesion of every region.
        corrected: for each region, values under names of their own for those official
            numbers that are known to be wrong; empty where none is.
    """

    edition: str
    regions: Mapping[str, Mapping[str, float]]
    lesions: tuple[Lesion, ...]
    corrected: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def score_case(
    prediction: NDArray[np.generic], reference: NDArray[np.generic], spacing_mm: Spacing, edition: Edition
) -> CaseScore:
    """Score a segmentation as the official code of an edition does, to the last bit.

    Values that are not exactly one of the edition's labels (4, 255, 2.9999, NaN) are
    background, as they are officially; the family "instances-2026" cuts fractions off.

    Args:
        prediction: labels (x, y, z), any numeric type.
        reference: labels (x, y, z), any numeric type, same shape.
        spacing_mm: voxel edges along (x, y, z). The official code takes them from the
            prediction's header.
        edition: the rules.

    Returns:
        For each region the values of the official script. A region that both leave
        empty scores Dice 1 and HD95 0; one that only one leaves empty scores Dice 0 and
        the penalty. Without any lesion to count (none, or only small ones) and without
        spurious ones, lesion-wise Dice is 1 and HD95 0.

    Raises:
        ValueError: the shapes differ, or are not 3-D.
    """
    if prediction.shape != reference.shape or prediction.ndim != 3:
        raise ValueError(
            f"prediction and reference have shapes {prediction.shape} and {reference.shape}, expected one 3-D shape"
        )
    spacing_mm = (float(spacing_mm[0]), float(spacing_mm[1]), float(spacing_mm[2]))
    if edition.family == "instances-2026":
        return _of_instances(panoptic.score_regions(prediction, reference, spacing_mm, edition), edition)
    labels = frozenset[int]().union(*(rules.labels for rules in edition.regions.values()))
    widest = max(rules.merge_steps for rules in edition.regions.values())
    pair = crop(_exact_labels(prediction, labels), _exact_labels(reference, labels), margin=widest)
    regions: dict[str, Mapping[str, float]] = {}
    lesions: list[Lesion] = []
    for region, rules in edition.regions.items():
        regions[region], rows = score_region(region, pair, rules, spacing_mm, edition.penalty_mm)
        lesions.extend(rows)
    return CaseScore(edition.name, regions, tuple(lesions))


def worst_score(reference: NDArray[np.generic], spacing_mm: Spacing, edition: Edition) -> CaseScore:
    """What a case scores whose prediction is missing or unreadable: the worst of every value.

    Dice, sensitivity and specificity are 0, HD95 is the penalty, in every region, also
    in those that the reference leaves empty; every lesion is missed.
    """
    nothing = np.zeros(reference.shape, np.uint8)
    missed = score_case(nothing, reference, spacing_mm, edition)
    if edition.family == "instances-2026":
        official, corrected = (dict.fromkeys(edition.regions, worst) for worst in panoptic.worst_region(edition))
        return CaseScore(edition.name, official, missed.lesions, corrected)
    worst = {DICE: 0.0, SENSITIVITY: 0.0, SPECIFICITY: 0.0, LESION_DICE: 0.0}
    worst |= {HD95: edition.penalty_mm, LESION_HD95: edition.penalty_mm}
    return CaseScore(
        edition.name, {name: {**values, **worst} for name, values in missed.regions.items()}, missed.lesions
    )


def _of_instances(scored: Mapping[str, panoptic.RegionScore], edition: Edition) -> CaseScore:
    return CaseScore(
        edition=edition.name,
        regions={name: region.official for name, region in scored.items()},
        lesions=tuple(lesion for region in scored.values() for lesion in region.lesions),
        corrected={name: region.corrected for name, region in scored.items()},
    )


def _exact_labels(volume: NDArray[np.generic], labels: frozenset[int]) -> NDArray[np.uint8]:
    if volume.dtype == np.uint8:
        return volume.astype(np.uint8, copy=False)
    exact = np.zeros_like(volume, np.uint8)
    for label in labels:
        exact[volume == label] = label
    return exact
