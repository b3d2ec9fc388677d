"""Dice, sensitivity and specificity of two masks, equal to the official numbers to the last bit."""

import sys
from dataclasses import dataclass

import numpy as np

from bratseval.metrics.components import Mask


@dataclass(frozen=True)
class Counts:
    """Voxels of two masks, which is all that overlap measures need.

    Attributes:
        prediction, reference, both: voxels in each and in both.
        total: voxels of the volume.
    """

    prediction: int
    reference: int
    both: int
    total: int


def count(prediction: Mask, reference: Mask) -> Counts:
    """Count two masks of one shape.

    Raises:
        ValueError: the shapes differ.
    """
    if prediction.shape != reference.shape:
        raise ValueError(f"the masks have shapes {prediction.shape} and {reference.shape}, expected one")
    return Counts(
        int(np.count_nonzero(prediction)),
        int(np.count_nonzero(reference)),
        int(np.count_nonzero(prediction & reference)),
        prediction.size,
    )


def dice(counts: Counts) -> float:
    """Twice the shared voxels over the sum of both; 1 when both masks are empty."""
    if counts.prediction + counts.reference == 0:
        return 1.0
    return 2.0 * counts.both / (counts.prediction + counts.reference)


def sensitivity(counts: Counts) -> float:
    """The share of the reference that was found; 1 when both masks are empty, 0 when only the reference is.

    Source: GaNDLF's formula as the 2023 script has it, with the smallest double in the denominator.
    """
    if counts.prediction + counts.reference == 0:
        return 1.0
    return counts.both / (counts.reference + sys.float_info.min)


def specificity(counts: Counts) -> float:
    """The share of the background that was left alone; 0 when the reference fills the volume."""
    background = counts.total - counts.reference
    left_alone = background - (counts.prediction - counts.both)
    return left_alone / (background + sys.float_info.min)
