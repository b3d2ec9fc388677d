"""Lesions as the 2024 family numbers them: merged by dilation on both sides, filtered, joined through other tissues."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition, RegionRules
from bratseval.metrics.components import Labels, Mask, parts_of, reach_of
from bratseval.metrics.crop import Crop, masks_of
from bratseval.metrics.mesh_surface import Spacing
from bratseval.metrics.voxel_surface import touching
from bratseval.scoring.region_pair import Outline, Side


@dataclass(frozen=True)
class Merged:
    """One mask of a region and its lesions.

    Attributes:
        side: what is left of the mask, and its lesions from 1.
        numbers: (lesions,), the official number of each, ascending; has gaps where lesions were deleted.
        whole: the mask before anything was deleted.
    """

    side: Side
    numbers: NDArray[np.int64]
    whole: Outline


@dataclass(frozen=True)
class MergedPair:
    """One region of a case.

    Attributes:
        reach: (x, y, z), the dilated lesions of the reference, numbered as they are.
        corner: the box's first voxel (x, y, z) in the whole volume.
    """

    prediction: Merged
    reference: Merged
    reach: Labels
    corner: tuple[int, int, int]


def merge(pair: Crop, spacing_mm: Spacing, edition: Edition) -> Mapping[str, MergedPair]:
    """The lesions of each scored region, in the prediction and in the reference."""
    answered: dict[str, _Tissue] = {}
    right: dict[str, _Tissue] = {}
    reaches: dict[str, Labels] = {}  # of what is scored alone: a reach is as large as the box
    for name, rules in {**edition.regions, **edition.unscored}.items():
        masks = masks_of(pair, rules)
        smallest = smallest_kept(rules, spacing_mm, edition)
        answered[name], _ = _tissue(masks.prediction, masks.corner, rules, spacing_mm, smallest)
        right[name], reach = _tissue(masks.reference, masks.corner, rules, spacing_mm, 0.0)
        if name in edition.regions:
            reaches[name] = reach
    return {
        name: _pair(name, answered, right, reaches.pop(name), rules.joined_through)
        for name, rules in edition.regions.items()
    }


def joined_numbers(count: int, touched: Iterable[Sequence[tuple[int, int]]]) -> NDArray[np.int64]:
    """New numbers of lesions 1..count; those that touch one common lesion of another tissue get the same.

    For each tissue in turn: a lesion goes with the first lesion that it touches, whatever
    else it touches, and is numbered anew behind all others. A tissue with a single pair
    of lesions that touch changes nothing.

    Args:
        touched: for each tissue, pairs of a lesion's number from 1 and of one of the tissue's that it touches.

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
class _Tissue:
    """Lesions before they are joined: `labels` (x, y, z) from 1 with gaps, of the `kept` numbers."""

    kept: NDArray[np.int64]
    labels: Labels
    corner: tuple[int, int, int]
    outline: Outline
    whole: Outline


def _tissue(
    mask: Mask, corner: tuple[int, int, int], rules: RegionRules, spacing_mm: Spacing, smallest: float
) -> tuple[_Tissue, Labels]:
    """The lesions of a mask larger than `smallest` voxels, and the dilated mask with the numbers of all lesions."""
    whole = Outline(mask, spacing_mm)
    reach, count = reach_of(mask, merge_steps=rules.merge_steps)
    labels = mask * reach
    keeps = np.bincount(reach[mask], minlength=count + 1) > smallest
    keeps[0] = False
    outline = whole
    if not keeps[1:].all():
        labels = keeps[labels] * labels
        outline = Outline(labels != 0, spacing_mm)
    return _Tissue(np.flatnonzero(keeps), labels, corner, outline, whole), reach


def _pair(
    name: str,
    answered: Mapping[str, _Tissue],
    right: Mapping[str, _Tissue],
    reach: Labels,
    through: tuple[str, ...],
) -> MergedPair:
    prediction, _ = _merged(name, answered, through)
    reference, renumbered = _merged(name, right, through)
    return MergedPair(prediction, reference, _numbered_anew(reach, renumbered), right[name].corner)


def _merged(name: str, tissues: Mapping[str, _Tissue], through: tuple[str, ...]) -> tuple[Merged, Labels]:
    """A tissue with its lesions joined, and which of them each number from 0 on has become."""
    tissue = tissues[name]
    highest = int(tissue.kept.max(initial=0))
    numbers = np.arange(1, highest + 1)
    if through:
        numbers = joined_numbers(len(numbers), (_touched(tissue, tissues[other]) for other in through))
    official, lesion = np.unique(numbers[tissue.kept - 1], return_inverse=True)
    renumbered = np.zeros(highest + 1, tissue.labels.dtype)
    renumbered[tissue.kept] = lesion + 1
    side = Side(tissue.outline, parts_of(_numbered_anew(tissue.labels, renumbered), len(official)))
    # joined regions are numbered anew without gaps, the others keep the gaps of deleted lesions
    numbers = np.arange(1, len(official) + 1) if through else official
    return Merged(side, numbers, tissue.whole), renumbered


def _numbered_anew(labels: Labels, renumbered: Labels) -> Labels:
    unchanged = np.array_equal(renumbered, np.arange(len(renumbered)))
    return labels if unchanged else renumbered[labels]


def _touched(tissue: _Tissue, other: _Tissue) -> list[tuple[int, int]]:
    if not len(tissue.kept) or not len(other.kept):
        return []
    x, y, z = (int(own - theirs) for own, theirs in zip(tissue.corner, other.corner, strict=True))
    pairs = touching(tissue.outline.border, tissue.labels, other.labels, (x, y, z))
    return [(int(own), int(theirs)) for own, theirs in pairs]


def smallest_kept(rules: RegionRules, spacing_mm: Spacing, edition: Edition) -> float:
    """Predicted lesions of at most this many voxels are deleted."""
    if edition.filter_unit == "voxels":
        return rules.small_mm3
    # multiplied in float32, as the official code does with the header's edges
    x, y, z = (np.float32(edge) for edge in spacing_mm)
    return rules.small_mm3 / float(x * y * z)
