"""How the nodes of each region become lesions of the prediction, by the rules of an edition."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bratseg.tuning.component_graph import ComponentGraph, Links
from bratseg.tuning.dilated_components import DilatedComponents, dilate_components
from bratseg.tuning.variants import Variants
from bratseval.challenge import Edition
from bratseval.metrics.mesh_surface import Spacing
from bratseval.scoring.merge_2024 import smallest_kept


@dataclass(frozen=True, eq=False)
class RegionComponents:
    """The nodes of one region, and how they become lesions of the prediction.

    Attributes:
        merges_with: for each node, those it makes one lesion with.
        first_voxel: (nodes,), by which lesions are numbered; None where their order changes nothing.
        deleted_up_to_voxels: lesions of at most so many voxels are deleted.
        is_present: (2 * variants, nodes), whether the region holds a node: in each variant as
            it is, then in each redefined.
    """

    merges_with: Links
    first_voxel: NDArray[np.int64] | None
    deleted_up_to_voxels: float
    is_present: NDArray[np.bool_]


def find_region_components(
    graph: ComponentGraph, variants: Variants, spacing_mm: Spacing, edition: Edition
) -> Mapping[str, RegionComponents]:
    """The components of every region of a lesion-wise edition, of those too that are not scored themselves."""
    labels = np.concatenate([variants.kept, variants.redefined])
    dilated: dict[int, DilatedComponents] = {}
    found = {}
    for name, rules in {**edition.regions, **edition.unscored}.items():
        is_present = np.isin(labels, list(rules.labels))
        if edition.family == "lesionwise-2023":  # predicted lesions are neither merged nor deleted
            found[name] = RegionComponents(graph.neighbours_26, None, 0.0, is_present)
            continue
        if rules.merge_steps not in dilated:
            dilated[rules.merge_steps] = dilate_components(graph, merge_steps=rules.merge_steps)
        nodes = dilated[rules.merge_steps]
        deleted = smallest_kept(rules, spacing_mm, edition)
        found[name] = RegionComponents(nodes.touching, nodes.first_voxel, deleted, is_present)
    return found
