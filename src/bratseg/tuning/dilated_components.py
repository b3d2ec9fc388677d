"""Which nodes the rules of 2024 merge: those whose reaches meet after dilation, and the order a scan finds them in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bratseg.tuning.component_graph import Nodes, linked
from bratseval.metrics.components import dilate


@dataclass(frozen=True, eq=False)
class Reaches:
    """Nodes dilated by some steps.

    Attributes:
        near: for each node, those whose reach overlaps or touches its own, by a corner at least.
        first: (nodes,), where a scan of the box, z fastest, first meets the node's reach.
    """

    near: tuple[frozenset[int], ...]
    first: NDArray[np.int64]


def reaches_of(nodes: Nodes, *, merge_steps: int) -> Reaches:
    """The reaches of all nodes.

    Two reaches meet exactly where one node dilated by twice the steps and by one more
    round of all 26 neighbours holds a voxel of the other: a way between two voxels never
    leaves the box around them, so the border of a volume cuts nothing off.
    """
    pairs: set[tuple[int, int]] = set()
    first = np.zeros(nodes.count, np.int64)
    # the largest is left for last, when all of its pairs are known from the others
    order = np.argsort(nodes.voxels, kind="stable")
    for node in order.tolist():
        box, mask = nodes.within(node, 2 * merge_steps + 1)
        first[node] = _first(dilate(mask, steps=merge_steps), [side.start for side in box], nodes.volume.shape)
        if node != order[-1]:
            wide = ndimage.binary_dilation(dilate(mask, steps=2 * merge_steps), np.ones((3, 3, 3), np.bool_))
            met = np.flatnonzero(np.bincount(nodes.volume[box][wide], minlength=1))
            pairs.update((node, other - 1) for other in met.tolist() if other not in (0, node + 1))
    return Reaches(linked(pairs, nodes.count), first)


def _first(reach: NDArray[np.bool_], corner: list[int], shape: tuple[int, ...]) -> int:
    at = np.unravel_index(int(reach.argmax()), reach.shape)
    return int(np.ravel_multi_index([int(n) + start for n, start in zip(at, corner, strict=True)], shape))
