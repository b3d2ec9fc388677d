"""The one-to-one rules: what a region scores, component by component, as BraTS_evaluation 0.0.8 has it.

Values carry the column names of its `brats-parse-metrics`: those of `seg` for every
edition, and those of `mets` besides where an edition distinguishes large lesions from small.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition, OneToOneRules
from bratseval.metrics.components import Components
from bratseval.metrics.crop import CroppedPair, crop_pair
from bratseval.metrics.mesh_surface import Spacing
from bratseval.scoring.match_2026 import Measures, OneToOneMatching, measure
from bratseval.scoring.panoptica_columns import evaluator_values
from bratseval.scoring.result import Lesion, Outcome, ScoredCase

# Names of the values of a region, as brats-parse-metrics writes them before "_et" and so on.
TP: Final = "all_instance_tp"
FP: Final = "all_instance_fp"
FN: Final = "all_instance_fn"
F1: Final = "all_instance_f1"
DICE: Final = "global_dsc"
NSD: Final = "global_nsd"
HD95: Final = "global_hd95"
LARGE_TP: Final = "large_instance_tp"
LARGE_FP: Final = "large_instance_fp"
LARGE_FN: Final = "large_instance_fn"
LARGE_F1: Final = "large_instance_f1"
LESION_MEANS: Final = ("lesionwise_dsc_mean", "lesionwise_hd95_mean", "lesionwise_nsd_mean")
LESION_STDS: Final = ("lesionwise_dsc_std", "lesionwise_hd95_std", "lesionwise_nsd_std")
SMALL_TP: Final = "small_instance_tp"
SMALL_FN: Final = "small_instance_fn"
SMALL_FP: Final = "small_instance_fp"
SMALL_F1: Final = "small_instance_f1"
_LESION: Final = tuple(name for pair in zip(LESION_MEANS, LESION_STDS, strict=True) for name in pair)

# Corrected values under names of their own. The official whole masks are measured in voxels, and not at all
# without a match; the official lesions have the voxel edges of x and z exchanged.
HD95_MM: Final = "global_hd95_mm"
NSD_1MM: Final = "global_nsd_1mm"
LESION_HD95_XYZ: Final = "lesionwise_hd95_mean_xyz"
LESION_NSD_XYZ: Final = "lesionwise_nsd_mean_xyz"


@dataclass(frozen=True)
class RegionScore:
    """One region: official and corrected values, the evaluator's own, the reference's lesions, then spurious ones."""

    official: Mapping[str, float]
    corrected: Mapping[str, float]
    evaluator: Mapping[str, float]
    lesions: tuple[Lesion, ...]


def score(
    prediction: NDArray[np.generic], reference: NDArray[np.generic], spacing_mm: Spacing, edition: Edition
) -> ScoredCase:
    """Every region of a case, in the edition's order.

    Labels of no region are background here; an official run skips such a case, see
    `skipped_by_platform`. Fractions are truncated, as there.

    Args:
        prediction, reference: labels (x, y, z) of one shape.
        spacing_mm: voxel edges along (x, y, z), the same in both files.
    """
    rules, penalty = _rules(edition), edition.penalty_for(prediction.shape)
    turned = crop_pair(_truncated(prediction).T, _truncated(reference).T, margin=0)
    found = {
        region: _score_region(region, turned, marks.labels, spacing_mm, rules, penalty)
        for region, marks in edition.regions.items()
    }
    return ScoredCase(
        regions={name: region.official for name, region in found.items()},
        lesions=tuple(lesion for region in found.values() for lesion in region.lesions),
        corrected={name: region.corrected for name, region in found.items()},
        evaluator={name: region.evaluator for name, region in found.items()},
    )


def _rules(edition: Edition) -> OneToOneRules:
    if edition.one_to_one is None:
        raise ValueError(f"{edition.name}: is of family {edition.family}, expected instances-2026")
    return edition.one_to_one


def _truncated(labels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Labels as the official code casts them: fractions are truncated; values outside 0 to 255 become 0."""
    if labels.dtype == np.uint8:
        return labels.astype(np.uint8, copy=False)
    if labels.size and not (labels.min() >= 0 and labels.max() < 256):  # NaN is neither
        values = labels.astype(np.float64)
        return np.where((values > 0) & (values < 256), values, 0).astype(np.uint8)
    return labels.astype(np.uint8)


def _score_region(
    region: str, pair: CroppedPair, labels: frozenset[int], spacing_mm: Spacing, rules: OneToOneRules, penalty_mm: float
) -> RegionScore:
    inside = crop_pair(_inside(pair.prediction, labels), _inside(pair.reference, labels), margin=0)
    found = measure(inside.prediction.view(np.bool_), inside.reference.view(np.bool_), spacing_mm)
    corner = tuple(outer + inner for outer, inner in zip(pair.corner, inside.corner, strict=True))
    rows = _lesion_rows(region, found, corner, spacing_mm, rules, penalty_mm)
    official = _counts(found) | dict(zip((DICE, NSD, HD95), _whole(found.whole, rules, penalty_mm), strict=True))
    corrected = dict(zip((NSD_1MM, HD95_MM), _whole(found.whole_mm, rules, penalty_mm)[1:], strict=True))
    if rules.vol_threshold_mm3 is not None and rules.overlap_threshold is not None:
        spurious = int(official[FP])
        large = [row for row in rows if row.counted and row.outcome != "spurious"]
        small = [row for row in rows if not row.counted]
        official |= _large_counts(large, spurious, rules.overlap_threshold)
        official |= _lesion_values(_listed(large, found.official, penalty_mm), spurious, penalty_mm)
        official |= _small_counts(small, spurious, rules.overlap_threshold)
        on_own_axes = _lesion_values(_listed(large, found.corrected, penalty_mm), spurious, penalty_mm)
        corrected |= {LESION_HD95_XYZ: on_own_axes[LESION_MEANS[1]], LESION_NSD_XYZ: on_own_axes[LESION_MEANS[2]]}
    return RegionScore(official, corrected, evaluator_values(found, spacing_mm), tuple(rows))


