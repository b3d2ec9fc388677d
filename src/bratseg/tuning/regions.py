"""One region of a case in many states: its lesion-wise Dice and HD95, each different state scored once.

Sets of nodes are integers here, with a bit for each node: a state is split into lesions
and matched within microseconds, and what a lesion measures against a set is looked up.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bratseg.tuning.component_graph import Nodes
from bratseg.tuning.distances import LesionDistances, Windows
from bratseg.tuning.reference import Right
from bratseval.metrics.mesh_surface import Spacing
from bratseval.metrics.overlap import VoxelCounts, dice
from bratseval.scoring.merge_2024 import joined_numbers


@dataclass(frozen=True, eq=False)
class Tissue:
    """How the nodes of one region become lesions of the prediction.

    Attributes:
        links: for each node, those it makes one lesion with.
        first: (nodes,), the order in which lesions are numbered; None where it changes nothing.
        smallest: lesions of at most so many voxels are deleted.
        present: (states, nodes), whether the region holds a node.
    """

    links: tuple[frozenset[int], ...]
    first: NDArray[np.int64] | None
    smallest: float
    present: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RegionValues:
    """(states,) of one region: lesion-wise Dice, and HD95 in mm."""

    dice: NDArray[np.float64]
    hd95_mm: NDArray[np.float64]


@dataclass(frozen=True)
class _Sums:
    """One state: Dice and HD95 of counted lesions, added up, and how many predicted lesions found none."""

    dice: float
    hd95_mm: float
    spurious: int


def score_region(
    nodes: Nodes,
    own: Tissue,
    through: Sequence[Tissue],
    right: Right,
    place: tuple[tuple[int, int, int], int],
    windows: Windows,
    spacing_mm: Spacing,
    penalty_mm: float,
    *,
    spurious_counted: bool,
) -> RegionValues:
    """The lesion-wise values of a region in every state, equal to `score_case`'s to the last bit.

    Args:
        through: tissues through which lesions of the region are joined, in their order.
        place: corner of the nodes' box, and voxels of the whole volume.
        penalty_mm: HD95 of a missed or spurious lesion.
    """
    region = _Region(nodes, own, through, right, place, windows, spacing_mm, penalty_mm)
    lonely = region.lonely
    rest = own.present & ~lonely
    rows, of_state = unique_rows(np.concatenate([rest, *(region.tied(tissue) for tissue in through)], axis=1))
    sums = [region.sums(row) for row in rows]
    alone = own.present[:, lonely & (nodes.voxels > own.smallest)].sum(axis=1)
    spurious = np.array([each.spurious for each in sums])[of_state] + alone
    penalised = spurious if spurious_counted else np.zeros_like(spurious)
    entries = np.count_nonzero(right.counted) + penalised

    def mean(totals: list[float], missing: float, nothing: float) -> NDArray[np.float64]:
        # in the order of lesion_values, on which the last bit depends
        total = np.array(totals)[of_state] + penalised * missing
        return np.asarray(np.divide(total, entries, out=np.full(len(entries), nothing), where=entries != 0))

    return RegionValues(
        mean([each.dice for each in sums], 0.0, 1.0), mean([each.hd95_mm for each in sums], penalty_mm, 0.0)
    )


def unique_rows(rows: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """The different ones of some rows, and for each row which of them it is."""
    if not rows.shape[1]:
        return rows[:1], np.zeros(len(rows), np.intp)
    packed = np.packbits(rows, axis=1)
    keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    return rows[first], which.ravel()


class _Region:
    """A region's nodes and lesions, and what is known of them so far."""

    def __init__(
        self,
        nodes: Nodes,
        own: Tissue,
        through: Sequence[Tissue],
        right: Right,
        place: tuple[tuple[int, int, int], int],
        windows: Windows,
        spacing_mm: Spacing,
        penalty_mm: float,
    ) -> None:
        self._nodes, self._own, self._through, self._right = nodes, own, through, right
        self._corner, self._total = place
        self._windows, self._spacing, self._penalty = windows, spacing_mm, penalty_mm
        self._ever = own.present.any(axis=0)
        self._touched, self._shared = _overlaps(nodes, right, self._corner)
        self._touches = [_bits(row) for row in self._touched]
        self._any_touch = _bits(self._touched.any(axis=0))
        self._links = [_bits_of(others) for others in own.links]
        self._joined = [_bits_of(others) for others in nodes.joined]
        self._voxels = _Memory(lambda part: int(nodes.voxels[_nodes_in(part)].sum()))
        self._measured: dict[tuple[int, int], tuple[float, float]] = {}
        self._distances: dict[int, LesionDistances] = {}

    @property
    def lonely(self) -> NDArray[np.bool_]:
        """(nodes,), those that are a lesion of their own in every state and never find one."""
        ever = _bits(self._ever)
        tied = 0
        for tissue in self._through:
            tied |= _bits(tissue.present.any(axis=0))
        lonely = [
            not (self._links[node] & ever or self._any_touch >> node & 1 or self._joined[node] & tied)
            for node in range(self._nodes.count)
        ]
        return np.array(lonely, np.bool_) & self._ever

    def tied(self, tissue: Tissue) -> NDArray[np.bool_]:
        """(states, nodes), a tissue without the nodes that can't have a part in joining lesions of the region."""
        own, other = _bits(self._ever), _bits(tissue.present.any(axis=0))
        useful = [
            bool(self._joined[node] & own or _bits_of(tissue.links[node]) & other) for node in range(self._nodes.count)
        ]
        return tissue.present & np.array(useful, np.bool_)

    def sums(self, row: NDArray[np.bool_]) -> _Sums:
        """What a state scores: the nodes of the region, then those of each tissue."""
        own, *tissues = (_bits(part) for part in np.split(row, 1 + len(self._through)))
        lesions = self._lesions(own, self._own, self._links)
        if self._through:
            lesions = self._join(lesions, tissues)
        measured = [self._measure(int(lesion), lesions) for lesion in np.flatnonzero(self._right.counted)]
        return _Sums(
            # np.sum adds pairwise, as the evaluator does
            float(np.sum(np.array([overlap for overlap, _ in measured]))),
            float(np.sum(np.array([distance for _, distance in measured]))),
            sum(not lesion & self._any_touch for lesion in lesions),
        )

    def _lesions(self, present: int, tissue: Tissue, links: Sequence[int]) -> list[int]:
        kept = [part for part in _connected(present, links) if self._voxels[part] > tissue.smallest]
        if tissue.first is None:
            return kept
        first = tissue.first
        return sorted(kept, key=lambda part: int(first[_nodes_in(part)].min()))

    def _join(self, lesions: list[int], tissues: Sequence[int]) -> list[int]:
        touched = []
        for tissue, present in zip(self._through, tissues, strict=True):
            others = self._lesions(present, tissue, [_bits_of(links) for links in tissue.links])
            pairs = []
            for number, lesion in enumerate(lesions, start=1):
                beside = 0
                for node in _nodes_in(lesion):
                    beside |= self._joined[node]
                pairs += [(number, other) for other, part in enumerate(others, start=1) if beside & part]
            touched.append(pairs)
        together: dict[int, int] = {}
        for number, lesion in zip(joined_numbers(len(lesions), touched).tolist(), lesions, strict=True):
            together[number] = together.get(number, 0) | lesion
        return list(together.values())

    def _measure(self, lesion: int, answers: Sequence[int]) -> tuple[float, float]:
        """Dice and HD95 of a lesion, counted from 0, and the predicted lesions that touch its reach."""
        found = 0
        for answer in answers:
            if answer & self._touches[lesion]:
                found |= answer
        if not found:
            return 0.0, self._penalty
        if (lesion, found) not in self._measured:
            together = _nodes_in(found)
            shared = int(self._shared[lesion, together].sum())
            counts = VoxelCounts(self._voxels[found], int(self._right.voxels[lesion]), shared, self._total)
            self._measured[lesion, found] = dice(counts), self._distances_of(lesion).hd95_mm(together)
        return self._measured[lesion, found]

    def _distances_of(self, lesion: int) -> LesionDistances:
        if lesion not in self._distances:
            ever = _bits(self._ever)
            reached = ever if self._through else _grown(self._touches[lesion] & ever, ever, self._links)
            surface = self._right.surface(lesion, self._corner)
            self._distances[lesion] = LesionDistances(surface, self._windows, _nodes_in(reached), self._spacing)
        return self._distances[lesion]


