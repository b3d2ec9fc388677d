"""Two segmentations of a case as label codes, cropped to where either has a label, and the masks of their regions."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition, RegionRules
from bratseval.metrics.bounding_box import bounding_box
from bratseval.metrics.components import Mask

# A value between the labels n and n + 1, such as 2.9999, has the code _BETWEEN + n; labels are far below that.
_BETWEEN: Final = 128


@dataclass(frozen=True)
class CroppedPair:
    """Prediction and reference as label codes, cropped to one box; shape (0, 0, 0) if both are empty.

    Attributes:
        corner: the box's first voxel (x, y, z) in the whole volume.
        prediction, reference: (x, y, z), label n as n, a value between n and n + 1 as 128 + n.
        total: the number of voxels of the whole volume.
    """

    corner: tuple[int, int, int]
    prediction: NDArray[np.uint8]
    reference: NDArray[np.uint8]
    total: int


@dataclass(frozen=True)
class RegionMasks:
    """The masks of one region of a case, cropped to one box.

    Attributes:
        corner: the box's first voxel (x, y, z) in the whole volume.
        prediction, reference: (x, y, z), true inside the region.
        total: the number of voxels of the whole volume.
    """

    corner: tuple[int, int, int]
    prediction: Mask
    reference: Mask
    total: int


def crop_labels(prediction: NDArray[np.generic], reference: NDArray[np.generic], edition: Edition) -> CroppedPair:
    """Two segmentations as label codes, cropped with a margin of the edition's most steps of dilation.

    Args:
        prediction, reference: labels (x, y, z) of one shape, any numeric type.
        edition: its regions decide which labels count.
    """
    regions = (*edition.regions.values(), *edition.unscored.values())
    labels = frozenset[int]().union(*(rules.labels for rules in regions))
    margin = max(rules.merge_steps for rules in regions)
    return crop_pair(_codes(prediction, labels), _codes(reference, labels), margin=margin)


def crop_pair(prediction: NDArray[np.uint8], reference: NDArray[np.uint8], *, margin: int) -> CroppedPair:
    """Two volumes of label codes (x, y, z) of one shape, cropped to the box of their non-zero voxels.

    Args:
        margin: voxels to keep around that box, as far as the volume has them.
    """
    box = bounding_box(prediction, reference, margin=margin)
    corner = (box[0].start, box[1].start, box[2].start)
    cropped = np.ascontiguousarray(prediction[box]), np.ascontiguousarray(reference[box])
    return CroppedPair(corner, *cropped, prediction.size)


def region_masks(pair: CroppedPair, rules: RegionRules) -> RegionMasks:
    """The masks of a region, cropped with a margin of its steps of dilation.

    So a dilated mask fits into the box; only the border of the whole volume clips it.
    """
    prediction, reference = _mask(pair.prediction, rules), _mask(pair.reference, rules)
    box = bounding_box(prediction, reference, margin=rules.merge_steps)
    x, y, z = (first + inner.start for first, inner in zip(pair.corner, box, strict=True))
    cropped = np.ascontiguousarray(prediction[box]), np.ascontiguousarray(reference[box])
    return RegionMasks((x, y, z), *cropped, pair.total)


def _mask(codes: NDArray[np.uint8], rules: RegionRules) -> Mask:
    mask = np.zeros(codes.shape, np.bool_)
    for label in rules.labels:
        mask |= codes == label
    if rules.in_between:
        mask |= (codes >= _BETWEEN + min(rules.labels)) & (codes < _BETWEEN + max(rules.labels))
    return mask


def _codes(volume: NDArray[np.generic], labels: frozenset[int]) -> NDArray[np.uint8]:
    """The code of each voxel: its label, or 128 + n for a value between two labels.

    Other values (NaN, 300, -1) become 0; labels of no region are 0 or stay below 128, where no region counts them.
    """
    if volume.dtype == np.uint8:
        codes = volume.astype(np.uint8, copy=False)
        return codes if codes.max(initial=0) < _BETWEEN else np.where(codes < _BETWEEN, codes, np.uint8(0))
    codes = np.zeros_like(volume, np.uint8)
    nonzero = volume != 0
    codes[nonzero] = _codes_of(volume[nonzero], labels)
    return codes


def _codes_of(values: NDArray[np.generic], labels: frozenset[int]) -> NDArray[np.uint8]:
    codes = np.zeros(len(values), np.uint8)
    for label in range(min(labels), max(labels)):
        codes[np.greater(values, label) & np.less(values, label + 1)] = _BETWEEN + label
    for label in labels:
        codes[values == label] = label
    return codes
