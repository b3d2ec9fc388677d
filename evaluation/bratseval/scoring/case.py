"""What one prediction scores against one reference under the rules of an edition. Arrays in, rows out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition, Family
from bratseval.challenge.metrics import METRICS
from bratseval.metrics.mesh_surface import Spacing
from bratseval.scoring.result import ScoredCase


class _Rules(Protocol):
    """What a family's module offers."""

    def score(
        self,
        prediction: NDArray[np.generic],
        reference: NDArray[np.generic],
        spacing_mm: Spacing,
        edition: Edition,
    ) -> ScoredCase:
        """What `score_case` says, without its checks."""


def _rules(family: Family) -> _Rules:
    """A family's module, loaded when it is first wanted: panoptic brings 30 MB and half a second with it."""
    from bratseval.scoring import rules_2023 as lesionwise_2023
    from bratseval.scoring import rules_2024 as lesionwise_2024

    if family == "lesionwise-2023":
        return lesionwise_2023
    if family == "lesionwise-2024":
        return lesionwise_2024
    from bratseval.scoring import rules_2026 as panoptic

    return panoptic


def score_case(
    prediction: NDArray[np.generic], reference: NDArray[np.generic], spacing_mm: Spacing, edition: Edition
) -> ScoredCase:
    """Score a segmentation as the official code of an edition does, to the last bit.

    Values that are not exactly one of the edition's labels (4 where it is none, 255, NaN)
    are background, as they are officially. So is 2.9999, except in WT of most editions
    of 2024 and 2025 (`RegionRules.in_between`).

    Args:
        prediction: labels (x, y, z), any numeric type.
        reference: labels (x, y, z), any numeric type, same shape.
        spacing_mm: voxel edges along (x, y, z). The official code takes them from the
            prediction (`Edition.spacing_from`).
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
    return _rules(edition.family).score(prediction, reference, spacing_mm, edition)


def worst_score(reference: NDArray[np.generic], spacing_mm: Spacing, edition: Edition) -> ScoredCase:
    """What a case scores whose prediction is missing or unreadable: the worst of every value.

    Dice, NSD, sensitivity and specificity are 0, HD95 is the penalty, in every region, also
    in those that the reference leaves empty; every lesion is missed.
    """
    missed = score_case(np.zeros(reference.shape, np.uint8), reference, spacing_mm, edition)
    penalty = edition.penalty_for(reference.shape)
    regions, corrected = (
        {name: _worst_values(values, penalty) for name, values in by_region.items()}
        for by_region in (missed.regions, missed.corrected)
    )
    return replace(missed, regions=regions, corrected=corrected, evaluator={})


def _worst_values(values: Mapping[str, float], penalty_mm: float) -> Mapping[str, float]:
    """The worst of each value, as the catalogue of metrics has it; counts of lesion-wise editions and volumes stay."""
    worst = {"zero": 0.0, "penalty": penalty_mm}
    return {key: worst.get(METRICS[key].worst, value) for key, value in values.items()}
