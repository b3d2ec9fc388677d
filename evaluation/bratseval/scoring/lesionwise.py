"""Lesion by lesion: the rows and values that both lesion-wise families compute from a matched region."""

from collections.abc import Callable
from typing import Final

import numpy as np

from bratseval.metrics.components import Components
from bratseval.metrics.mesh_surface import Spacing
from bratseval.metrics.overlap import VoxelCounts, dice
from bratseval.scoring.region_pair import RegionPair
from bratseval.scoring.result import Lesion, Outcome

# Names of the values of a region, as the official scripts write them.
TP: Final = "Num_TP"
FP: Final = "Num_FP"
FN: Final = "Num_FN"
SENSITIVITY: Final = "Sensitivity"
SPECIFICITY: Final = "Specificity"
DICE: Final = "Legacy_Dice"
HD95: Final = "Legacy_HD95"
NSD: Final = "Legacy NSD @ {}"
VOLUME: Final = "GT_Complete_Volume"
LESION_DICE: Final = "LesionWise_Score_Dice"
LESION_HD95: Final = "LesionWise_Score_HD95"
LESION_NSD: Final = "LesionWise_Score_NSD @ {}"


def volume_mm3(voxels: int, spacing_mm: Spacing) -> float:
    """The volume of some voxels in mm3, multiplied from left to right: the last bit depends on this official order."""
    x, y, z = spacing_mm
    return voxels * x * y * z


def rows_of(pair: RegionPair, small_mm3: float, penalty_mm: float, *, spurious_counted: bool = True) -> list[Lesion]:
    """The lesions of the reference in the official order, then the spurious ones.

    Args:
        pair: the matched region.
        small_mm3: lesions of at most this volume are not counted.
        penalty_mm: HD95 of missed and spurious lesions.
        spurious_counted: whether spurious lesions enter the means.
    """
    lesions, predicted = pair.reference.components, pair.prediction.components
    rows = [_row(pair, lesion, small_mm3, penalty_mm) for lesion in range(1, lesions.count + 1)]
    nothing = (0.0,) * len(pair.tolerances_mm)
    spurious = np.setdiff1d(np.arange(1, predicted.count + 1), pair.matches.component)
    for number, component in enumerate(spurious, start=lesions.count + 1):
        volume, centre = _volume_and_centre(pair, predicted, int(component))
        rows.append(
            Lesion(pair.region, number, "spurious", spurious_counted, volume, centre, 0.0, penalty_mm, *nothing)
        )
    return rows


def _row(pair: RegionPair, lesion: int, small_mm3: float, penalty_mm: float) -> Lesion:
    found = pair.matches.component[pair.matches.of(lesion)]
    volume, centre = _volume_and_centre(pair, pair.reference.components, lesion)
    measured = (0.0, penalty_mm, *(0.0,) * len(pair.tolerances_mm))
    if len(found):
        predicted = int(pair.prediction.components.voxels[found - 1].sum())
        shared = int(pair.matches.shared_voxels[pair.matches.of(lesion)].sum())
        overlap = dice(VoxelCounts(predicted, int(pair.reference.components.voxels[lesion - 1]), shared, pair.total))
        measured = (overlap, pair.lesion_hd95_mm(lesion, found), *pair.lesion_nsd(lesion, found))
    outcome: Outcome = "detected" if len(found) else "missed"
    return Lesion(pair.region, lesion, outcome, volume > small_mm3, volume, centre, *measured)


def _volume_and_centre(
    pair: RegionPair, components: Components, number: int
) -> tuple[float, tuple[float, float, float]]:
    """Volume in mm3 and mean voxel indices (x, y, z) in the whole volume of a component."""
    x, y, z = (float(c) + first for c, first in zip(components.centroids[number - 1], pair.corner, strict=True))
    return volume_mm3(int(components.voxels[number - 1]), pair.spacing_mm), (x, y, z)


def lesion_values(rows: list[Lesion], tolerances_mm: tuple[float, ...], penalty_mm: float) -> dict[str, float]:
    """Numbers of lesions and lesion-wise means; if no lesion counts, Dice and NSD are 1 and HD95 is 0."""
    known = [row for row in rows if row.outcome != "spurious"]
    counted = [row for row in known if row.counted]
    detected = sum(row.outcome == "detected" for row in counted)
    spurious = len(rows) - len(known)
    penalised = sum(row.counted for row in rows) - len(counted)
    entries = len(counted) + penalised

    def mean(measure: Callable[[Lesion], float], missing: float, nothing: float) -> float:
        # np.sum adds pairwise, as the official data frame does
        total = float(np.sum(np.array([measure(row) for row in counted]))) + penalised * missing
        return total / entries if entries else nothing

    nsd = (lambda row: row.nsd_at_half_mm, lambda row: row.nsd_at_1_mm)
    return {
        TP: float(detected),
        FP: float(spurious),
        FN: float(len(counted) - detected),
        LESION_DICE: mean(lambda row: row.dice, 0.0, 1.0),
        LESION_HD95: mean(lambda row: row.hd95_mm, penalty_mm, 0.0),
        **{
            LESION_NSD.format(mm): mean(measure, 0.0, 1.0)
            for mm, measure in zip(tolerances_mm, nsd[: len(tolerances_mm)], strict=True)
        },
    }
