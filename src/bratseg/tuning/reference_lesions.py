"""The lesions of a reference by the rules of an edition: numbered, dilated, with their surfaces, once a case."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition, RegionRules
from bratseval.metrics.components import Labels, dilated_lesions, measure_components
from bratseval.metrics.crop import CroppedPair, crop_labels, region_masks
from bratseval.metrics.mesh_surface import Spacing, Surface
from bratseval.scoring.lesionwise import volume_mm3
from bratseval.scoring.merge_2024 import merge
from bratseval.scoring.region_pair import LabelledMask, MaskSurfaces


@dataclass(frozen=True, eq=False)
class ReferenceLesions:
    """The lesions of one region of a reference.

    Attributes:
        labelled: the mask and its lesions, numbered from 1 in the official order.
        dilated: (x, y, z), the dilated lesions, numbered as they are.
        corner: the first voxel (x, y, z) of both in the whole volume.
        is_counted: (lesions,), False for those too small to count.
    """

    labelled: LabelledMask
    dilated: Labels
    corner: tuple[int, int, int]
    is_counted: NDArray[np.bool_]

    @property
    def count(self) -> int:
        """How many lesions there are, small ones too."""
        return self.labelled.components.count

    @property
    def voxels(self) -> NDArray[np.int64]:
        """(lesions,), the size of each."""
        return self.labelled.components.voxels

    def surface(self, lesion: int, corner: tuple[int, int, int]) -> Surface:
        """The surface of a lesion, counted from 0, in the windows of a box with that corner."""
        surface = self.labelled.surface(np.array([lesion + 1]))
        shift = np.array([own - other for own, other in zip(self.corner, corner, strict=True)], np.int32)
        return Surface((surface.at.T + shift[:, None]).T, surface.areas_mm2)


def find_reference_lesions(
    reference: NDArray[np.generic], spacing_mm: Spacing, edition: Edition
) -> Mapping[str, ReferenceLesions]:
    """The lesions of each scored region of a reference (x, y, z).

    Raises:
        ValueError: the edition's family has no lesion-wise mean.
    """
    pair = crop_labels(np.zeros(reference.shape, np.uint8), reference, edition)
    if edition.family == "lesionwise-2024":
        merged = merge(pair, spacing_mm, edition)
        found = {region: (both.reference.lesions, both.dilated, both.corner) for region, both in merged.items()}
    elif edition.family == "lesionwise-2023":
        found = {region: _lesions_2023(pair, rules, spacing_mm) for region, rules in edition.regions.items()}
    else:
        raise ValueError(f"{edition.name} is of the family {edition.family}, expected a lesion-wise one")
    return {
        region: ReferenceLesions(labelled, dilated, corner, _is_counted(labelled, edition.regions[region], spacing_mm))
        for region, (labelled, dilated, corner) in found.items()
    }


def _lesions_2023(
    pair: CroppedPair, rules: RegionRules, spacing_mm: Spacing
) -> tuple[LabelledMask, Labels, tuple[int, int, int]]:
    masks = region_masks(pair, rules)
    dilated, count = dilated_lesions(masks.reference, merge_steps=rules.merge_steps)
    lesions = measure_components(masks.reference * dilated, count)
    return LabelledMask(MaskSurfaces(masks.reference, spacing_mm), lesions), dilated, masks.corner


def _is_counted(labelled: LabelledMask, rules: RegionRules, spacing_mm: Spacing) -> NDArray[np.bool_]:
    volumes = [volume_mm3(voxels, spacing_mm) > rules.small_mm3 for voxels in labelled.components.voxels.tolist()]
    return np.array(volumes, np.bool_)
