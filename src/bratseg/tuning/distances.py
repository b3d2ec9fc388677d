"""HD95 of one lesion against many sets of nodes, each to the evaluator's last bit.

A surface is made of windows (`bratseval.metrics.mesh_surface`), and their codes add up over nodes, so
the surface of a set is a sum. How far each window is from the lesion does not depend on
the set, and the nearest window of the set is, for nearly every element of the lesion,
one of the few that are nearest of all. Areas are summed distance by distance; where the
sum comes so close to the percentile that rounding could decide, and where voxels are no
cubes, the evaluator's own function is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bratseg.tuning.component_graph import Nodes
from bratseval.metrics.mesh_surface import (
    Spacing,
    Surface,
    is_lattice,
    robust_hausdorff_mm,
    surface_areas_mm2,
    windows_of,
)

_SHARE: Final = 95 / 100.0
_MARGIN: Final = 1e-9  # a thousand times what rounding in a sum of a million areas can reach
_NEAREST: Final = 8  # windows that are kept for each element of the lesion
_FEW: Final = 4  # sets, up to which the evaluator's function is quicker than the preparation


@dataclass(frozen=True, eq=False)
class Windows:
    """The surface windows of single nodes.

    Attributes:
        shape: windows along (x, y, z) of the nodes' box.
        at: for each node, where in a raveled volume of that shape its windows are, ascending.
        codes: for each node, their codes.
    """

    shape: tuple[int, int, int]
    at: tuple[NDArray[np.int64], ...]
    codes: tuple[NDArray[np.uint8], ...]


def node_windows(nodes: Nodes) -> Windows:
    """The windows of every node, without those that it fills alone: these are no surface of any set."""
    x, y, z = (side + 1 for side in nodes.volume.shape)
    places, codes = [], []
    for node in range(nodes.count):
        box, mask = nodes.within(node, 0)
        at, code = windows_of(mask)
        corner = [side.start for side in box]
        places.append(np.ravel_multi_index(tuple(at.T + np.array(corner)[:, None]), (x, y, z)).astype(np.int64))
        codes.append(code)
    return Windows((x, y, z), tuple(places), tuple(codes))


class LesionDistances:
    """HD95 of a lesion of the reference against sets of nodes."""

    def __init__(self, lesion: Surface, windows: Windows, reachable: Sequence[int], spacing_mm: Spacing) -> None:
        """
        Args:
            lesion: its surface, in the windows of the nodes' box.
            reachable: the nodes that sets are made of.
        """
        self._lesion, self._windows, self._spacing = lesion, windows, spacing_mm
        self._areas = surface_areas_mm2(spacing_mm)
        self._at = np.unique(np.concatenate([windows.at[node] for node in reachable]))
        self._places = {node: np.searchsorted(self._at, windows.at[node]) for node in reachable}
        self._points = np.stack(np.unravel_index(self._at, windows.shape), axis=1).astype(np.int32)
        self._asked = 0
        self._index: _Index | None = None

    def hd95_mm(self, together: Sequence[int]) -> float:
        """HD95 of the lesion and the union of some nodes, at least one."""
        codes = np.zeros(len(self._at), np.uint8)
        for node in together:
            codes[self._places[node]] += self._windows.codes[node]
        alive = np.flatnonzero((codes - np.uint8(1)) < 254)  # neither 0 nor 255
        areas = self._areas[codes[alive]]
        self._asked += 1
        if self._asked > _FEW and is_lattice(self._spacing):
            self._index = self._index or _Index(self._lesion, self._points)
            squared = self._index.hd95_squared(alive, areas)
            if squared is not None:
                return float(np.sqrt(squared)) * self._spacing[0]
        answered = Surface(np.ascontiguousarray(self._points[alive].T).T, areas)
        return robust_hausdorff_mm(answered, self._lesion, self._spacing)


class _Index:
    """Squared distances, in voxels, between a lesion's surface and all windows that may be alive."""

    def __init__(self, lesion: Surface, points: NDArray[np.int32]) -> None:
        self._points, self._lesion = points, lesion
        _, nearest = cKDTree(lesion.at).query(points)
        self._to_lesion = _squared(points, lesion.at[nearest])
        count = min(_NEAREST, len(points))
        _, near = cKDTree(points).query(lesion.at, k=count)
        self._near = np.reshape(near, (len(lesion.at), count))
        self._near_squared = np.stack([_squared(lesion.at, points[column]) for column in self._near.T], axis=1)

    def hd95_squared(self, alive: NDArray[np.int64], areas: NDArray[np.float64]) -> int | None:
        """HD95 of the lesion and the windows that are alive; None where rounding could decide."""
        there = _percentile(self._to_lesion[alive], areas)
        back = _percentile(self._from_lesion(alive), self._lesion.areas_mm2)
        return None if there is None or back is None else max(there, back)

    def _from_lesion(self, alive: NDArray[np.int64]) -> NDArray[np.int64]:
        is_alive = np.zeros(len(self._points), np.bool_)
        is_alive[alive] = True
        squared = np.full(len(self._near), -1, np.int64)
        left = np.arange(len(self._near))
        for column in range(self._near.shape[1]):
            hit = is_alive[self._near[left, column]]
            squared[left[hit]] = self._near_squared[left[hit], column]
            left = left[~hit]
        if len(left):
            points = self._points[alive]
            _, nearest = cKDTree(points).query(self._lesion.at[left])
            squared[left] = _squared(self._lesion.at[left], points[nearest])
        return squared


def _percentile(squared: NDArray[np.int64], areas: NDArray[np.float64]) -> int | None:
    """The squared distance within which 95 % of the area lies; None where a sum is as good as that."""
    by_distance = np.cumsum(np.bincount(squared, areas))
    reached = by_distance / by_distance[-1]
    level = int(np.searchsorted(reached, _SHARE))
    before = reached[level - 1] if level else -np.inf
    if reached[level] - _SHARE <= _MARGIN or _SHARE - before <= _MARGIN:
        return None
    return level


def _squared(one: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.int64]:
    apart = one.astype(np.int64) - other
    return np.asarray((apart * apart).sum(axis=1), dtype=np.int64)