def _inside(volume: NDArray[np.uint8], labels: frozenset[int]) -> NDArray[np.uint8]:
    inside: NDArray[np.bool_] = reduce(np.bitwise_or, [volume == label for label in sorted(labels)])
    return inside.view(np.uint8)


def _counts(found: OneToOneMatching) -> dict[str, float]:
    tp = int(np.count_nonzero(found.partner))
    fp, fn = found.prediction.count - tp, found.reference.count - tp
    entries = tp + 0.5 * fp + 0.5 * fn
    return {TP: float(tp), FP: float(fp), FN: float(fn), F1: tp / entries if entries else float("nan")}


def _whole(measures: Measures, rules: OneToOneRules, penalty_mm: float) -> tuple[float, float, float]:
    """Dice, NSD and HD95 of whole masks as an edition reports them."""
    if np.isnan(measures.dice):
        return (1.0, 1.0, 0.0) if rules.empty_is_perfect else (measures.dice, measures.nsd, measures.hd95)
    return measures.dice, measures.nsd, penalty_mm if np.isinf(measures.hd95) else measures.hd95


def _large_counts(large: Sequence[Lesion], spurious: int, overlap: float) -> dict[str, float]:
    """Detected, spurious and missed large lesions; F1 is 0 where there are none."""
    tp = _overlapping(large, overlap)
    f1 = _f1(tp, spurious, len(large) - tp)
    return {LARGE_TP: float(tp), LARGE_FP: float(spurious), LARGE_FN: float(len(large) - tp), LARGE_F1: f1}


def _small_counts(small: Sequence[Lesion], spurious: int, overlap: float) -> dict[str, float]:
    """The same of small lesions, beside every spurious component whatever its size; NaN where there are none."""
    if not small:
        return dict.fromkeys((SMALL_TP, SMALL_FN, SMALL_FP, SMALL_F1), float("nan"))
    tp = _overlapping(small, overlap)
    fn = len(small) - tp
    return {SMALL_TP: float(tp), SMALL_FN: float(fn), SMALL_FP: float(spurious), SMALL_F1: _f1(tp, spurious, fn)}


def _overlapping(lesions: Sequence[Lesion], overlap: float) -> int:
    return sum(row.outcome == "detected" and row.dice >= overlap for row in lesions)


def _f1(tp: int, fp: int, fn: int) -> float:
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0


def _listed(large: Sequence[Lesion], measured: Mapping[int, Measures], penalty_mm: float) -> list[Measures]:
    """The measures of large lesions: detected ones first, then those missed, as the official code lists them."""
    detected = [measured[row.number] for row in large if row.outcome == "detected"]
    return detected + [Measures(0.0, penalty_mm, 0.0)] * (len(large) - len(detected))


def _lesion_values(large: Sequence[Measures], spurious: int, penalty_mm: float) -> dict[str, float]:
    """Mean and deviation over large lesions and spurious components of any size; NaN without a large lesion."""
    if not large:
        return dict.fromkeys(_LESION, float("nan"))
    every = [*large, *[Measures(0.0, penalty_mm, 0.0)] * spurious]
    columns = [np.array([getattr(row, name) for row in every]) for name in ("dice", "hd95", "nsd")]
    means = zip(LESION_MEANS, (float(np.mean(column)) for column in columns), strict=True)
    return dict(means) | {name: float(np.std(column)) for name, column in zip(LESION_STDS, columns, strict=True)}


# Lesions


def _lesion_rows(
    region: str,
    found: OneToOneMatching,
    corner: tuple[int, ...],
    spacing_mm: Spacing,
    rules: OneToOneRules,
    penalty_mm: float,
) -> list[Lesion]:
    voxel_mm3 = spacing_mm[0] * spacing_mm[1] * spacing_mm[2]
    rows = []
    for index, component in enumerate(found.partner):
        volume = int(found.reference.voxels[index]) * voxel_mm3
        outcome: Outcome = "detected" if component else "missed"
        far = found.official.get(index + 1, Measures(0.0, penalty_mm, 0.0))
        counted = rules.vol_threshold_mm3 is None or volume >= rules.vol_threshold_mm3
        centre = _centroid(found.reference, index, corner)
        rows.append(Lesion(region, index + 1, outcome, counted, volume, centre, far.dice, far.hd95, nsd=far.nsd))
    spurious = np.setdiff1d(np.arange(1, found.prediction.count + 1), found.partner)
    for number, component in enumerate(spurious, start=found.reference.count + 1):
        volume = int(found.prediction.voxels[component - 1]) * voxel_mm3
        centre = _centroid(found.prediction, int(component) - 1, corner)
        rows.append(Lesion(region, number, "spurious", True, volume, centre, 0.0, penalty_mm, nsd=0.0))
    return rows


def _centroid(components: Components, index: int, corner: tuple[int, ...]) -> tuple[float, float, float]:
    z, y, x = (float(c) + first for c, first in zip(components.centroids[index], corner, strict=True))
    return x, y, z
