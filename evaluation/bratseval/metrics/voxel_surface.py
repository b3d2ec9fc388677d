"""Border voxels of masks, the surface Dice (NSD) of the 2025 scripts, and which lesions touch each other.

A border voxel is a voxel of the mask with a face neighbour outside it; each counts once.

Source: normalized_surface_dice of nnU-Net on medpy's surface distances. It counts voxels
and averages two fractions. DeepMind's NSD weighs areas; the two are not comparable.
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

# Offsets within a tolerance are looked up one by one if the box around them has at most this many voxels (11^3 for
# voxels of 0.25 mm and 1 mm tolerance); for more, a distance transform of the whole box is faster.
_MOST_OFFSETS: Final = 2000
# From the source: avoids a division by zero, and makes a perfect NSD 1 - 5e-9.
_EPSILON: Final = 1e-8


def border_of(mask: Mask) -> Mask:
    """The voxels of a mask (x, y, z) with a face neighbour outside it; the volume's border counts as outside."""
    inner = mask.copy()
    for axis in range(3):
        along, inner_along = np.moveaxis(mask, axis, 0), np.moveaxis(inner, axis, 0)
        inner_along[:-1] &= along[1:]
        inner_along[1:] &= along[:-1]
        inner_along[:1] = inner_along[-1:] = False
    return mask ^ inner


def border_voxels(mask: Mask) -> Border:
    """The indices (3, n) of the border voxels of a mask; n is 0 for an empty mask."""
    return np.stack(np.unravel_index(np.flatnonzero(border_of(mask)), mask.shape))


def surface_dice(prediction: Border, reference: Border, spacing_mm: Spacing, tolerance_mm: float) -> float:
    """NSD: the mean of both shares of border voxels that lie within the tolerance of the other border.

    1 if both borders are empty, 0 if one is; a perfect prediction has 2 / (2 + 1e-8).

    Args:
        prediction, reference: border voxels (3, n) and (3, m).
        spacing_mm: voxel edges along (x, y, z).
        tolerance_mm: distances up to this count as within.
    """
    predicted, expected = int(prediction.shape[1]), int(reference.shape[1])
    if not predicted or not expected:
        return float(predicted == expected)
    near, near_back = (
        _within(source, target, spacing_mm, tolerance_mm)
        for source, target in ((prediction, reference), (reference, prediction))
    )
    hit, hit_back = near / predicted, near_back / expected
    miss, miss_back = (predicted - near) / predicted, (expected - near_back) / expected
    return (hit + hit_back) / (hit + hit_back + miss + miss_back + _EPSILON)


def touching_lesions(border: Border, lesions: Labels, others: Labels, shift: tuple[int, int, int]) -> NDArray[np.int64]:
    """Which lesions share a face or an edge with which lesions of another region.

    Only border voxels need to be looked at: if an inner voxel touches another lesion by an
    edge, one of its face neighbours, of the same lesion, touches it by a face.

    Args:
        border: (3, n), the border voxels of the lesions.
        lesions: (x, y, z), numbered from 1.
        others: (x, y, z), numbered from 1, possibly on another box; disjoint from the lesions.
        shift: added to an index of `lesions` to get the index of the same voxel in `others`.

    Returns:
        (pairs, 2), sorted: the number of a lesion and of a lesion in `others` that it touches.
    """
    at = border + np.array(shift)[:, None]
    near = _inside(at, np.full(3, -1), np.array(others.shape))
    numbers = lesions[tuple(border[:, near])].astype(np.int64)
    padded = np.pad(others, 2)  # one voxel for a border voxel beside the box, one for its neighbour
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
    """How many voxels of `source` (3, n) are within the tolerance of a voxel of `target` (3, m)."""
    sides = [2 * (int(tolerance_mm / edge) + 1) + 1 for edge in spacing_mm]
    if math.prod(sides) > _MOST_OFFSETS:
        return _within_by_transform(source, target, spacing_mm, tolerance_mm)
    offsets = _offsets(spacing_mm, tolerance_mm)
    margin = np.abs(offsets).max(axis=0)
    low, high = target.min(axis=1) - margin, target.max(axis=1) + margin
    candidates = source[:, _inside(source, low, high)]
    is_target = np.zeros(high - low + 1 + 2 * margin, np.bool_)
    origin = (low - margin)[:, None]
    is_target[tuple(target - origin)] = True
    flat, index = is_target.ravel(), _flat(candidates - origin, is_target.shape)
    near = len(index)
    for offset in offsets:
        index = index[~flat[index + _flat(offset, is_target.shape)]]
    return near - len(index)


def _within_by_transform(source: Border, target: Border, spacing_mm: Spacing, tolerance_mm: float) -> int:
    from scipy import ndimage  # imported late: 20 MB that masks of 1 mm voxels do not need

    low = np.minimum(source.min(axis=1), target.min(axis=1))
    outside = np.ones(np.maximum(source.max(axis=1), target.max(axis=1)) - low + 1, np.bool_)
    outside[tuple(target - low[:, None])] = False
    distances = ndimage.distance_transform_edt(outside, sampling=spacing_mm)[tuple(source - low[:, None])]
    return int(np.count_nonzero(distances <= tolerance_mm))


def _inside(at: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,), which voxels (3, n) lie in a box, `low` and `high` included."""
    inside = np.ones(at.shape[1], np.bool_)
    for along, first, last in zip(at, low, high, strict=True):
        inside &= (along >= first) & (along <= last)
    return inside


def _flat(at: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """The positions of voxels, or of steps, (3, …) in a flat volume of that shape."""
    x, y, z = at
    return np.asarray((x * shape[1] + y) * shape[2] + z, dtype=np.int64)


@lru_cache(maxsize=16)
def _offsets(spacing_mm: Spacing, tolerance_mm: float) -> NDArray[np.int64]:
    """Offsets (n, 3) in voxels within the tolerance, nearest first; distances are rounded as in scipy's transform."""
    most = np.array([int(tolerance_mm / edge) + 1 for edge in spacing_mm])
    offsets = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in most), indexing="ij"), axis=-1).reshape(-1, 3)
    x, y, z = (offsets * np.array(spacing_mm)).T
    distances = np.sqrt((x * x + y * y) + z * z)
    order = np.argsort(distances, kind="stable")
    near: NDArray[np.int64] = offsets[order][distances[order] <= tolerance_mm].astype(np.int64)
    return near
