"""Two segmentations of one case: their values as codes, cut to where there is something, and masks of regions."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition, RegionRules
from bratseval.metrics.bounding_box import bounding_box
from bratseval.metrics.components import Mask

# The code of a value between the labels n and n + 1, as 2.9999 is, is n more than this; labels are far below it.
_BETWEEN: Final = 128


@dataclass(frozen=True)
class Crop:
    """Two volumes of codes, cut to where either holds anything.

    Attributes:
        corner: the first voxel (x, y, z), in the whole volume.
        prediction, reference: (x, y, z), labels as they are, 128 + n for a value between n and n + 1.
        total: voxels of the whole volume.
    """

    corner: tuple[int, int, int]
    prediction: NDArray[np.uint8]
    reference: NDArray[np.uint8]
    total: int


@dataclass(frozen=True)
class Masks:
    """One region of a case, cut to where either mask is; `total` voxels in the whole volume."""

    corner: tuple[int, int, int]
    prediction: Mask
    reference: Mask
    total: int


def crop(prediction: NDArray[np.generic], reference: NDArray[np.generic], edition: Edition) -> Crop:
    """The codes of two volumes (x, y, z) of one shape, with a margin as wide as the edition's widest reach."""
    rules = (*edition.regions.values(), *edition.unscored.values())
    labels = frozenset[int]().union(*(entry.labels for entry in rules))
    answered, right = _codes(prediction, labels), _codes(reference, labels)
    return cut(answered, right, margin=max(entry.merge_steps for entry in rules))


def cut(prediction: NDArray[np.uint8], reference: NDArray[np.uint8], *, margin: int) -> Crop:
    """Two volumes of codes of one shape, cut to where either is not 0, with `margin` voxels around where there are."""
    box = bounding_box(prediction, reference, margin=margin)
    corner = (box[0].start, box[1].start, box[2].start)
    return Crop(corner, np.ascontiguousarray(prediction[box]), np.ascontiguousarray(reference[box]), prediction.size)


def masks_of(pair: Crop, rules: RegionRules) -> Masks:
    """A region of both volumes, with a margin as wide as its reach, so that only the volume's border cuts that."""
    answered, right = _mask(pair.prediction, rules), _mask(pair.reference, rules)
    box = bounding_box(answered, right, margin=rules.merge_steps)
    x, y, z = (first + inner.start for first, inner in zip(pair.corner, box, strict=True))
    prediction, reference = (np.ascontiguousarray(mask[box]) for mask in (answered, right))
    return Masks((x, y, z), prediction, reference, pair.total)


def _mask(codes: NDArray[np.uint8], rules: RegionRules) -> Mask:
    mask = np.zeros(codes.shape, np.bool_)
    for label in rules.labels:
        mask |= codes == label
    if rules.in_between:
        mask |= (codes >= _BETWEEN + min(rules.labels)) & (codes < _BETWEEN + max(rules.labels))
    return mask


def _codes(volume: NDArray[np.generic], labels: frozenset[int]) -> NDArray[np.uint8]:
    """Labels and what lies between two; the rest (NaN, 300, -1) is 0, or stays below 128 where no region counts it."""
    if volume.dtype == np.uint8:
        codes = volume.astype(np.uint8, copy=False)
        return codes if codes.max(initial=0) < _BETWEEN else np.where(codes < _BETWEEN, codes, np.uint8(0))
    codes = np.zeros_like(volume, np.uint8)
    there = volume != 0
    codes[there] = _codes_of(volume[there], labels)
    return codes


def _codes_of(values: NDArray[np.generic], labels: frozenset[int]) -> NDArray[np.uint8]:
    codes = np.zeros(len(values), np.uint8)
    for label in range(min(labels), max(labels)):
        codes[np.greater(values, label) & np.less(values, label + 1)] = _BETWEEN + label
    for label in labels:
        codes[values == label] = label
    return codes
