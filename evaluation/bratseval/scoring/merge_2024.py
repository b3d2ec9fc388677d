"""Lesions as the 2024 family numbers them: merged by dilation, filtered by size, joined through other regions.

Reference and prediction are treated alike, except that only the prediction is filtered.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition, RegionRules
from bratseval.metrics.components import Labels, Mask, dilated_lesions, measure_components
from bratseval.metrics.crop import CroppedPair, region_masks
from bratseval.metrics.mesh_surface import Spacing
from bratseval.metrics.voxel_surface import touching_lesions
from bratseval.scoring.region_pair import LabelledMask, MaskSurfaces


@dataclass(frozen=True)
class MergedLesions:
    """The lesions of one region in one segmentation.

    Attributes:
        lesions: the mask without deleted lesions, and its lesions, numbered from 1.
        numbers: (lesions,), the official number of each lesion, ascending, with gaps where lesions were deleted.
        whole: the mask before lesions were deleted.
    """

    lesions: LabelledMask
    numbers: NDArray[np.int64]
    whole: MaskSurfaces


@dataclass(frozen=True)
class MergedPair:
    """The lesions of one region in prediction and reference, on one box.

    Attributes:
        dilated: (x, y, z), the dilated lesions of the reference, with the same numbers.
        corner: the box's first voxel (x, y, z) in the whole volume.
    """

    prediction: MergedLesions
    reference: MergedLesions
    dilated: Labels
    corner: tuple[int, int, int]


def merge(pair: CroppedPair, spacing_mm: Spacing, edition: Edition) -> Mapping[str, MergedPair]:
    """The lesions of each scored region in prediction and reference.

    Args:
        pair: the label codes of both segmentations.
        spacing_mm: voxel edges along (x, y, z).
        edition: its regions, and those that are not scored but join lesions.
    """
    prediction: dict[str, _RegionComponents] = {}
    reference: dict[str, _RegionComponents] = {}
    dilated: dict[str, Labels] = {}  # only of scored regions: each is as large as the box
    for name, rules in {**edition.regions, **edition.unscored}.items():
        masks = region_masks(pair, rules)
        smallest = smallest_kept(rules, spacing_mm, edition)
        prediction[name], _ = _components(masks.prediction, masks.corner, rules, spacing_mm, smallest)
        reference[name], dilated_reference = _components(masks.reference, masks.corner, rules, spacing_mm, 0.0)
        if name in edition.regions:
            dilated[name] = dilated_reference
    return {
        name: _pair(name, prediction, reference, dilated.pop(name), rules.joined_through)
        for name, rules in edition.regions.items()
    }


def joined_numbers(count: int, touched: Iterable[Sequence[tuple[int, int]]]) -> NDArray[np.int64]:
    """New numbers of lesions 1..count; those that touch one common lesion of another region get the same.

    For each of the other regions in turn: a lesion goes with the first lesion that it
    touches, whatever else it touches, and gets a new number above all others. A region with
    a single pair of touching lesions changes nothing.

    Args:
        count: how many lesions there are.
        touched: for each other region, pairs of a lesion's number and of the number of a lesion there that it touches.

    Returns:
        (count,), numbers that are neither consecutive nor ascending.
    """
    numbers = np.arange(1, count + 1)
    for pairs in touched:
        renamed = sorted({(int(numbers[own - 1]), other) for own, other in pairs})
        if len(renamed) < 2:
            continue
        behind = int(numbers.max()) + 1
        groups: dict[int, int] = {}
        for _, other in renamed:
            groups.setdefault(other, behind + len(groups))
        chosen: dict[int, int] = {}
        for own, other in renamed:
            chosen.setdefault(own, groups[other])
        numbers = np.array([chosen.get(int(number), int(number)) for number in numbers])
    return numbers


@dataclass(frozen=True)
class _RegionComponents:
    """The lesions of a region before they are joined through others: `labels` (x, y, z) has the `kept` numbers."""

    kept: NDArray[np.int64]
    labels: Labels
    corner: tuple[int, int, int]
    surfaces: MaskSurfaces
    whole: MaskSurfaces


def _components(
    mask: Mask, corner: tuple[int, int, int], rules: RegionRules, spacing_mm: Spacing, smallest: float
) -> tuple[_RegionComponents, Labels]:
    """The lesions of a mask with more than `smallest` voxels, and all dilated lesions with the same numbers."""
    whole = MaskSurfaces(mask, spacing_mm)
    dilated, count = dilated_lesions(mask, merge_steps=rules.merge_steps)
    labels = mask * dilated
    keeps = np.bincount(dilated[mask], minlength=count + 1) > smallest
    keeps[0] = False
    surfaces = whole
    if not keeps[1:].all():
        labels = keeps[labels] * labels
        surfaces = MaskSurfaces(labels != 0, spacing_mm)
    return _RegionComponents(np.flatnonzero(keeps), labels, corner, surfaces, whole), dilated


def _pair(
    name: str,
    prediction: Mapping[str, _RegionComponents],
    reference: Mapping[str, _RegionComponents],
    dilated: Labels,
    through: tuple[str, ...],
) -> MergedPair:
    predicted, _ = _merged(name, prediction, through)
    expected, new_number = _merged(name, reference, through)
    return MergedPair(predicted, expected, _renumbered(dilated, new_number), reference[name].corner)


def _merged(
    name: str, regions: Mapping[str, _RegionComponents], through: tuple[str, ...]
) -> tuple[MergedLesions, Labels]:
    """A region with its lesions joined through others, and the new number of each old one (0 at 0)."""
    region = regions[name]
    highest = int(region.kept.max(initial=0))
    numbers = np.arange(1, highest + 1)
    if through:
        numbers = joined_numbers(len(numbers), (_touched(region, regions[other]) for other in through))
    official, lesion = np.unique(numbers[region.kept - 1], return_inverse=True)
    new_number = np.zeros(highest + 1, region.labels.dtype)
    new_number[region.kept] = lesion + 1
    components = measure_components(_renumbered(region.labels, new_number), len(official))
    # joined regions are numbered without gaps, the others keep the gaps of deleted lesions
    numbers = np.arange(1, len(official) + 1) if through else official
    return MergedLesions(LabelledMask(region.surfaces, components), numbers, region.whole), new_number


def _renumbered(labels: Labels, new_number: Labels) -> Labels:
    unchanged = np.array_equal(new_number, np.arange(len(new_number)))
    return labels if unchanged else new_number[labels]


def _touched(region: _RegionComponents, other: _RegionComponents) -> list[tuple[int, int]]:
    if not len(region.kept) or not len(other.kept):
        return []
    x, y, z = (int(own - theirs) for own, theirs in zip(region.corner, other.corner, strict=True))
    pairs = touching_lesions(region.surfaces.border, region.labels, other.labels, (x, y, z))
    return [(int(own), int(theirs)) for own, theirs in pairs]


def smallest_kept(rules: RegionRules, spacing_mm: Spacing, edition: Edition) -> float:
    """How many voxels a predicted lesion may have at most to be deleted."""
    if edition.filter_unit == "voxels":
        return rules.small_mm3
    # multiplied in float32, as the official code does with the header's edges
    x, y, z = (np.float32(edge) for edge in spacing_mm)
    return rules.small_mm3 / float(x * y * z)
