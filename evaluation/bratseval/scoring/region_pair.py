"""One region of a case: prediction and reference with numbered components, and which component finds which lesion.

HD95 and NSD of single lesions come from the surfaces of the whole masks, which are worked
out once: no lesion needs a volume of its own.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bratseval.metrics.components import Components, Labels, Mask, Matches, match_lesions
from bratseval.metrics.mesh_surface import Spacing, Surface, robust_hausdorff_mm, surface_components, surface_of
from bratseval.metrics.overlap import VoxelCounts, count_voxels
from bratseval.metrics.voxel_surface import Border, border_voxels, surface_dice


@dataclass(frozen=True)
class MaskSurfaces:
    """A mask (x, y, z) with its surface elements and its border voxels, each computed when first used."""

    mask: Mask
    spacing_mm: Spacing

    @cached_property
    def surface(self) -> Surface:
        """The surface elements, for HD95."""
        return surface_of(self.mask, self.spacing_mm)

    @cached_property
    def border(self) -> Border:
        """The border voxels, for NSD."""
        return border_voxels(self.mask)


@dataclass(frozen=True)
class LabelledMask:
    """A mask and its numbered components (or lesions), which together are the mask.

    No component touches another, so every surface element and every border voxel belongs
    to exactly one of them.
    """

    surfaces: MaskSurfaces
    components: Components

    @cached_property
    def _surface_owners(self) -> Labels:
        return surface_components(self.surfaces.surface, self.components.labels)

    @cached_property
    def _border_owners(self) -> Labels:
        owners: Labels = self.components.labels[tuple(self.surfaces.border)]
        return owners

    def surface(self, numbers: NDArray[np.int64]) -> Surface:
        """The surface of the components with these numbers."""
        return self.surfaces.surface.select(self._among(numbers)[self._surface_owners])

    def border(self, numbers: NDArray[np.int64]) -> Border:
        """The border voxels of the components with these numbers."""
        return self.surfaces.border[:, self._among(numbers)[self._border_owners]]

    def _among(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        chosen = np.zeros(self.components.count + 1, np.bool_)
        chosen[numbers] = True
        return chosen


@dataclass(frozen=True)
class RegionPair:
    """Prediction and reference of one region on one box, and which predicted component finds which lesion.

    Attributes:
        region: "WT", "TC", …
        corner: the box's first voxel (x, y, z) in the whole volume.
        total: the number of voxels of the whole volume.
        spacing_mm: voxel edges along (x, y, z).
        tolerances_mm: of NSD; empty if the edition has none.
        prediction: the predicted mask and its components.
        reference: the reference's mask and its lesions.
        matches: the components that touch each dilated lesion.
    """

    region: str
    corner: tuple[int, int, int]
    total: int
    spacing_mm: Spacing
    tolerances_mm: tuple[float, ...]
    prediction: LabelledMask
    reference: LabelledMask
    matches: Matches

    @cached_property
    def counts(self) -> VoxelCounts:
        """Voxel counts of the two masks in the whole volume."""
        return counts_of(self.prediction.surfaces, self.reference.surfaces, self.total)

    @cached_property
    def hd95_mm(self) -> float:
        """HD95 of the two masks in mm; infinite if one is empty, 0 if both are."""
        return hd95_mm(self.prediction.surfaces, self.reference.surfaces)

    @cached_property
    def nsd(self) -> tuple[float, ...]:
        """NSD of the two masks at each tolerance; 0 if one is empty, 1 if both are."""
        return nsd_of(self.prediction.surfaces, self.reference.surfaces, self.tolerances_mm)

    def lesion_hd95_mm(self, lesion: int, found: NDArray[np.int64]) -> float:
        """HD95 in mm of a lesion and the components `found` (their numbers) that find it."""
        if self._is_all(found):
            return self.hd95_mm
        prediction, reference = self.prediction.surface(found), self.reference.surface(np.array([lesion]))
        return robust_hausdorff_mm(prediction, reference, self.spacing_mm)

    def lesion_nsd(self, lesion: int, found: NDArray[np.int64]) -> tuple[float, ...]:
        """NSD of a lesion and the components `found` that find it, at each tolerance."""
        if self._is_all(found):
            return self.nsd
        prediction, reference = self.prediction.border(found), self.reference.border(np.array([lesion]))
        return tuple(surface_dice(prediction, reference, self.spacing_mm, mm) for mm in self.tolerances_mm)

    def _is_all(self, found: NDArray[np.int64]) -> bool:
        return self.reference.components.count == 1 and len(found) == self.prediction.components.count


def match_region(
    region: str,
    sides: tuple[LabelledMask, LabelledMask],
    dilated: Labels,
    corner: tuple[int, int, int],
    total: int,
    tolerances_mm: tuple[float, ...],
) -> RegionPair:
    """Prediction and reference of a region, with the components that touch each dilated lesion.

    Args:
        region: "WT", "TC", …
        sides: prediction and reference, on one box.
        dilated: (x, y, z), the dilated lesions of the reference, with the same numbers.
        corner: the box's first voxel (x, y, z) in the whole volume.
        total: the number of voxels of the whole volume.
        tolerances_mm: of NSD, if any.
    """
    prediction, reference = sides
    matches = match_lesions(reference.components.labels, dilated, prediction.components.labels)
    spacing_mm = prediction.surfaces.spacing_mm
    return RegionPair(region, corner, total, spacing_mm, tolerances_mm, prediction, reference, matches)


def hd95_mm(prediction: MaskSurfaces, reference: MaskSurfaces) -> float:
    """HD95 of two masks in mm; infinite if one is empty, 0 if both are."""
    return robust_hausdorff_mm(prediction.surface, reference.surface, reference.spacing_mm)


def nsd_of(prediction: MaskSurfaces, reference: MaskSurfaces, tolerances_mm: tuple[float, ...]) -> tuple[float, ...]:
    """NSD of two masks at each tolerance; 0 if one is empty, 1 if both are."""
    return tuple(surface_dice(prediction.border, reference.border, reference.spacing_mm, mm) for mm in tolerances_mm)


def counts_of(prediction: MaskSurfaces, reference: MaskSurfaces, total: int) -> VoxelCounts:
    """Voxel counts of two masks that were cropped from a volume of `total` voxels."""
    counted = count_voxels(prediction.mask, reference.mask)
    return VoxelCounts(counted.prediction, counted.reference, counted.both, total)
