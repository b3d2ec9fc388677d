"""Two segmentations of one case: their values as codes, cut to where there is something, and masks of regions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition, RegionRules
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
    box = _bounding_box(prediction, reference, margin=margin)
    corner = (box[0].start, box[1].start, box[2].start)
    return Crop(corner, np.ascontiguousarray(prediction[box]), np.ascontiguousarray(reference[box]), prediction.size)


def masks_of(pair: Crop, rules: RegionRules) -> Masks:
    """A region of both volumes, with a margin as wide as its reach, so that only the volume's border cuts that."""
    answered, right = _mask(pair.prediction, rules), _mask(pair.reference, rules)
    box = _bounding_box(answered, right, margin=rules.merge_steps)
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


def _bounding_box(*volumes: NDArray[np.uint8] | Mask, margin: int) -> tuple[slice, slice, slice]:
    """Where any of some volumes is not 0, and `margin` voxels around it within them; empty if all are 0 throughout."""
    spans = [_spans(volume) for volume in volumes]
    x, y, z = (
        _union([volume_spans[axis] for volume_spans in spans], margin, side)
        for axis, side in enumerate(volumes[0].shape)
    )
    return x, y, z


def _spans(volume: NDArray[np.uint8] | Mask) -> list[slice]:
    """Along each axis, from the first plane that is not 0 to the last; empty if there is none."""
    slowest = int(np.argmax(volume.strides))
    plane = np.bitwise_or.reduce(volume, axis=slowest)  # along memory: the one pass over the whole volume
    spans: list[slice] = [_range(plane.any(axis=1)), _range(plane.any(axis=0))]
    spans.insert(slowest, slice(None))
    others = tuple({0, 1, 2} - {slowest})
    spans[slowest] = _range(np.asarray(volume[tuple(spans)].any(axis=others)))
    return spans


def _union(spans: Sequence[slice], margin: int, side: int) -> slice:
    there = [span for span in spans if span.stop]
    if not there:
        return slice(0, 0)
    return slice(
        max(0, min(span.start for span in there) - margin), min(side, max(span.stop for span in there) + margin)
    )


def _range(there: NDArray[np.bool_]) -> slice:
    """From the first true entry to the last; empty if there is none."""
    along = np.flatnonzero(there)
    return slice(int(along[0]), int(along[-1]) + 1) if len(along) else slice(0, 0)