class _Memory(dict[int, int]):
    """A function's values for sets of nodes, each worked out once."""

    def __init__(self, function: Callable[[int], int]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, key: int) -> int:
        self[key] = value = self._function(key)
        return value


def _overlaps(nodes: Nodes, right: Right, corner: tuple[int, int, int]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """(lesions, nodes): whether a node touches a lesion's reach, and how many voxels it shares with the lesion."""
    shape = right.reach.shape
    first = [own - other for own, other in zip(right.corner, corner, strict=True)]
    volume = nodes.volume[tuple(slice(start, start + side) for start, side in zip(first, shape, strict=True))]
    tables = []
    for lesions in (right.reach, right.side.components.labels):
        both = (volume != 0) & (lesions != 0)
        keys = (lesions[both].astype(np.int64) - 1) * nodes.count + volume[both] - 1
        tables.append(np.bincount(keys, minlength=right.count * nodes.count).reshape(right.count, nodes.count))
    return tables[0] > 0, tables[1].astype(np.int64)


def _connected(present: int, links: Sequence[int]) -> Iterator[int]:
    """The connected parts of a set of nodes."""
    while present:
        part = _grown(present & -present, present, links)
        yield part
        present &= ~part


def _grown(part: int, within: int, links: Sequence[int]) -> int:
    """A set of nodes and all that is linked to it within another set."""
    fresh = part
    while fresh:
        near = 0
        while fresh:
            lowest = fresh & -fresh
            near |= links[lowest.bit_length() - 1]
            fresh ^= lowest
        fresh = near & within & ~part
        part |= fresh
    return part


def _bits(there: Any) -> int:
    """A mask of nodes, (nodes,) booleans, as an integer."""
    return int.from_bytes(np.packbits(there, bitorder="little").tobytes(), "little")


def _bits_of(members: frozenset[int]) -> int:
    return sum(1 << node for node in members)


def _nodes_in(part: int) -> list[int]:
    members = []
    while part:
        lowest = part & -part
        members.append(lowest.bit_length() - 1)
        part ^= lowest
    return members
