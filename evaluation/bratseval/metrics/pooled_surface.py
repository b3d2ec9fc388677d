"""Distances between the border voxels of two masks, pooled over both directions: HD95 and NSD as panoptica has them.

GaNDLF and medpy pool as well. (DeepMind's HD95, which weighs surface elements by their
area, is in mesh_surface.py.) Two things keep it fast: the components of a region share one
search, and a search ends at the percentile, because larger distances change neither HD95
nor NSD.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.metrics.mesh_surface import is_lattice

Axes = tuple[float, float, float]

PERCENT: Final = 95.0
# Distances up to this many shortest voxel edges are found by looking up neighbours, longer ones by a tree.
_NEAR_EDGES: Final = 3
# Distances that differ relatively by less than this may be equal; rounding errors are a million times smaller.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Borders:
    """Border voxels of numbered components.

    Attributes:
        at: (n, 3), voxel indices.
        component: (n,), the number from 1 of the component each belongs to.
    """

    at: NDArray[np.int64]
    component: NDArray[np.int64]


@dataclass(frozen=True)
class PooledDistances:
    """The distance of each border voxel of two masks to the border of the other mask.

    Distances beyond both the 95th percentile and the tolerance of the search may be infinite.

    Attributes:
        first, second: (n,) and (m,), in the unit of the search's spacing; neither is empty.
    """

    first: NDArray[np.float64]
    second: NDArray[np.float64]

    def hd95(self) -> float:
        """The 95th percentile of all distances of both sides, interpolated linearly."""
        together = np.concatenate((self.first, self.second))
        # equal to numpy.percentile to the last bit, without its overhead, which is large for few distances
        place = PERCENT / 100 * (len(together) - 1)
        below = int(place)
        above = min(below + 1, len(together) - 1)
        together.partition((below, above))
        low, high, share = float(together[below]), float(together[above]), place - below
        return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)

    def nsd(self, tolerance: float) -> float:
        """The share of border voxels within `tolerance` of the other border: the mean of both sides' shares."""
        sides = (self.first, self.second)
        near = [int(np.count_nonzero(side <= tolerance)) for side in sides]
        within = [n / len(side) for n, side in zip(near, sides, strict=True)]
        beyond = [(len(side) - n) / len(side) for n, side in zip(near, sides, strict=True)]
        # summed in the official order, on which the last bit depends
        found = within[0] + within[1]
        return found / (found + beyond[0] + beyond[1] + sys.float_info.min)

    def scaled(self, factor: float) -> "PooledDistances":
        """All distances times `factor`."""
        return PooledDistances(self.first * factor, self.second * factor)


def pooled_distances(
    first: Borders, second: Borders, spacing: Axes, *, count: int, tolerance: float, exact: bool = False
) -> list[PooledDistances]:
    """The distances between the borders of component n of `first` and component n of `second`, at n - 1.

    Args:
        first, second: border voxels; both have some of each component 1..count.
        spacing: voxel edges along the axes of `at`.
        count: the number of components.
        tolerance: all distances up to this are found.
        exact: equal to scipy's distance transform to the last bit, including its choice between
            near ties; otherwise equal up to rounding, which is faster unless voxels are cubes.
    """
    search = _Search((first, second), spacing, count)
    transformed = exact and not is_lattice(spacing)
    for level, offsets in () if transformed and _has_near_ties(spacing) else _near(spacing):
        search.look(level, offsets)
        if level >= tolerance:
            search.drop_known_components()
        if search.ended:
            break
    search.find_the_rest(_transformed if transformed else _nearest)
    return _split(first.component, second.component, *search.distances)


