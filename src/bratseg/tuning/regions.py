"""One region of a case in all variants: its lesion-wise Dice and HD95, each different set of nodes scored once.

which nodes the region has in each variant (variants, nodes)
    |   nodes that can only be spurious are counted apart
    v
different rows: a few sets of nodes
    |   merged, filtered and joined by the rules
    v
lesions of the prediction
    |   Dice and HD95 of each lesion of the reference against the nodes that found it, computed once
    v
sums over lesions, and from them the means of every variant
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bratseg.tuning.component_graph import ComponentGraph
from bratseg.tuning.distances import LesionDistances, NodeWindows
from bratseg.tuning.node_sets import NodeSet, connected_parts, grown, neighbours_of, nodes_in, set_of_mask, set_of_nodes
from bratseg.tuning.reference_lesions import ReferenceLesions
from bratseg.tuning.region_components import RegionComponents
from bratseval.metrics.mesh_surface import Spacing
from bratseval.metrics.overlap import VoxelCounts, dice
from bratseval.scoring.merge_2024 import joined_numbers


@dataclass(frozen=True, eq=False)
class PredictedCase:
    """What all regions of a prediction share.

    Attributes:
        windows: the surfaces of the graph's nodes.
        corner: the first voxel (x, y, z) of the graph's box in the whole volume.
        total_voxels: of the whole volume.
    """

    graph: ComponentGraph
    windows: NodeWindows
    corner: tuple[int, int, int]
    total_voxels: int
    spacing_mm: Spacing


@dataclass(frozen=True, eq=False)
class RegionValues:
    """(2 * variants,) of one region, as it is and redefined: lesion-wise Dice, and HD95 in mm."""

    dice: NDArray[np.float64]
    hd95_mm: NDArray[np.float64]


@dataclass(frozen=True)
class _SetScore:
    """One set of nodes: Dice and HD95 summed over the reference's counted lesions, and spurious lesions."""

    dice: float
    hd95_mm: float
    spurious: int


