"""What a grid of thresholds makes of a segmentation: the few different states, and which point leads to which."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseg.postprocess.thresholds import LABEL_BY_NAME, Fill, Mode
from bratseg.tuning.component_graph import Nodes
from bratseg.tuning.grid import BECOMES, REMOVED, SCARCE, Grid
from bratseval.challenge import REGIONS

# The label of each node, 0 where it was removed.
State = NDArray[np.uint8]

_SCARCE: Final = LABEL_BY_NAME[SCARCE]
_BECOMES: Final = LABEL_BY_NAME[BECOMES]


@dataclass(frozen=True, eq=False)
class States:
    """All that removals make of a segmentation, without and with the redefinition that may follow.

    Attributes:
        kept: (states, nodes), each node's label in each state.
        redefined: (states, nodes), the same after the redefinition.
        of_sizes: (sizes, sizes, sizes), the state that each triple of sizes leads to.
        ratio: (states,), the part of the tumour that is redefined below a ratio above
            it; infinite where there is no tumour, which nothing redefines.
    """

    kept: NDArray[np.uint8]
    redefined: NDArray[np.uint8]
    of_sizes: NDArray[np.int64]
    ratio: NDArray[np.float64]


def states_of(nodes: Nodes, grid: Grid, *, mode: Mode, fill: Fill, voxel_mm3: float) -> States:
    """The states of a segmentation, exactly as `postprocess.apply_thresholds` leaves it at each point of the grid."""
    # rounded as there
    limits = [round(size / voxel_mm3, 3) for size in grid.sizes_mm3]
    states: list[State] = [nodes.labels.copy()]
    of_sizes = np.zeros((), np.int64)
    for name in REMOVED[mode]:
        wanted = frozenset({LABEL_BY_NAME[name]}) if mode == "labels" else REGIONS[name]
        remove = _Removal(nodes, wanted, limits, fill)
        number: dict[bytes, int] = {}
        after: list[State] = []
        leads = np.zeros((len(states), len(limits)), np.int64)
        for i, state in enumerate(states):
            for j, left in enumerate(remove.each(state)):
                key = left.tobytes()
                if key not in number:
                    number[key] = len(after)
                    after.append(left)
                leads[i, j] = number[key]
        states, of_sizes = after, leads[of_sizes]
    kept = np.stack(states)
    return States(kept, np.where(kept == _SCARCE, np.uint8(_BECOMES), kept), of_sizes, _ratios(nodes, kept))


def _ratios(nodes: Nodes, kept: NDArray[np.uint8]) -> NDArray[np.float64]:
    tumour = (kept != 0) @ nodes.voxels
    scarce = (kept == _SCARCE) @ nodes.voxels
    return np.asarray(np.divide(scarce, tumour, out=np.full(len(kept), np.inf), where=tumour != 0))


class _Removal:
    """One removal at every size: the components of some labels in a state, and what comes in their place."""

    def __init__(self, nodes: Nodes, wanted: frozenset[int], limits: Sequence[float], fill: Fill) -> None:
        self._nodes, self._limits, self._fill = nodes, limits, fill
        self._wanted = np.isin(np.arange(256), list(wanted))
        self._known: dict[bytes, list[tuple[int, frozenset[int]]]] = {}

    def each(self, state: State) -> list[State]:
        """The state after the removal at each limit."""
        small = [part for part in self._parts(state) if part[0] < self._limits[-1]]
        left, done = state, 0
        results: list[State] = []
        for limit in self._limits:
            while done < len(small) and small[done][0] < limit:
                if left is state:
                    left = state.copy()
                elif results and left is results[-1]:
                    left = left.copy()
                members = small[done][1]
                left[list(members)] = self._filling(state, members)
                done += 1
            results.append(left)
        return results

    def _parts(self, state: State) -> list[tuple[int, frozenset[int]]]:
        """The components of the wanted labels, the smallest first: voxels and nodes of each."""
        wanted = self._wanted[state]
        key = wanted.tobytes()
        if key not in self._known:
            parts = [(int(self._nodes.voxels[list(part)].sum()), part) for part in self._connected(wanted)]
            self._known[key] = sorted(parts, key=lambda part: part[0])
        return self._known[key]

    def _connected(self, wanted: NDArray[np.bool_]) -> list[frozenset[int]]:
        left = set(np.flatnonzero(wanted).tolist())
        parts = []
        while left:
            ends = [left.pop()]
            part = set(ends)
            while ends:
                more = self._nodes.touching[ends.pop()] & left
                left -= more
                part |= more
                ends += more
            parts.append(frozenset(part))
        return parts

    def _filling(self, state: State, members: frozenset[int]) -> int:
        """What comes in the place of a component: 0, or the label of most tumour voxels around it."""
        if self._fill == "background":
            return 0
        voxels = np.bincount(state, self._nodes.around(members), minlength=1)
        voxels[0] = 0
        return int(voxels.argmax())
