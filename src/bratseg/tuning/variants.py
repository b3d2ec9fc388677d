"""The few different segmentations that a grid of thresholds makes of one, and which point leads to which."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseg.postprocess.thresholds import LABEL_BY_NAME, Fill
from bratseg.tuning.component_graph import ComponentGraph
from bratseg.tuning.grid import BECOMES, SCARCE, ThresholdGrid

NodeLabels = NDArray[np.uint8]  # (nodes,), the label of each node, 0 where it was removed

_SCARCE: Final = LABEL_BY_NAME[SCARCE]
_BECOMES: Final = LABEL_BY_NAME[BECOMES]


@dataclass(frozen=True, eq=False)
class Variants:
    """All that removals make of a segmentation, without and with the redefinition of ET that may follow.

    Attributes:
        kept: (variants, nodes), each node's label.
        redefined: (variants, nodes), the same with ET turned into NCR.
        of_sizes: (sizes, sizes, sizes), the variant that each triple of sizes leads to.
        et_ratio: (variants,), the part of the tumour that is ET; infinite where there is no
            tumour, and so above every ratio.
    """

    kept: NDArray[np.uint8]
    redefined: NDArray[np.uint8]
    of_sizes: NDArray[np.int64]
    et_ratio: NDArray[np.float64]


def find_variants(graph: ComponentGraph, grid: ThresholdGrid, *, voxel_mm3: float) -> Variants:
    """The variants of a segmentation, exactly as `postprocess.apply_thresholds` leaves it at each point of the grid."""
    limits_voxels = [round(size / voxel_mm3, 3) for size in grid.sizes_mm3]  # rounded as there
    variants: list[NodeLabels] = [graph.labels.copy()]
    of_sizes = np.zeros((), np.int64)
    for removed_labels in grid.removed_labels:
        removal = _Removal(graph, removed_labels, limits_voxels, grid.fill)
        variants, leads_to = _after_removal(variants, removal)
        of_sizes = leads_to[of_sizes]  # one more axis
    kept = np.stack(variants)
    redefined = np.where(kept == _SCARCE, np.uint8(_BECOMES), kept)
    return Variants(kept, redefined, of_sizes, _et_ratio(graph, kept))


def _after_removal(before: Sequence[NodeLabels], removal: "_Removal") -> tuple[list[NodeLabels], NDArray[np.int64]]:
    """The variants after one more removal, and (before, sizes) which of them each old one becomes at each size."""
    number: dict[bytes, int] = {}
    after: list[NodeLabels] = []
    leads_to = []
    for labels in before:
        for left in removal.at_each_limit(labels):
            key = left.tobytes()
            if key not in number:
                number[key] = len(after)
                after.append(left)
            leads_to.append(number[key])
    return after, np.array(leads_to, np.int64).reshape(len(before), -1)


def _et_ratio(graph: ComponentGraph, kept: NDArray[np.uint8]) -> NDArray[np.float64]:
    tumour = (kept != 0) @ graph.voxels
    scarce = (kept == _SCARCE) @ graph.voxels
    return np.asarray(np.divide(scarce, tumour, out=np.full(len(kept), np.inf), where=tumour != 0))


@dataclass(frozen=True)
class _Part:
    """A connected part of the wanted labels: what a threshold removes or keeps as a whole."""

    voxels: int
    nodes: frozenset[int]


class _Removal:
    """One removal at every size: which parts it takes from a variant, and what replaces them."""

    def __init__(
        self, graph: ComponentGraph, removed_labels: frozenset[int], limits_voxels: Sequence[float], fill: Fill
    ) -> None:
        """
        Args:
            limits_voxels: parts smaller than that are removed; ascending.
        """
        self._graph, self._limits, self._fill = graph, limits_voxels, fill
        self._is_wanted = np.isin(np.arange(256), list(removed_labels))
        self._parts_of: dict[bytes, list[_Part]] = {}

    def at_each_limit(self, labels: NodeLabels) -> list[NodeLabels]:
        """A variant after the removal at each limit; equal ones may be the same array."""
        small = [part for part in self._parts(labels) if part.voxels < self._limits[-1]]
        left, done = labels, 0
        results: list[NodeLabels] = []
        for limit in self._limits:
            while done < len(small) and small[done].voxels < limit:
                if left is labels or (results and left is results[-1]):
                    left = left.copy()
                left[list(small[done].nodes)] = self._replacement(labels, small[done].nodes)
                done += 1
            results.append(left)
        return results

    def _parts(self, labels: NodeLabels) -> list[_Part]:
        """The connected parts of the wanted labels, the smallest first."""
        is_wanted = self._is_wanted[labels]
        key = is_wanted.tobytes()
        if key not in self._parts_of:
            parts = [_Part(int(self._graph.voxels[list(nodes)].sum()), nodes) for nodes in self._connected(is_wanted)]
            self._parts_of[key] = sorted(parts, key=lambda part: part.voxels)
        return self._parts_of[key]

    def _connected(self, is_wanted: NDArray[np.bool_]) -> list[frozenset[int]]:
        left = set(np.flatnonzero(is_wanted).tolist())
        parts = []
        while left:
            ends = [left.pop()]
            part = set(ends)
            while ends:
                more = self._graph.neighbours_26[ends.pop()] & left
                left -= more
                part |= more
                ends += more
            parts.append(frozenset(part))
        return parts

    def _replacement(self, labels: NodeLabels, nodes: frozenset[int]) -> int:
        """The label that replaces a part: 0, or that of most tumour voxels around it."""
        if self._fill == "background":
            return 0
        voxels = np.bincount(labels, self._graph.shell_voxels(nodes), minlength=1)
        voxels[0] = 0
        return int(voxels.argmax())
