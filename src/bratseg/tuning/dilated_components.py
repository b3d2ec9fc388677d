"""Which nodes the rules of 2024 merge: those that touch after dilation, and the order in which a scan finds them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bratseg.tuning.component_graph import ComponentGraph, Links, links_of
from bratseval.metrics.components import Mask, dilate


@dataclass(frozen=True, eq=False)
class DilatedComponents:
    """The nodes of a graph, each dilated by the same number of steps.

    Attributes:
        touching: for each node, those that overlap or touch it after dilation, by a corner at least.
        first_voxel: (nodes,), where a scan of the box, z fastest, first meets the dilated node.
    """

    touching: Links
    first_voxel: NDArray[np.int64]


def dilate_components(graph: ComponentGraph, *, merge_steps: int) -> DilatedComponents:
    """All nodes dilated by `merge_steps` rounds of 18 neighbours.

    Two dilated nodes touch exactly where one of them, dilated by twice the steps and by
    one more round of all 26 neighbours, holds a voxel of the other: a way between two
    voxels never leaves the box around them, so the border of a volume cuts nothing off.
    """
    pairs: set[tuple[int, int]] = set()
    first_voxel = np.zeros(graph.count, np.int64)
    # the largest comes last, when all of its pairs are known from the others
    order = np.argsort(graph.voxels, kind="stable")
    for node in order.tolist():
        box, mask = graph.mask_of(node, 2 * merge_steps + 1)
        corner = [side.start for side in box]
        first_voxel[node] = _first_voxel(dilate(mask, steps=merge_steps), corner, graph.volume.shape)
        if node != order[-1]:
            wide = ndimage.binary_dilation(dilate(mask, steps=2 * merge_steps), np.ones((3, 3, 3), np.bool_))
            met = np.flatnonzero(np.bincount(graph.volume[box][wide], minlength=1))
            pairs.update((node, other - 1) for other in met.tolist() if other not in (0, node + 1))
    return DilatedComponents(links_of(pairs, graph.count), first_voxel)


def _first_voxel(mask: Mask, corner: list[int], shape: tuple[int, ...]) -> int:
    """The index of a mask's first voxel in a raveled volume of that shape; `corner` is where the mask begins."""
    at = np.unravel_index(int(mask.argmax()), mask.shape)
    return int(np.ravel_multi_index([int(n) + start for n, start in zip(at, corner, strict=True)], shape))
