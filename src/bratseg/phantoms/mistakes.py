"""Predictions with known mistakes: a phantom's tumour slightly wrong, and small spurious components."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bratseval.metrics.bounding_box import bounding_box

_SIDE: Final = 15  # of the box that the largest blob is cut from
_LARGEST_VOXELS: Final = 520  # of a blob: thresholds end at 475
_NEAR: Final = 12  # voxels around the tumour's box within which half of the blobs lie


def mistaken(labels: NDArray[np.uint8], seed: int, *, blobs: int) -> NDArray[np.uint8]:
    """A reference (x, y, z) with mistakes as a network makes them; the same seed makes the same mistakes.

    The tumour is moved by up to two voxels along each axis and one label loses its
    rim. Blobs of one label, of up to 520 voxels, lie half in and around the tumour's box and half anywhere.
    """
    rng = np.random.default_rng(seed)
    x, y, z = rng.integers(-2, 3, 3).tolist()
    prediction = np.roll(labels, (x, y, z), axis=(0, 1, 2))
    eroded = int(rng.integers(1, 4))
    mask = prediction == eroded
    prediction[mask & ~ndimage.binary_erosion(mask)] = 2 if eroded != 2 else 0
    box = bounding_box(labels)
    for blob in range(blobs):
        near = blob % 2 == 0
        low = [max(side.start - _NEAR, 0) if near else 0 for side in box]
        high = [min(side.stop + _NEAR, n) if near else n for side, n in zip(box, labels.shape, strict=True)]
        corner = [int(rng.integers(first, max(last - _SIDE, first + 1))) for first, last in zip(low, high, strict=True)]
        place = tuple(slice(start, start + _SIDE) for start in corner)
        there = prediction[place]
        there[_blob(rng)[tuple(slice(0, side) for side in there.shape)]] = rng.integers(1, 4)
    return prediction


def _blob(rng: np.random.Generator) -> NDArray[np.bool_]:
    """A ragged ball of as many voxels as it happens to have, small ones more often."""
    voxels = int(_LARGEST_VOXELS ** rng.uniform(0.2, 1.0))
    axis = np.arange(_SIDE) - _SIDE // 2
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    far = np.sqrt(x**2 + y**2 + z**2) + rng.uniform(0, 0.7, x.shape)
    return np.asarray(far <= np.partition(far.ravel(), voxels - 1)[voxels - 1])
