"""One region of a case, numbered on both sides and matched; distances of lesions without touching the volume again."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bratseval.metrics.components import Labels, Mask, Matches, Parts, match_lesions
from bratseval.metrics.mesh_surface import Spacing, Surface, owners_of, robust_hausdorff_mm, surface_of
from bratseval.metrics.overlap import Counts, count
from bratseval.metrics.voxel_surface import Border, border_voxels, surface_dice


@dataclass(frozen=True)
class Outline:
    """A mask (x, y, z), its surface elements and its border voxels; each worked out when first asked."""

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
class Side:
    """One of two masks and its numbered parts, which together are the mask.

    No part touches another, so an element of the surface and a voxel of the border
    belong to one part each, and those of a part are those of the part alone.
    """

    outline: Outline
    parts: Parts

    @cached_property
    def _surface_owners(self) -> Labels:
        return owners_of(self.outline.surface, self.parts.labels)

    @cached_property
    def _border_owners(self) -> Labels:
        owners: Labels = self.parts.labels[tuple(self.outline.border)]
        return owners

    def surface(self, numbers: NDArray[np.int64]) -> Surface:
        """The surface of some parts."""
        return self.outline.surface.part(self._among(numbers)[self._surface_owners])

    def border(self, numbers: NDArray[np.int64]) -> Border:
        """The border of some parts."""
        return self.outline.border[:, self._among(numbers)[self._border_owners]]

    def _among(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        chosen = np.zeros(self.parts.count + 1, np.bool_)
        chosen[numbers] = True
        return chosen


@dataclass(frozen=True)
class Compared:
    """One region of a case: both sides on one box, and which predicted parts found which lesion.

    Attributes:
        corner: the box's first voxel (x, y, z) in the whole volume, which has `total` voxels.
        tolerances_mm: those of NSD.
    """

    region: str
    corner: tuple[int, int, int]
    total: int
    spacing_mm: Spacing
    tolerances_mm: tuple[float, ...]
    prediction: Side
    reference: Side
    matches: Matches

    @cached_property
    def counts(self) -> Counts:
        """Voxels of the two masks, over the whole volume."""
        return counts_of(self.prediction.outline, self.reference.outline, self.total)

    @cached_property
    def hd95_mm(self) -> float:
        """HD95 of the two masks; infinite when one is empty, 0 when both are."""
        return hd95_mm(self.prediction.outline, self.reference.outline)

    @cached_property
    def nsd(self) -> tuple[float, ...]:
        """NSD of the two masks, for each tolerance."""
        return nsd_of(self.prediction.outline, self.reference.outline, self.tolerances_mm)

    def lesion_hd95_mm(self, lesion: int, found: NDArray[np.int64]) -> float:
        """HD95 of a lesion and the predicted parts that found it."""
        if self._is_all(found):
            return self.hd95_mm
        answered, right = self.prediction.surface(found), self.reference.surface(np.array([lesion]))
        return robust_hausdorff_mm(answered, right, self.spacing_mm)

    def lesion_nsd(self, lesion: int, found: NDArray[np.int64]) -> tuple[float, ...]:
        """NSD of the same, for each tolerance."""
        if self._is_all(found):
            return self.nsd
        answered, right = self.prediction.border(found), self.reference.border(np.array([lesion]))
        return tuple(surface_dice(answered, right, self.spacing_mm, mm) for mm in self.tolerances_mm)

    def _is_all(self, found: NDArray[np.int64]) -> bool:
        return self.reference.parts.count == 1 and len(found) == self.prediction.parts.count


def compare(
    region: str,
    sides: tuple[Side, Side],
    reach: Labels,
    place: tuple[tuple[int, int, int], int],
    tolerances_mm: tuple[float, ...],
) -> Compared:
    """Match the predicted parts to the lesions.

    Args:
        sides: prediction and reference.
        reach: (x, y, z), the dilated lesions of the reference, numbered as they are.
        place: the box's corner, and the voxels of the whole volume.
        tolerances_mm: those of NSD, if any.
    """
    prediction, reference = sides
    matches = match_lesions(reference.parts.labels, reach, prediction.parts.labels)
    return Compared(region, *place, prediction.outline.spacing_mm, tolerances_mm, prediction, reference, matches)


def hd95_mm(prediction: Outline, reference: Outline) -> float:
    """HD95 of two masks; infinite when one is empty, 0 when both are."""
    return robust_hausdorff_mm(prediction.surface, reference.surface, reference.spacing_mm)


def nsd_of(prediction: Outline, reference: Outline, tolerances_mm: tuple[float, ...]) -> tuple[float, ...]:
    """NSD of two masks, for each tolerance; 0 when one is empty, 1 when both are."""
    return tuple(surface_dice(prediction.border, reference.border, reference.spacing_mm, mm) for mm in tolerances_mm)


def counts_of(prediction: Outline, reference: Outline, total: int) -> Counts:
    """Voxels of two masks that were cut out of a volume of `total` voxels."""
    counted = count(prediction.mask, reference.mask)
    return Counts(counted.prediction, counted.reference, counted.both, total)
