"""Borders of masks, voxel by voxel, the surface Dice (NSD) of the 2025 scripts, and which lesions touch.

A border voxel has a face neighbour outside the mask, and each counts once.

Source: normalized_surface_dice of nnU-Net on medpy's surface distances. It counts voxels
and averages two fractions; DeepMind's NSD weighs areas, the two are not comparable.
"""

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.metrics.components import Labels, Mask
from bratseval.metrics.mesh_surface import Spacing

# Voxel indices of a border: (3, n), along (x, y, z).
Border = NDArray[np.int64]

# Offsets within a tolerance are looked up one by one if the box around them has at most this many (voxels of 0.25 mm
# have 11^3 around 1 mm); more take longer than a distance transform of the whole box.
_MOST_OFFSETS: Final = 2000
# An addition of the source: keeps the division from failing, and a perfect NSD at 1 - 5e-9.
_EPSILON: Final = 1e-8


def border_of(mask: Mask) -> Mask:
    """The voxels of a 3-D mask that have a face neighbour outside it; outside the volume is outside the mask."""
    inner = mask.copy()
    for axis in range(3):
        along, inner_along = np.moveaxis(mask, axis, 0), np.moveaxis(inner, axis, 0)
        inner_along[:-1] &= along[1:]
        inner_along[1:] &= along[:-1]
        inner_along[:1] = inner_along[-1:] = False
    return mask ^ inner


def border_voxels(mask: Mask) -> Border:
    """Where the border of a mask is."""
    return np.stack(np.unravel_index(np.flatnonzero(border_of(mask)), mask.shape))


def surface_dice(prediction: Border, reference: Border, spacing_mm: Spacing, tolerance_mm: float) -> float:
    """The mean of the two shares of border voxels that lie within the tolerance of the other border.

    1 when both borders are empty, 0 when one is; a perfect answer has 2 / (2 + 1e-8).
    """
    answered, right = int(prediction.shape[1]), int(reference.shape[1])
    if not answered or not right:
        return float(answered == right)
    near, near_back = (
        _within(source, target, spacing_mm, tolerance_mm)
        for source, target in ((prediction, reference), (reference, prediction))
    )
    hit, hit_back = near / answered, near_back / right
    miss, miss_back = (answered - near) / answered, (right - near_back) / right
    return (hit + hit_back) / (hit + hit_back + miss + miss_back + _EPSILON)


def touching(border: Border, lesions: Labels, others: Labels, shift: tuple[int, int, int]) -> NDArray[np.int64]:
    """Which lesions share a face or an edge with which lesions of another region.

    A voxel inside the border that touches by an edge has a face neighbour of the same
    lesion that touches by a face, so the border is all there is to look at.

    Args:
        border: of the lesions.
        lesions: (x, y, z), numbered from 1.
        others: (x, y, z), numbered from 1, perhaps on another box; disjoint from the lesions.
        shift: what to add to a voxel of `lesions` to find it in `others`.

    Returns:
        (pairs, 2), sorted: the number of a lesion and of one it touches.
    """
    at = border + np.array(shift)[:, None]
    near = _inside(at, np.full(3, -1), np.array(others.shape))
    numbers = lesions[tuple(border[:, near])].astype(np.int64)
    padded = np.pad(others, 2)  # one for a border voxel beside the box, one for its neighbour
    flat, index = padded.ravel(), _flat(at[:, near] + 2, padded.shape)
    base = int(others.max(initial=0)) + 1
    found = []
    for offset in np.ndindex(3, 3, 3):
        step = np.array(offset) - 1
        if np.abs(step).sum() in (1, 2):
            other = flat[index + _flat(step, padded.shape)]
            hits = np.flatnonzero(other)
            found.append(numbers[hits] * base + other[hits])
    return np.stack(np.divmod(np.unique(np.concatenate(found)), base), axis=1)


def _within(source: Border, target: Border, spacing_mm: Spacing, tolerance_mm: float) -> int:
    """How many voxels of `source` are at most the tolerance from a voxel of `target`."""
    sides = [2 * (int(tolerance_mm / edge) + 1) + 1 for edge in spacing_mm]
    if math.prod(sides) > _MOST_OFFSETS:
        return _within_by_transform(source, target, spacing_mm, tolerance_mm)
    offsets = _offsets(spacing_mm, tolerance_mm)
    reach = np.abs(offsets).max(axis=0)
    low, high = target.min(axis=1) - reach, target.max(axis=1) + reach
    left = source[:, _inside(source, low, high)]
    there = np.zeros(high - low + 1 + 2 * reach, np.bool_)
    origin = (low - reach)[:, None]
    there[tuple(target - origin)] = True
    flat, index = there.ravel(), _flat(left - origin, there.shape)
    near = len(index)
    for offset in offsets:
        index = index[~flat[index + _flat(offset, there.shape)]]
    return near - len(index)


def _within_by_transform(source: Border, target: Border, spacing_mm: Spacing, tolerance_mm: float) -> int:
    from scipy import ndimage  # 20 MB that masks of 1 mm voxels do without

    low = np.minimum(source.min(axis=1), target.min(axis=1))
    outside = np.ones(np.maximum(source.max(axis=1), target.max(axis=1)) - low + 1, np.bool_)
    outside[tuple(target - low[:, None])] = False
    distances = ndimage.distance_transform_edt(outside, sampling=spacing_mm)[tuple(source - low[:, None])]
    return int(np.count_nonzero(distances <= tolerance_mm))


def _inside(at: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which voxels (3, n) lie in a box, `high` included."""
    inside = np.ones(at.shape[1], np.bool_)
    for along, first, last in zip(at, low, high, strict=True):
        inside &= (along >= first) & (along <= last)
    return inside


def _flat(at: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Where voxels, or steps, (3, …) stand in a raveled volume of that shape."""
    x, y, z = at
    return np.asarray((x * shape[1] + y) * shape[2] + z, dtype=np.int64)


@lru_cache(maxsize=16)
def _offsets(spacing_mm: Spacing, tolerance_mm: float) -> NDArray[np.int64]:
    """Offsets (n, 3) in voxels within the tolerance, nearest first; distances rounded as scipy's transform does."""
    reach = np.array([int(tolerance_mm / edge) + 1 for edge in spacing_mm])
    offsets = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    x, y, z = (offsets * np.array(spacing_mm)).T
    distances = np.sqrt((x * x + y * y) + z * z)
    order = np.argsort(distances, kind="stable")
    near: NDArray[np.int64] = offsets[order][distances[order] <= tolerance_mm].astype(np.int64)
    return near
