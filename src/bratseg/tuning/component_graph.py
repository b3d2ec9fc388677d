"""A segmentation as a graph: its components of one label are the nodes, and those that touch are linked."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bratseval.metrics.components import Mask, connected_components

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Nodes:
    """The 26-connected components of each label of a segmentation, counted from 0.

    Attributes:
        volume: (x, y, z) of a box, 0 outside the tumour, node n as n + 1.
        labels: (nodes,), the label that each was painted with.
        voxels: (nodes,), the size of each.
        touching: for each node, those that share a face, an edge or a corner with it.
        joined: for each node, those that share a face or an edge with it.
        boxes: the bounding box of each, in `volume`.
    """

    volume: NDArray[np.int32]
    labels: NDArray[np.uint8]
    voxels: NDArray[np.int64]
    touching: tuple[frozenset[int], ...]
    joined: tuple[frozenset[int], ...]
    boxes: tuple[Box, ...]
    _around: dict[frozenset[int], NDArray[np.int64]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many nodes there are."""
        return len(self.labels)

    def within(self, node: int, margin: int) -> tuple[Box, Mask]:
        """A box around a node with `margin` voxels where there are so many, and where in it the node is."""
        x, y, z = (slice(max(side.start - margin, 0), side.stop + margin) for side in self.boxes[node])
        return (x, y, z), self.volume[x, y, z] == node + 1

    def around(self, together: frozenset[int]) -> NDArray[np.int64]:
        """(nodes,), how many voxels of each other node touch some nodes by a face, an edge or a corner."""
        if together not in self._around:
            ring = np.unique(np.concatenate([self._neighbours(node) for node in together]))
            owners = np.bincount(self._padded[ring], minlength=self.count + 1)[1:].astype(np.int64)
            owners[list(together)] = 0
            self._around[together] = owners
        return self._around[together]

    def _neighbours(self, node: int) -> NDArray[np.int64]:
        """Where in the padded volume the voxels around a node's are, itself included; a voxel may come twice."""
        box, mask = self.within(node, 0)
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


def nodes_of(labels: NDArray[np.uint8]) -> Nodes:
    """The nodes of a segmentation (x, y, z), label by label; none where it is empty."""
    volume = np.zeros(labels.shape, np.int32)
    own: list[int] = []
    sizes: list[int] = []
    for label in np.flatnonzero(np.bincount(labels.ravel())):
        if label:
            parts = connected_components(labels == label)
            inside = parts.labels != 0
            volume[inside] = parts.labels[inside].astype(np.int32) + len(own)
            own += [int(label)] * parts.count
            sizes += parts.voxels.tolist()
    joined, touching = _links(volume, len(own))
    return Nodes(
        volume=volume,
        labels=np.array(own, np.uint8),
        voxels=np.array(sizes, np.int64),
        touching=touching,
        joined=joined,
        boxes=tuple(_boxes(volume, len(own))),
    )


def _boxes(volume: NDArray[np.int32], count: int) -> Iterator[Box]:
    if count:  # of nothing it would look for the largest number
        yield from ndimage.find_objects(volume, max_label=count)


def _links(volume: NDArray[np.int32], count: int) -> tuple[tuple[frozenset[int], ...], tuple[frozenset[int], ...]]:
    """For each node those that share a face or an edge with it, and those that also share a corner."""
    padded = np.pad(volume, 1)
    x, y, z = padded.shape
    flat = padded.ravel()
    inside = np.flatnonzero(flat)
    found = []
    for corners in (False, True):
        pairs: set[tuple[int, int]] = set()
        for step in _steps((x, y, z), corners=corners, both_ways=False):
            one, other = flat[inside], flat[inside + step]
            apart = (other != 0) & (one != other)
            keys = np.unique(one[apart].astype(np.int64) * (count + 1) + other[apart])
            pairs.update(zip((keys // (count + 1) - 1).tolist(), (keys % (count + 1) - 1).tolist(), strict=True))
        found.append(linked(pairs, count))
    return found[0], found[1]


def linked(pairs: Iterable[tuple[int, int]], count: int) -> tuple[frozenset[int], ...]:
    """For each of `count` nodes those it makes a pair with, in either order."""
    others: list[set[int]] = [set() for _ in range(count)]
    for one, other in pairs:
        others[one].add(other)
        others[other].add(one)
    return tuple(map(frozenset, others))


def _steps(shape: tuple[int, int, int], *, corners: bool, both_ways: bool) -> NDArray[np.int64]:
    """How far in a raveled volume the neighbours of a voxel are; one of two opposite ones unless `both_ways`."""
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
