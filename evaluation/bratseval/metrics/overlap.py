"""Dice, sensitivity and specificity of two masks, equal to the official numbers to the last bit."""

import sys
from dataclasses import dataclass

import numpy as np

from bratseval.metrics.components import Mask


@dataclass(frozen=True)
class VoxelCounts:
    """The voxel counts of two masks, from which every overlap measure follows.

    Attributes:
        prediction, reference, both: voxels in either mask and in both.
        total: voxels of the whole volume.
    """

    prediction: int
    reference: int
    both: int
    total: int


def count_voxels(prediction: Mask, reference: Mask) -> VoxelCounts:
    """The voxel counts of two masks (x, y, z) of one shape.

    Raises:
        ValueError: the shapes differ.
    """
    if prediction.shape != reference.shape:
        raise ValueError(f"the masks have the shapes {prediction.shape} and {reference.shape}, expected one shape")
    return VoxelCounts(
        int(np.count_nonzero(prediction)),
        int(np.count_nonzero(reference)),
        int(np.count_nonzero(prediction & reference)),
        prediction.size,
    )


def dice(counts: VoxelCounts) -> float:
    """Twice the shared voxels divided by the voxels of both masks, 0 to 1; 1 if both are empty."""
    if counts.prediction + counts.reference == 0:
        return 1.0
    return 2.0 * counts.both / (counts.prediction + counts.reference)


def sensitivity(counts: VoxelCounts) -> float:
    """The share of the reference that is predicted, 0 to 1; 1 if both masks are empty, 0 if only the reference is.

    Source: GaNDLF's formula as the 2023 script has it, with the smallest double in the denominator.
    """
    if counts.prediction + counts.reference == 0:
        return 1.0
    return counts.both / (counts.reference + sys.float_info.min)


def specificity(counts: VoxelCounts) -> float:
    """The share of the background that is not predicted, 0 to 1; 0 if the reference fills the volume."""
    background = counts.total - counts.reference
    correct = background - (counts.prediction - counts.both)
    return correct / (background + sys.float_info.min)
