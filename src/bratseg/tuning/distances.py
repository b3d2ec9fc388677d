"""HD95 of one lesion of the reference against many sets of nodes, each to the evaluator's last bit.

A surface is made of windows (`bratseval.metrics.mesh_surface`). Their codes add up over
nodes, so the surface of a set is a sum. How far each window is from the lesion does not
depend on the set, and the set's nearest window is, for nearly every element of the
lesion's surface, one of the few that are nearest of all. Areas are summed distance by
distance. Where the sum comes so close to the percentile that rounding could decide, and
where voxels are no cubes, the evaluator's own function computes the value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bratseg.tuning.component_graph import ComponentGraph
from bratseval.metrics.mesh_surface import (
    Spacing,
    Surface,
    is_lattice,
    robust_hausdorff_mm,
    surface_areas_mm2,
    windows_of,
)

_PERCENTILE: Final = 95 / 100.0
_MARGIN: Final = 1e-9  # a thousand times what rounding in a sum of a million areas can reach
_NEAREST: Final = 8  # windows that are kept for each element of the lesion's surface
_FEW_SETS: Final = 4  # up to so many, the evaluator's function is faster than the preparation


@dataclass(frozen=True, eq=False)
class NodeWindows:
    """The surface windows of each node by itself.

    Attributes:
        shape: windows along (x, y, z) of the graph's box.
        at: for each node, the indices of its windows in a raveled volume of that shape, ascending.
        codes: for each node, their codes.
    """

    shape: tuple[int, int, int]
    at: tuple[NDArray[np.int64], ...]
    codes: tuple[NDArray[np.uint8], ...]


def find_node_windows(graph: ComponentGraph) -> NodeWindows:
    """The windows of every node, without those that it fills alone: these are no surface of any set."""
    x, y, z = (side + 1 for side in graph.volume.shape)
    indices, codes = [], []
    for node in range(graph.count):
        box, mask = graph.mask_of(node, 0)
        at, code = windows_of(mask)
        corner = [side.start for side in box]
        indices.append(np.ravel_multi_index(tuple(at.T + np.array(corner)[:, None]), (x, y, z)).astype(np.int64))
        codes.append(code)
    return NodeWindows((x, y, z), tuple(indices), tuple(codes))


class LesionDistances:
    """HD95 of a lesion of the reference against sets of nodes."""

    def __init__(self, lesion: Surface, windows: NodeWindows, nodes: Sequence[int], spacing_mm: Spacing) -> None:
        """
        Args:
            lesion: its surface, in the windows of the graph's box.
            nodes: all that sets will be made of.
        """
        self._lesion, self._windows, self._spacing_mm = lesion, windows, spacing_mm
        self._areas_mm2 = surface_areas_mm2(spacing_mm)
        self._at = np.unique(np.concatenate([windows.at[node] for node in nodes]))
        self._places = {node: np.searchsorted(self._at, windows.at[node]) for node in nodes}
        self._points = np.stack(np.unravel_index(self._at, windows.shape), axis=1).astype(np.int32)
        self._sets = 0
        self._nearest: _NearestWindows | None = None

    def hd95_mm(self, nodes: Sequence[int]) -> float:
        """HD95 of the lesion and the union of some nodes, at least one."""
        codes = np.zeros(len(self._at), np.uint8)
        for node in nodes:
            codes[self._places[node]] += self._windows.codes[node]
        on_surface = np.flatnonzero((codes - np.uint8(1)) < 254)  # neither 0 nor 255
        areas_mm2 = self._areas_mm2[codes[on_surface]]
        self._sets += 1
        if self._sets > _FEW_SETS and is_lattice(self._spacing_mm):
            self._nearest = self._nearest or _NearestWindows(self._lesion, self._points)
            squared = self._nearest.hd95_squared(on_surface, areas_mm2)
            if squared is not None:
                return float(np.sqrt(squared)) * self._spacing_mm[0]
        predicted = Surface(np.ascontiguousarray(self._points[on_surface].T).T, areas_mm2)
        return robust_hausdorff_mm(predicted, self._lesion, self._spacing_mm)


class _NearestWindows:
    """Squared distances in voxels between a lesion's surface and all windows that may be on a set's surface."""

    def __init__(self, lesion: Surface, points: NDArray[np.int32]) -> None:
        self._points, self._lesion = points, lesion
        _, nearest = cKDTree(lesion.at).query(points)
        self._to_lesion = _squared(points, lesion.at[nearest])
        count = min(_NEAREST, len(points))
        _, near = cKDTree(points).query(lesion.at, k=count)
        self._near = np.reshape(near, (len(lesion.at), count))
        self._near_squared = np.stack([_squared(lesion.at, points[column]) for column in self._near.T], axis=1)

    def hd95_squared(self, on_surface: NDArray[np.int64], areas_mm2: NDArray[np.float64]) -> int | None:
        """HD95 of the lesion and the windows on a surface; None where rounding could decide."""
        to_lesion = _percentile(self._to_lesion[on_surface], areas_mm2)
        from_lesion = _percentile(self._from_lesion(on_surface), self._lesion.areas_mm2)
        return None if to_lesion is None or from_lesion is None else max(to_lesion, from_lesion)

    def _from_lesion(self, on_surface: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each element of the lesion's surface, how far the nearest window on the other surface is."""
        is_there = np.zeros(len(self._points), np.bool_)
        is_there[on_surface] = True
        squared = np.full(len(self._near), -1, np.int64)
        left = np.arange(len(self._near))
        for column in range(self._near.shape[1]):
            hit = is_there[self._near[left, column]]
            squared[left[hit]] = self._near_squared[left[hit], column]
            left = left[~hit]
        if len(left):
            points = self._points[on_surface]
            _, nearest = cKDTree(points).query(self._lesion.at[left])
            squared[left] = _squared(self._lesion.at[left], points[nearest])
        return squared


def _percentile(squared: NDArray[np.int64], areas_mm2: NDArray[np.float64]) -> int | None:
    """The squared distance within which 95 % of the area lies; None where a sum is too close to that."""
    by_distance = np.cumsum(np.bincount(squared, areas_mm2))
    part = by_distance / by_distance[-1]
    level = int(np.searchsorted(part, _PERCENTILE))
    below = part[level - 1] if level else -np.inf
    if part[level] - _PERCENTILE <= _MARGIN or _PERCENTILE - below <= _MARGIN:
        return None
    return level


def _squared(one: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.int64]:
    difference = one.astype(np.int64) - other
    return np.asarray((difference * difference).sum(axis=1), dtype=np.int64)
