"""The lesion-wise rules: what a region scores, lesion by lesion, as the official 2023 code has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import RegionRules
from bratseval.lesions import Labels, Matches, Parts, components_of, match_lesions, parts_of, reach_of
from bratseval.metrics import (
    Counts,
    Spacing,
    Surface,
    count,
    dice,
    owners_of,
    robust_hausdorff_mm,
    sensitivity,
    specificity,
    surface_of,
)

Outcome = Literal["detected", "missed", "spurious"]

# Names of the values of a region, as BraTS-2023-Metrics writes them.
TP: Final = "Num_TP"
FP: Final = "Num_FP"
FN: Final = "Num_FN"
SENSITIVITY: Final = "Sensitivity"
SPECIFICITY: Final = "Specificity"
DICE: Final = "Legacy_Dice"
HD95: Final = "Legacy_HD95"
VOLUME: Final = "GT_Complete_Volume"
LESION_DICE: Final = "LesionWise_Score_Dice"
LESION_HD95: Final = "LesionWise_Score_HD95"


@dataclass(frozen=True)
class Lesion:
    """One lesion of the reference, or one component of the prediction that found none.

    Attributes:
        region: "WT", "TC", …
        number: lesions of the reference count from 1 in the official order; spurious ones go on from there.
        outcome: detected, missed or spurious.
        counted: False for a lesion of the reference that the edition leaves out as too small.
        volume_mm3: of the lesion, or of the spurious component.
        centroid_voxels: mean voxel indices along (x, y, z), in the whole volume.
        dice: against the union of the components that touch the lesion's reach; 0 when missed or spurious.
        hd95_mm: of the same; the edition's penalty when missed or spurious.
        nsd: of the same, in the families that measure it; 0 when missed or spurious.
    """

    region: str
    number: int
    outcome: Outcome
    counted: bool
    volume_mm3: float
    centroid_voxels: tuple[float, float, float]
    dice: float
    hd95_mm: float
    nsd: float = float("nan")


@dataclass(frozen=True)
class Crop:
    """Two label volumes, cut to where either holds anything; `total` voxels before."""

    corner: tuple[int, int, int]
    prediction: NDArray[np.uint8]
    reference: NDArray[np.uint8]
    total: int


def crop(prediction: NDArray[np.uint8], reference: NDArray[np.uint8], *, margin: int) -> Crop:
    """Two label volumes of one shape, cut to where either is not 0, with `margin` voxels around where there are."""
    box = _bounding_box(prediction | reference, margin=margin)
    corner = (box[0].start, box[1].start, box[2].start)
    return Crop(corner, np.ascontiguousarray(prediction[box]), np.ascontiguousarray(reference[box]), prediction.size)


def score_region(
    region: str, pair: Crop, rules: RegionRules, spacing_mm: Spacing, penalty_mm: float
) -> tuple[Mapping[str, float], list[Lesion]]:
    """The official values of one region, and its lesions: those of the reference, then the spurious ones."""
    compared = _compare(pair, rules, spacing_mm)
    rows = _lesion_rows(region, compared, rules, penalty_mm)
    return _region_values(compared, rows, penalty_mm), rows


@dataclass(frozen=True)
class _Compared:
    """One region of a case, cut to where either mask is, and all that its rows need."""

    corner: tuple[int, int, int]
    counts: Counts
    spacing_mm: Spacing
    surfaces: tuple[Surface, Surface]
    hd95_mm: float
    components: Parts
    lesions: Parts
    matches: Matches


def _compare(pair: Crop, rules: RegionRules, spacing_mm: Spacing) -> _Compared:
    lookup = np.zeros(256, np.uint8)
    lookup[list(rules.labels)] = 1
    whole = lookup[pair.prediction], lookup[pair.reference]
    # a margin of merge_steps, so that the reach is cut by the volume's border only
    box = _bounding_box(whole[0] | whole[1], margin=rules.merge_steps)
    prediction, reference = (np.ascontiguousarray(mask[box]).view(np.bool_) for mask in whole)
    counted = count(prediction, reference)
    surfaces = surface_of(prediction, spacing_mm), surface_of(reference, spacing_mm)
    reach, number = reach_of(reference, merge_steps=rules.merge_steps)
    lesions = np.where(reference, reach, np.int32(0))
    components = components_of(prediction)
    x, y, z = (first + inner.start for first, inner in zip(pair.corner, box, strict=True))
    return _Compared(
        corner=(x, y, z),
        counts=Counts(counted.prediction, counted.reference, counted.both, pair.total),
        spacing_mm=spacing_mm,
        surfaces=surfaces,
        hd95_mm=robust_hausdorff_mm(*surfaces, spacing_mm),
        components=components,
        lesions=parts_of(lesions, number),
        matches=match_lesions(lesions, reach, components.labels),
    )


def _lesion_rows(region: str, pair: _Compared, rules: RegionRules, penalty_mm: float) -> list[Lesion]:
    owners = _Owners(pair)
    rows = []
    for index in range(pair.lesions.count):
        number = index + 1
        found = pair.matches.of(number)
        components = pair.matches.component[found]
        volume = _volume_mm3(int(pair.lesions.voxels[index]), pair.spacing_mm)
        counted = volume > rules.small_mm3
        overlap, hd95 = 0.0, penalty_mm
        if len(components):
            answered = int(pair.components.voxels[components - 1].sum())
            shared = int(pair.matches.shared_voxels[found].sum())
            overlap = dice(Counts(answered, int(pair.lesions.voxels[index]), shared, pair.counts.total))
            hd95 = owners.hd95_mm(number, components)
        outcome: Outcome = "detected" if len(components) else "missed"
        centre = _centroid(pair, pair.lesions, index)
        rows.append(Lesion(region, number, outcome, counted, volume, centre, overlap, hd95))
    spurious = np.setdiff1d(np.arange(1, pair.components.count + 1), pair.matches.component)
    for number, component in enumerate(spurious, start=pair.lesions.count + 1):
        volume = _volume_mm3(int(pair.components.voxels[component - 1]), pair.spacing_mm)
        centre = _centroid(pair, pair.components, int(component) - 1)
        rows.append(Lesion(region, number, "spurious", True, volume, centre, 0.0, penalty_mm))
    return rows


def _region_values(pair: _Compared, rows: list[Lesion], penalty_mm: float) -> Mapping[str, float]:
    counted = [row for row in rows if row.counted and row.outcome != "spurious"]
    spurious = sum(row.outcome == "spurious" for row in rows)
    detected = sum(row.outcome == "detected" for row in counted)
    entries = len(counted) + spurious
    # np.sum adds pairwise, as the official data frame does
    dices = float(np.sum(np.array([row.dice for row in counted])))
    distances = float(np.sum(np.array([row.hd95_mm for row in counted]))) + spurious * penalty_mm
    return {
        TP: float(detected),
        FP: float(spurious),
        FN: float(len(counted) - detected),
        SENSITIVITY: sensitivity(pair.counts),
        SPECIFICITY: specificity(pair.counts),
        DICE: dice(pair.counts),
        HD95: penalty_mm if np.isinf(pair.hd95_mm) else pair.hd95_mm,
        VOLUME: _volume_mm3(pair.counts.reference, pair.spacing_mm),
        LESION_DICE: dices / entries if entries else 1.0,
        LESION_HD95: distances / entries if entries else 0.0,
    }


class _Owners:
    """HD95 of single lesions; which surface element belongs to which part is worked out once, when first asked."""

    def __init__(self, pair: _Compared) -> None:
        self._pair = pair
        self._owners: tuple[Labels, Labels] | None = None

    def hd95_mm(self, lesion: int, components: NDArray[np.int64]) -> float:
        pair = self._pair
        if pair.lesions.count == 1 and len(components) == pair.components.count:
            return pair.hd95_mm
        if self._owners is None:
            answered, right = pair.surfaces
            self._owners = owners_of(answered, pair.components.labels), owners_of(right, pair.lesions.labels)
        chosen = np.zeros(pair.components.count + 1, np.bool_)
        chosen[components] = True
        answered = pair.surfaces[0].part(chosen[self._owners[0]])
        right = pair.surfaces[1].part(self._owners[1] == lesion)
        return robust_hausdorff_mm(answered, right, pair.spacing_mm)


def _volume_mm3(voxels: int, spacing_mm: Spacing) -> float:
    # factor by factor, from left to right: the official order, on which the last bit depends
    x, y, z = spacing_mm
    return voxels * x * y * z


def _centroid(pair: _Compared, parts: Parts, index: int) -> tuple[float, float, float]:
    x, y, z = (float(c) + first for c, first in zip(parts.centroids[index], pair.corner, strict=True))
    return x, y, z


def _bounding_box(values: NDArray[np.uint8], *, margin: int) -> tuple[slice, slice, slice]:
    """Where a volume is not 0, and `margin` voxels around it within the volume; empty if it is 0 throughout."""
    slowest = int(np.argmax(values.strides))
    plane = np.bitwise_or.reduce(values, axis=slowest)  # along memory: the one pass over the whole volume
    inside: list[slice] = [_range(plane.any(axis=1)), _range(plane.any(axis=0))]
    inside.insert(slowest, slice(None))
    others = tuple({0, 1, 2} - {slowest})
    inside[slowest] = _range(np.asarray(values[tuple(inside)].any(axis=others)))
    x, y, z = (
        slice(max(0, along.start - margin), min(side, along.stop + margin)) if along.stop else along
        for along, side in zip(inside, values.shape, strict=True)
    )
    return x, y, z


def _range(there: NDArray[np.bool_]) -> slice:
    """From the first true entry to the last; empty if there is none."""
    along = np.flatnonzero(there)
    return slice(int(along[0]), int(along[-1]) + 1) if len(along) else slice(0, 0)
