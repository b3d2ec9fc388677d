"""How far the border voxels of two parts are from each other, pooled over both sides: HD95 and NSD of panoptica.

GaNDLF and medpy pool as well. (DeepMind's HD95, which weighs elements by their area, is
in metrics.py.) Two things keep it quick: parts of a region share one search, and a
search ends at the percentile, since no greater distance changes HD95 or NSD.
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
# Up to this many of the shortest voxel edges away, neighbours are looked up; a tree finds what is further off.
_NEAR_EDGES: Final = 3
# Distances this close to each other, as shares, may be one; rounding is a million times smaller.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Borders:
    """Border voxels of numbered parts.

    Attributes:
        at: (n, 3), their indices.
        part: (n,), the number from 1 of the part each belongs to.
    """

    at: NDArray[np.int64]
    part: NDArray[np.int64]


@dataclass(frozen=True)
class Pool:
    """How far each border voxel of two parts is from the other's border.

    Distances beyond both the percentile and the tolerance of the search may stand as infinite.

    Attributes:
        first, second: (n,) and (m,), in the unit of the search; neither is empty.
    """

    first: NDArray[np.float64]
    second: NDArray[np.float64]

    def hd95(self) -> float:
        """The 95th percentile of both sides' distances together, linear between two of them."""
        together = np.concatenate((self.first, self.second))
        # as numpy.percentile does it, to the last bit, without its preparations, which cost more than a small pool
        place = PERCENT / 100 * (len(together) - 1)
        below = int(place)
        above = min(below + 1, len(together) - 1)
        together.partition((below, above))
        low, high, share = float(together[below]), float(together[above]), place - below
        return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)

    def nsd(self, tolerance: float) -> float:
        """The share of border voxels within `tolerance` of the other border, each side with equal say."""
        sides = (self.first, self.second)
        near = [int(np.count_nonzero(side <= tolerance)) for side in sides]
        within = [n / len(side) for n, side in zip(near, sides, strict=True)]
        beyond = [(len(side) - n) / len(side) for n, side in zip(near, sides, strict=True)]
        # in the official order of summing, on which the last bit depends
        found = within[0] + within[1]
        return found / (found + beyond[0] + beyond[1] + sys.float_info.min)


def pools(
    first: Borders, second: Borders, spacing: Axes, *, count: int, tolerance: float, exact: bool = False
) -> list[Pool]:
    """The distances between the borders of part n of `first` and part n of `second`, at n - 1.

    Args:
        spacing: edges of a voxel along the axes of `at`.
        count: how many parts; both sides have border voxels of each.
        tolerance: distances up to this are all found.
        exact: equal to scipy's distance transform to the last bit, its choice among near
            ties included; else to rounding, which is quicker where voxels are no lattice.
    """
    search = _Search((first, second), spacing, count)
    transformed = exact and not is_lattice(spacing)
    for level, offsets in () if transformed and _has_near_ties(spacing) else _near(spacing):
        search.look(level, offsets)
        if level >= tolerance:
            search.leave_what_is_known()
        if search.ended:
            break
    search.find_the_rest(_transformed if transformed else _nearest)
    return _split(first.part, second.part, *search.distances)


