"""A segmentation as a graph: its components of one label are the nodes, and those that touch are linked."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bratseval.metrics.components import Mask, connected_components

Box = tuple[slice, slice, slice]
Links = tuple[frozenset[int], ...]  # for each node, its neighbours


@dataclass(frozen=True, eq=False)
class ComponentGraph:
    """The 26-connected components of each label of a segmentation; they are the nodes, counted from 0.

    Attributes:
        volume: (x, y, z) of a box, 0 outside the tumour, node n as n + 1.
        labels: (nodes,), the label of each.
        voxels: (nodes,), the size of each.
        neighbours_18: for each node, those that share a face or an edge with it.
        neighbours_26: for each node, those that share a face, an edge or a corner with it.
        boxes: the bounding box of each, in `volume`.
    """

    volume: NDArray[np.int32]
    labels: NDArray[np.uint8]
    voxels: NDArray[np.int64]
    neighbours_18: Links
    neighbours_26: Links
    boxes: tuple[Box, ...]
    _shells: dict[frozenset[int], NDArray[np.int64]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many nodes there are."""
        return len(self.labels)

    def mask_of(self, node: int, margin: int) -> tuple[Box, Mask]:
        """A node's bounding box, larger by `margin` voxels where the volume goes on, and the node's mask in it."""
        x, y, z = (slice(max(side.start - margin, 0), side.stop + margin) for side in self.boxes[node])
        return (x, y, z), self.volume[x, y, z] == node + 1

    def shell_voxels(self, nodes: frozenset[int]) -> NDArray[np.int64]:
        """(nodes,), how many voxels of each other node share a face, an edge or a corner with some nodes."""
        if nodes not in self._shells:
            shell = np.unique(np.concatenate([self._neighbourhood(node) for node in nodes]))
            voxels = np.bincount(self._padded[shell], minlength=self.count + 1)[1:].astype(np.int64)
            voxels[list(nodes)] = 0
            self._shells[nodes] = voxels
        return self._shells[nodes]

    def _neighbourhood(self, node: int) -> NDArray[np.int64]:
        """Indices into `_padded` of a node's voxels and of all around them; an index may come twice."""
        box, mask = self.mask_of(node, 0)
        at = np.argwhere(mask) + [side.start + 1 for side in box]
        flat: NDArray[np.int64] = np.ravel_multi_index(tuple(at.T), self._padded_shape).astype(np.int64)
        return (flat[:, None] + _steps(self._padded_shape, corners=True, both_ways=True)).ravel()

    @cached_property
    def _padded_shape(self) -> tuple[int, int, int]:
        x, y, z = (side + 2 for side in self.volume.shape)
        return x, y, z

    @cached_property
    def _padded(self) -> NDArray[np.int32]:
        return np.pad(self.volume, 1).ravel()


def build_graph(segmentation: NDArray[np.uint8]) -> ComponentGraph:
    """The graph of a segmentation (x, y, z), nodes label by label; without nodes where it is empty."""
    volume = np.zeros(segmentation.shape, np.int32)
    labels: list[int] = []
    voxels: list[int] = []
    for label in np.flatnonzero(np.bincount(segmentation.ravel())):
        if label:
            parts = connected_components(segmentation == label)
            inside = parts.labels != 0
            volume[inside] = parts.labels[inside].astype(np.int32) + len(labels)
            labels += [int(label)] * parts.count
            voxels += parts.voxels.tolist()
    return ComponentGraph(
        volume=volume,
        labels=np.array(labels, np.uint8),
        voxels=np.array(voxels, np.int64),
        neighbours_18=_neighbours(volume, len(labels), corners=False),
        neighbours_26=_neighbours(volume, len(labels), corners=True),
        # of 0 nodes, scipy would look for the largest number
        boxes=tuple(ndimage.find_objects(volume, max_label=len(labels))) if labels else (),
    )


def links_of(pairs: Iterable[tuple[int, int]], count: int) -> Links:
    """For each of `count` nodes those it makes a pair with, in either order."""
    others: list[set[int]] = [set() for _ in range(count)]
    for one, other in pairs:
        others[one].add(other)
        others[other].add(one)
    return tuple(map(frozenset, others))


def _neighbours(volume: NDArray[np.int32], count: int, *, corners: bool) -> Links:
    """For each node those that share a face or an edge with it, or also a corner."""
    padded = np.pad(volume, 1)
    x, y, z = padded.shape
    flat = padded.ravel()
    inside = np.flatnonzero(flat)
    pairs: set[tuple[int, int]] = set()
    for step in _steps((x, y, z), corners=corners, both_ways=False):
        one, other = flat[inside], flat[inside + step]
        differ = (other != 0) & (one != other)
        keys = np.unique(one[differ].astype(np.int64) * (count + 1) + other[differ])
        pairs.update(zip((keys // (count + 1) - 1).tolist(), (keys % (count + 1) - 1).tolist(), strict=True))
    return links_of(pairs, count)


def _steps(shape: tuple[int, int, int], *, corners: bool, both_ways: bool) -> NDArray[np.int64]:
    """From a voxel of a raveled volume to its neighbours; one of two opposite ones unless `both_ways`."""
    _, ny, nz = shape
    steps = []
    for dx, dy, dz in np.ndindex(3, 3, 3):
        x, y, z = dx - 1, dy - 1, dz - 1
        if (
            (both_ways or (x, y, z) > (0, 0, 0))
            and (x, y, z) != (0, 0, 0)
            and (corners or abs(x) + abs(y) + abs(z) < 3)
        ):
            steps.append((x * ny + y) * nz + z)
    return np.array(steps, np.int64)
