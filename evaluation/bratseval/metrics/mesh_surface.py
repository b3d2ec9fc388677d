"""Mesh surfaces of masks, element by element, and HD95 between two, equal to the official numbers to the last bit.

A surface element is a 2x2x2 window of voxels that the mask neither misses nor fills; its
area comes from a marching-cubes table.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from surface_distance.lookup_tables import create_table_neighbour_code_to_surface_area

from bratseval.metrics.components import Labels, Mask

Spacing = tuple[float, float, float]

# Distances up to this square (in voxels) are found by looking up neighbours, longer ones by a tree;
# 9 is three voxels along an axis, which covers most elements of a fair prediction.
_NEAR_SQUARED: Final = 9
# If a cumulative area is closer than this to the percentile, all areas are summed in the official order,
# which decides the last bit; rounding in a sum of a million areas is a thousand times smaller.
_MARGIN: Final = 1e-9


@dataclass(frozen=True)
class Surface:
    """The surface of a mask, one element for each 2x2x2 window that the mask neither misses nor fills.

    Attributes:
        at: (n, 3), indices of windows (x, y, z); a window covers voxels x - 1 and x, y - 1 and
            y, z - 1 and z. In memory one axis follows the other.
        areas_mm2: (n,), from the marching-cubes table of DeepMind's surface-distance.
    """

    at: NDArray[np.int32]
    areas_mm2: NDArray[np.float64]

    def select(self, chosen: NDArray[np.bool_]) -> "Surface":
        """The elements for which `chosen` (n,) is true."""
        return Surface(self.at.T[:, chosen].T, self.areas_mm2[chosen])


def surface_of(mask: Mask | NDArray[np.uint8], spacing_mm: Spacing) -> Surface:
    """The surface of a mask (x, y, z); voxels outside the volume are outside the mask.

    Numbers instead of true multiply the codes of their windows, modulo 256, as in the
    official code of 2024, which does not turn lesion numbers into a mask.

    Args:
        mask: (x, y, z).
        spacing_mm: voxel edges along (x, y, z).
    """
    at, codes = windows_of(mask)
    return Surface(at, surface_areas_mm2(spacing_mm)[codes])


def windows_of(mask: Mask | NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """The 2x2x2 windows that a mask (x, y, z) neither misses nor fills, and their codes.

    Returns:
        Windows (n, 3) in scan order, and codes (n,). A code has one bit for each voxel of the
        window, so the codes of masks without a common voxel add up to the code of their union.
    """
    x, y, z = (n + 1 for n in mask.shape)
    # one bit for each voxel of the window, the last voxel in the lowest bit, as the table expects
    code = np.zeros((x, y, z), np.uint8)
    code[:-1, :-1, :-1] = mask
    flat = code.ravel()
    # the last plane of each axis is empty, so nothing is carried from one row to the next
    for stride, shifted in ((1, 2), (z, 4), (y * z, 16)):
        flat[stride:] += flat[:-stride] * np.uint8(shifted)
    found = np.flatnonzero((flat - np.uint8(1)) < 254)  # neither 0 nor 255
    at = np.empty((3, len(found)), np.int32)
    rows = found // z
    at[0] = rows // y
    at[1] = rows - at[0] * np.int64(y)
    at[2] = found - rows * z
    return at.T, flat[found]


def surface_components(surface: Surface, labels: Labels) -> Labels:
    """The number of the component that each surface element belongs to.

    A window never contains voxels of two 26-connected components, so the largest number in
    it is the only one.

    Args:
        surface: of the mask that the components make up, n elements.
        labels: (x, y, z), numbered components, 0 outside.

    Returns:
        (n,), numbers from 1.
    """
    padded = np.zeros([n + 2 for n in labels.shape], labels.dtype)
    padded[1:-1, 1:-1, 1:-1] = labels
    flat = padded.ravel()
    _, ny, nz = padded.shape
    first = _positions(surface.at, padded.shape)
    owners: Labels = flat[first]
    for dx, dy, dz in np.ndindex(2, 2, 2):
        np.maximum(owners, flat[first + (dx * ny + dy) * nz + dz], out=owners)
    return owners


def robust_hausdorff_mm(prediction: Surface, reference: Surface, spacing_mm: Spacing, percent: float = 95) -> float:
    """The robust Hausdorff distance in mm: infinite if one surface is empty, 0 if both are.

    In each direction it is the distance within which `percent` of the surface's area lies;
    the larger of the two counts.

    Source: compute_robust_hausdorff of DeepMind's surface-distance.
    """
    if not len(prediction.at) and not len(reference.at):
        return 0.0
    if not len(prediction.at) or not len(reference.at):
        return float("inf")
    low = np.minimum(prediction.at.min(axis=0), reference.at.min(axis=0))
    high = np.maximum(prediction.at.max(axis=0), reference.at.max(axis=0))
    prediction, reference = (Surface((s.at.T - low[:, None]).T, s.areas_mm2) for s in (prediction, reference))
    shape = tuple(int(n) for n in high - low + 1)
    directed = _directed_on_lattice if is_lattice(spacing_mm) else _directed_by_transform
    share = percent / 100.0
    return max(
        directed(reference, prediction, shape, spacing_mm, share),
        directed(prediction, reference, shape, spacing_mm, share),
    )


def is_lattice(spacing_mm: Spacing) -> bool:
    """Whether voxels are cubes with a power of two as edge, so that squared distances are exact in floating point."""
    x, y, z = spacing_mm
    return x == y == z and float(np.frexp(x)[0]) == 0.5


@lru_cache(maxsize=8)
def surface_areas_mm2(spacing_mm: Spacing) -> NDArray[np.float64]:
    """(256,), the area of the surface in a window of each code."""
    table: NDArray[np.float64] = create_table_neighbour_code_to_surface_area(spacing_mm)
    return table


def _directed_by_transform(
    source: Surface, target: Surface, shape: tuple[int, ...], spacing_mm: Spacing, share: float
) -> float:
    """The directed distance by scipy's distance transform, as in the official code (including ties)."""
    from scipy import ndimage  # imported late: 20 MB that masks of 1 mm voxels do not need

    outside = np.ones(shape, np.bool_)
    outside[tuple(target.at.T)] = False
    distances = ndimage.distance_transform_edt(outside, sampling=spacing_mm)[tuple(source.at.T)]
    return _percentile(distances, source.areas_mm2, share)