class _Search:
    """The distances of both sides' border voxels, searched from near to far; infinite while not found."""

    def __init__(self, sides: tuple[Borders, Borders], spacing: Axes, count: int) -> None:
        self._sides, self._spacing = sides, np.array(spacing)
        self.distances = [np.full(len(side.component), np.inf) for side in sides]
        self._left = [np.arange(len(side.component)) for side in sides]
        sizes = sum(np.bincount(side.component, minlength=count + 1) for side in sides)
        # how many of the smallest distances the percentile needs, which lies between two of them
        self._needed = np.minimum(np.floor(PERCENT / 100 * (sizes - 1)).astype(np.int64) + 2, sizes)
        self._known = np.zeros(count + 1, np.int64)
        low = np.minimum(*(side.at.min(axis=0, initial=sys.maxsize) for side in sides)) - _NEAR_EDGES
        high = np.maximum(*(side.at.max(axis=0, initial=0) for side in sides)) + _NEAR_EDGES
        _, self._ny, self._nx = shape = tuple(int(n) for n in high - low + 1)
        self._index = [self._flat(side.at - low) for side in sides]
        # the smallest possible integer type, because these volumes are large and mostly empty
        self._wanted = [side.component.astype(np.min_scalar_type(count)) for side in sides]
        self._there = [self._painted(shape, *pair) for pair in zip(self._index, self._wanted, strict=True)]

    @property
    def ended(self) -> bool:
        """Whether every distance is found or no longer needed."""
        return not any(map(len, self._left))

    def look(self, level: float, offsets: Sequence[tuple[int, int, int]]) -> None:
        """Find the voxels of both sides that have the other border at one of `offsets`, which are `level` long."""
        steps = np.array([(dz * self._ny + dy) * self._nx + dx for dz, dy, dx in offsets])
        for side, there in ((0, self._there[1]), (1, self._there[0])):
            left = self._left[side]
            index, wanted = self._index[side][left], self._wanted[side][left]
            hit = (there.take(index + steps[:, None]) == wanted).any(axis=0)
            self._found(side, left[hit], level)
            self._left[side] = left[~hit]

    def drop_known_components(self) -> None:
        """Stop searching for voxels of components whose percentile is known."""
        unknown = self._known < self._needed
        self._left = [left[unknown[side.component[left]]] for left, side in zip(self._left, self._sides, strict=True)]

    def find_the_rest(self, distances: "_Distances") -> None:
        """Compute the remaining distances with `distances`; those already found stay."""
        remaining = [side.component[left] for side, left in zip(self._sides, self._left, strict=True)]
        for component in np.unique(np.concatenate(remaining)):
            for side, other in ((0, self._sides[1]), (1, self._sides[0])):
                left = self._left[side][self._sides[side].component[self._left[side]] == component]
                if len(left):
                    source, target = self._sides[side].at[left], other.at[other.component == component]
                    self.distances[side][left] = distances(source, target, self._spacing)

    def _found(self, side: int, voxels: NDArray[np.int64], level: float) -> None:
        self.distances[side][voxels] = level
        self._known += np.bincount(self._sides[side].component[voxels], minlength=len(self._known))

    def _flat(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        flat: NDArray[np.int64] = (at[:, 0] * self._ny + at[:, 1]) * self._nx + at[:, 2]
        return flat

    @staticmethod
    def _painted(
        shape: tuple[int, ...], index: NDArray[np.int64], component: NDArray[np.integer]
    ) -> NDArray[np.integer]:
        flat = np.zeros(int(np.prod(shape)), component.dtype)
        flat[index] = component
        return flat


_Distances = Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]], NDArray[np.float64]]


def _nearest(source: NDArray[np.int64], target: NDArray[np.int64], spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """The distance from each voxel of `source` (n, 3) to the nearest of `target` (m, 3), by a tree."""
    from scipy.spatial import cKDTree  # imported late: 12 MB that near borders do not need

    tree = cKDTree(target * spacing, balanced_tree=False, compact_nodes=False)  # fast to build
    _, nearest = tree.query(source * spacing)
    return _length(source - target[nearest], spacing)


def _transformed(
    source: NDArray[np.int64], target: NDArray[np.int64], spacing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The same distances by scipy's distance transform."""
    from scipy import ndimage  # imported late: 20 MB that masks of 1 mm voxels do not need

    low = np.minimum(source.min(axis=0), target.min(axis=0))
    outside = np.ones(np.maximum(source.max(axis=0), target.max(axis=0)) - low + 1, np.bool_)
    outside[tuple((target - low).T)] = False
    nearest = ndimage.distance_transform_edt(outside, sampling=spacing, return_distances=False, return_indices=True)
    return _length(nearest[(slice(None), *(source - low).T)].T - (source - low), spacing)


def _length(steps: NDArray[np.int64], spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """The lengths of steps (n, 3) in voxels; squares are summed axis by axis, as in scipy."""
    squared = (steps * spacing) ** 2
    return np.asarray(np.sqrt(squared[:, 0] + squared[:, 1] + squared[:, 2]))


def _split(
    first_component: NDArray[np.int64],
    second_component: NDArray[np.int64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> list[PooledDistances]:
    sides = zip(_by_component(first_component, first), _by_component(second_component, second), strict=True)
    return [PooledDistances(one, other) for one, other in sides]


def _by_component(component: NDArray[np.int64], distances: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    order = np.argsort(component, kind="stable")
    yield from np.split(distances[order], np.cumsum(np.bincount(component)[1:])[:-1])


@lru_cache(maxsize=16)
def _near(spacing: Axes) -> tuple[tuple[float, tuple[tuple[int, int, int], ...]], ...]:
    """The distances that neighbours are looked up for, ascending, each with its offsets in voxels."""
    levels: dict[float, list[tuple[int, int, int]]] = {}
    limit = _NEAR_EDGES * min(spacing)
    for steps in np.ndindex(*(2 * _NEAR_EDGES + 1,) * 3):
        offset = (steps[0] - _NEAR_EDGES, steps[1] - _NEAR_EDGES, steps[2] - _NEAR_EDGES)
        length = float(_length(np.array([offset]), np.array(spacing))[0])
        if length <= limit:
            levels.setdefault(length, []).append(offset)
    return tuple((level, tuple(levels[level])) for level in sorted(levels))


@lru_cache(maxsize=16)
def _has_near_ties(spacing: Axes) -> bool:
    """Whether two of these distances are so close that rounding may decide which of them is smaller."""
    levels = [level for level, _ in _near(spacing)]
    return any(longer <= shorter * (1 + _ROUNDING) for shorter, longer in pairwise(levels))