class _Search:
    """Distances of two sides' border voxels, looked for from near to far; infinite where not yet found."""

    def __init__(self, sides: tuple[Borders, Borders], spacing: Axes, count: int) -> None:
        self._sides, self._spacing = sides, np.array(spacing)
        self.distances = [np.full(len(side.part), np.inf) for side in sides]
        self._left = [np.arange(len(side.part)) for side in sides]
        sizes = sum(np.bincount(side.part, minlength=count + 1) for side in sides)
        # how many of the nearest distances the percentile needs: it lies between two of them
        self._needed = np.minimum(np.floor(PERCENT / 100 * (sizes - 1)).astype(np.int64) + 2, sizes)
        self._known = np.zeros(count + 1, np.int64)
        low = np.minimum(*(side.at.min(axis=0, initial=sys.maxsize) for side in sides)) - _NEAR_EDGES
        high = np.maximum(*(side.at.max(axis=0, initial=0) for side in sides)) + _NEAR_EDGES
        _, self._ny, self._nx = shape = tuple(int(n) for n in high - low + 1)
        self._index = [self._flat(side.at - low) for side in sides]
        # numbers as small as can be: the volumes are large and mostly empty
        self._wanted = [side.part.astype(np.min_scalar_type(count)) for side in sides]
        self._there = [self._painted(shape, *pair) for pair in zip(self._index, self._wanted, strict=True)]

    @property
    def ended(self) -> bool:
        """Whether no voxel is left to look for."""
        return not any(map(len, self._left))

    def look(self, level: float, offsets: Sequence[tuple[int, int, int]]) -> None:
        """Find the voxels of both sides with the other's border at one of `offsets`, `level` away."""
        steps = np.array([(dz * self._ny + dy) * self._nx + dx for dz, dy, dx in offsets])
        for side, there in ((0, self._there[1]), (1, self._there[0])):
            left = self._left[side]
            index, wanted = self._index[side][left], self._wanted[side][left]
            hit = (there.take(index + steps[:, None]) == wanted).any(axis=0)
            self._found(side, left[hit], level)
            self._left[side] = left[~hit]

    def leave_what_is_known(self) -> None:
        """Look no longer for voxels of parts whose percentile is known."""
        still = self._known < self._needed
        self._left = [left[still[side.part[left]]] for left, side in zip(self._left, self._sides, strict=True)]

    def find_the_rest(self, distances: "_Distances") -> None:
        """Find what is left of each part by other means; a part's known distances stay what they are."""
        for part in np.unique(np.concatenate([s.part[left] for s, left in zip(self._sides, self._left, strict=True)])):
            for side, other in ((0, self._sides[1]), (1, self._sides[0])):
                left = self._left[side][self._sides[side].part[self._left[side]] == part]
                if len(left):
                    source, target = self._sides[side].at[left], other.at[other.part == part]
                    self.distances[side][left] = distances(source, target, self._spacing)

    def _found(self, side: int, voxels: NDArray[np.int64], level: float) -> None:
        self.distances[side][voxels] = level
        self._known += np.bincount(self._sides[side].part[voxels], minlength=len(self._known))

    def _flat(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        flat: NDArray[np.int64] = (at[:, 0] * self._ny + at[:, 1]) * self._nx + at[:, 2]
        return flat

    @staticmethod
    def _painted(shape: tuple[int, ...], index: NDArray[np.int64], part: NDArray[np.integer]) -> NDArray[np.integer]:
        flat = np.zeros(int(np.prod(shape)), part.dtype)
        flat[index] = part
        return flat


_Distances = Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]], NDArray[np.float64]]


def _nearest(source: NDArray[np.int64], target: NDArray[np.int64], spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """From each of `source` to the nearest of `target`, by a tree."""
    from scipy.spatial import cKDTree  # 12 MB that near borders do without

    tree = cKDTree(target * spacing, balanced_tree=False, compact_nodes=False)  # quickly built
    _, nearest = tree.query(source * spacing)
    return _length(source - target[nearest], spacing)


def _transformed(
    source: NDArray[np.int64], target: NDArray[np.int64], spacing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The same by scipy's distance transform."""
    from scipy import ndimage  # 20 MB that masks of 1 mm voxels do without

    low = np.minimum(source.min(axis=0), target.min(axis=0))
    outside = np.ones(np.maximum(source.max(axis=0), target.max(axis=0)) - low + 1, np.bool_)
    outside[tuple((target - low).T)] = False
    nearest = ndimage.distance_transform_edt(outside, sampling=spacing, return_distances=False, return_indices=True)
    return _length(nearest[(slice(None), *(source - low).T)].T - (source - low), spacing)


def _length(steps: NDArray[np.int64], spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lengths of (n, 3) steps in voxels; squares are added axis by axis, as scipy does."""
    squared = (steps * spacing) ** 2
    return np.asarray(np.sqrt(squared[:, 0] + squared[:, 1] + squared[:, 2]))


def _split(
    part_of_first: NDArray[np.int64],
    part_of_second: NDArray[np.int64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> list[Pool]:
    sides = zip(_by_part(part_of_first, first), _by_part(part_of_second, second), strict=True)
    return [Pool(one, other) for one, other in sides]


def _by_part(part: NDArray[np.int64], distances: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    order = np.argsort(part, kind="stable")
    yield from np.split(distances[order], np.cumsum(np.bincount(part)[1:])[:-1])


@lru_cache(maxsize=16)
def _near(spacing: Axes) -> tuple[tuple[float, tuple[tuple[int, int, int], ...]], ...]:
    """Distances up to the near limit, ascending, each with the offsets that are as long."""
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
    """Whether two near distances differ so little that rounding may have parted them, or may choose between them."""
    levels = [level for level, _ in _near(spacing)]
    return any(longer <= shorter * (1 + _ROUNDING) for shorter, longer in pairwise(levels))