def _directed_on_lattice(
    source: Surface, target: Surface, shape: tuple[int, ...], spacing_mm: Spacing, share: float
) -> float:
    """The directed distance where voxels are cubes: squared distances are integers, searched from near to far.

    The search ends when the area found exceeds the share; elements further away need no distance.
    """
    total = float(source.areas_mm2.sum())
    squared = np.full(len(source.at), -1, np.int64)
    area = 0.0
    for level, found in _levels(source, target, shape):
        squared[found] = level
        area += float(source.areas_mm2[found].sum()) / total
        if abs(area - share) <= _MARGIN:
            break
        if area > share:
            return float(np.sqrt(level)) * spacing_mm[0]
    # a near tie: all distances, summed in the official order
    far = squared < 0
    if far.any():
        squared[far] = _far_squared(source.at[far], target.at)
    return _percentile(np.sqrt(squared.astype(np.float64)) * spacing_mm[0], source.areas_mm2, share)


def _levels(source: Surface, target: Surface, shape: tuple[int, ...]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Squared distances in voxels, ascending, each with the indices of the elements of `source` at that distance."""
    steps = int(np.sqrt(_NEAR_SQUARED))
    _, ny, nz = padded = tuple(n + 2 * steps for n in shape)
    flat = np.zeros(padded[0] * ny * nz, np.bool_)
    margin = (steps * ny + steps) * nz + steps
    flat[_positions(target.at, padded) + margin] = True
    index = _positions(source.at, padded) + margin
    left = np.arange(len(index))
    for level, offsets in _NEAR:
        hit = np.zeros(len(left), np.bool_)
        for dx, dy, dz in offsets:
            hit |= flat[index + ((dx * ny + dy) * nz + dz)]
        if hit.any():
            yield level, left[hit]
            left, index = left[~hit], index[~hit]
            if not len(left):
                return
    squared = _far_squared(source.at[left], target.at)
    for level in np.unique(squared):
        yield int(level), left[squared == level]


def _positions(at: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """The positions of (n, 3) indices in a flat array of that shape."""
    _, ny, nz = shape
    positions: NDArray[np.int64] = (at[:, 0].astype(np.int64) * ny + at[:, 1]) * nz + at[:, 2]
    return positions


def _far_squared(source: NDArray[np.int32], target: NDArray[np.int32]) -> NDArray[np.int64]:
    from scipy.spatial import cKDTree  # imported late: 12 MB that near surfaces do not need

    _, nearest = cKDTree(target).query(source)
    apart = source.astype(np.int64) - target[nearest]
    return np.asarray((apart * apart).sum(axis=1), dtype=np.int64)


def _percentile(distances: NDArray[np.float64], areas: NDArray[np.float64], share: float) -> float:
    """The distance within which `share` of the area lies; areas are summed by distance, then area, as officially."""
    order = np.lexsort((areas, distances))
    areas = areas[order]
    position = int(np.searchsorted(np.cumsum(areas) / np.sum(areas), share))
    return float(distances[order[min(position, len(order) - 1)]])


def _near_offsets() -> tuple[tuple[int, tuple[tuple[int, int, int], ...]], ...]:
    steps = int(np.sqrt(_NEAR_SQUARED))
    levels: dict[int, list[tuple[int, int, int]]] = {}
    for dx, dy, dz in np.ndindex(*(2 * steps + 1,) * 3):
        offset = (dx - steps, dy - steps, dz - steps)
        levels.setdefault(sum(d * d for d in offset), []).append(offset)
    return tuple((level, tuple(levels[level])) for level in sorted(levels) if level <= _NEAR_SQUARED)


_NEAR: Final = _near_offsets()