def score_region(
    case: PredictedCase,
    own: RegionComponents,
    through: Sequence[RegionComponents],
    reference: ReferenceLesions,
    *,
    penalty_mm: float,
    spurious_counted: bool,
) -> RegionValues:
    """The lesion-wise values of a region in every variant, equal to `score_case`'s to the last bit.

    Args:
        through: regions through which lesions of this one are joined, in their order.
        penalty_mm: HD95 of a missed or spurious lesion.
        spurious_counted: whether spurious lesions enter the means.
    """
    region = _Region(case, own, through, reference, penalty_mm)
    is_lone = region.lone_nodes()
    relevant = [own.is_present & ~is_lone, *(region.joining_nodes(other) for other in through)]
    rows, row_of_variant = unique_rows(np.concatenate(relevant, axis=1))
    scores = [region.score_set(row) for row in rows]
    large_enough = case.graph.voxels > own.deleted_up_to_voxels
    lone = own.is_present[:, is_lone & large_enough].sum(axis=1)
    spurious = np.array([score.spurious for score in scores])[row_of_variant] + lone
    penalised = spurious if spurious_counted else np.zeros_like(spurious)
    lesions = np.count_nonzero(reference.is_counted) + penalised

    def mean(sums: list[float], of_spurious: float, of_nothing: float) -> NDArray[np.float64]:
        # in the order of `scoring.lesionwise.lesion_values`, on which the last bit depends
        total = np.array(sums)[row_of_variant] + penalised * of_spurious
        return np.asarray(np.divide(total, lesions, out=np.full(len(lesions), of_nothing), where=lesions != 0))

    return RegionValues(
        dice=mean([score.dice for score in scores], 0.0, 1.0),
        hd95_mm=mean([score.hd95_mm for score in scores], penalty_mm, 0.0),
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
    """A region's nodes and its reference, and all values that have been worked out so far."""

    def __init__(
        self,
        case: PredictedCase,
        own: RegionComponents,
        through: Sequence[RegionComponents],
        reference: ReferenceLesions,
        penalty_mm: float,
    ) -> None:
        self._case, self._own, self._through = case, own, through
        self._reference, self._penalty_mm = reference, penalty_mm
        self._ever = set_of_mask(own.is_present.any(axis=0))  # nodes that are there in some variant
        touches, self._shared_voxels = _overlaps(case, reference)
        self._touches = [set_of_mask(nodes) for nodes in touches]
        self._touches_any = set_of_mask(touches.any(axis=0))
        self._merges_with = _link_sets(own)
        self._beside = [set_of_nodes(nodes) for nodes in case.graph.neighbours_18]
        self._voxels: dict[NodeSet, int] = {}
        self._measured: dict[tuple[int, NodeSet], tuple[float, float]] = {}
        self._distances: dict[int, LesionDistances] = {}

    def lone_nodes(self) -> NDArray[np.bool_]:
        """(nodes,), those that are a lesion of their own in every variant and never touch one of the reference."""
        others = 0
        for region in self._through:
            others |= set_of_mask(region.is_present.any(axis=0))
        is_lone = [
            bool(self._ever >> node & 1)
            and not (merging & self._ever or self._touches_any >> node & 1 or self._beside[node] & others)
            for node, merging in enumerate(self._merges_with)
        ]
        return np.array(is_lone, np.bool_)

    def joining_nodes(self, other: RegionComponents) -> NDArray[np.bool_]:
        """(variants, nodes), what is present of another region, of the nodes that can take part in joining lesions."""
        ever = set_of_mask(other.is_present.any(axis=0))
        takes_part = [
            bool(beside & self._ever or merging & ever)
            for beside, merging in zip(self._beside, _link_sets(other), strict=True)
        ]
        return other.is_present & np.array(takes_part, np.bool_)

    def score_set(self, row: NDArray[np.bool_]) -> _SetScore:
        """The score of a row: the nodes of the region, then those of each region it is joined through."""
        own, *others = (set_of_mask(part) for part in np.split(row, 1 + len(self._through)))
        lesions = self._lesions(own, self._own, self._merges_with)
        if self._through:
            lesions = self._joined(lesions, others)
        measured = [self._measure(int(lesion), lesions) for lesion in np.flatnonzero(self._reference.is_counted)]
        return _SetScore(
            # np.sum adds pairwise, as the evaluator does
            dice=float(np.sum(np.array([overlap for overlap, _ in measured]))),
            hd95_mm=float(np.sum(np.array([distance_mm for _, distance_mm in measured]))),
            spurious=sum(not lesion & self._touches_any for lesion in lesions),
        )

    def _lesions(self, present: NodeSet, region: RegionComponents, merges_with: Sequence[NodeSet]) -> list[NodeSet]:
        """The lesions that the present nodes of a region make, in the order of their numbers."""
        parts = connected_parts(present, merges_with)
        kept = [part for part in parts if self._voxels_of(part) > region.deleted_up_to_voxels]
        first_voxel = region.first_voxel
        if first_voxel is None:
            return kept
        return sorted(kept, key=lambda part: int(first_voxel[nodes_in(part)].min()))

    def _joined(self, lesions: list[NodeSet], others: Sequence[NodeSet]) -> list[NodeSet]:
        """Lesions after those that touch one common lesion of another region were joined."""
        beside = [neighbours_of(lesion, self._beside) for lesion in lesions]
        touched = []
        for region, present in zip(self._through, others, strict=True):
            through = list(enumerate(self._lesions(present, region, _link_sets(region)), start=1))
            pairs = [(n, other) for n, nodes in enumerate(beside, start=1) for other, part in through if nodes & part]
            touched.append(pairs)
        joined: dict[int, NodeSet] = {}
        for number, lesion in zip(joined_numbers(len(lesions), touched).tolist(), lesions, strict=True):
            joined[number] = joined.get(number, 0) | lesion
        return list(joined.values())

    def _measure(self, lesion: int, predicted: Sequence[NodeSet]) -> tuple[float, float]:
        """Dice and HD95 of a lesion, counted from 0, and the predicted lesions that touch it after dilation."""
        found = 0
        for part in predicted:
            if part & self._touches[lesion]:
                found |= part
        if not found:
            return 0.0, self._penalty_mm
        if (lesion, found) not in self._measured:
            nodes = nodes_in(found)
            shared = int(self._shared_voxels[lesion, nodes].sum())
            voxels = int(self._reference.voxels[lesion])
            counts = VoxelCounts(self._voxels_of(found), voxels, shared, self._case.total_voxels)
            self._measured[lesion, found] = dice(counts), self._distances_of(lesion).hd95_mm(nodes)
        return self._measured[lesion, found]

    def _distances_of(self, lesion: int) -> LesionDistances:
        if lesion not in self._distances:
            reached = self._ever
            if not self._through:
                reached = grown(self._touches[lesion] & self._ever, self._ever, self._merges_with)
            surface = self._reference.surface(lesion, self._case.corner)
            nodes, spacing_mm = nodes_in(reached), self._case.spacing_mm
            self._distances[lesion] = LesionDistances(surface, self._case.windows, nodes, spacing_mm)
        return self._distances[lesion]

    def _voxels_of(self, part: NodeSet) -> int:
        if part not in self._voxels:
            self._voxels[part] = int(self._case.graph.voxels[nodes_in(part)].sum())
        return self._voxels[part]


def _link_sets(region: RegionComponents) -> list[NodeSet]:
    return [set_of_nodes(nodes) for nodes in region.merges_with]


def _overlaps(case: PredictedCase, reference: ReferenceLesions) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """(lesions, nodes): whether a node touches a dilated lesion, and how many voxels it shares with the lesion."""
    graph, shape = case.graph, reference.dilated.shape
    first = [own - other for own, other in zip(reference.corner, case.corner, strict=True)]
    volume = graph.volume[tuple(slice(start, start + side) for start, side in zip(first, shape, strict=True))]
    tables = []
    for lesions in (reference.dilated, reference.labelled.components.labels):
        both = (volume != 0) & (lesions != 0)
        keys = (lesions[both].astype(np.int64) - 1) * graph.count + volume[both] - 1
        pairs = np.bincount(keys, minlength=reference.count * graph.count)
        tables.append(pairs.reshape(reference.count, graph.count))
    return tables[0] > 0, tables[1].astype(np.int64)
