"""The rules of 2024 and 2025 once more, slowly and by another road, to test the fast code against.

Lesions are numbers painted into whole volumes, dilated one by one by scipy; tissues touch
when a dilated lesion meets one of the other tissue; distances are scipy's transform of the
whole volume. Nothing of bratseval is used, and nothing is cut, remembered or shared.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from surface_distance.lookup_tables import create_table_neighbour_code_to_surface_area

Volume = NDArray[np.generic]
Numbers = NDArray[np.int64]
Spacing = tuple[float, float, float]

_CORNERS = ndimage.generate_binary_structure(3, 3)
_EDGES = ndimage.generate_binary_structure(3, 2)
_FACES = ndimage.generate_binary_structure(3, 1)


@dataclass(frozen=True)
class Tissue:
    """A region: which values, steps of dilation, smallest volume, tissues that join its lesions."""

    of: Callable[[Volume], NDArray[np.bool_]]
    steps: int
    small: float
    through: tuple[str, ...] = ()
    scored: bool = True


@dataclass(frozen=True)
class Challenge:
    """The tissues; the penalty or None for the diagonal; in mm3 or in voxels; whether spurious lesions count."""

    tissues: Mapping[str, Tissue]
    penalty: float | None
    in_mm3: bool = False
    spurious: bool = True


def _one(label: int) -> Callable[[Volume], NDArray[np.bool_]]:
    return lambda volume: volume == label


def _span(low: int, high: int) -> Callable[[Volume], NDArray[np.bool_]]:
    return lambda volume: (volume >= low) & (volume <= high)


def _core(volume: Volume) -> NDArray[np.bool_]:
    return (volume == 1) | (volume == 3)


CHALLENGES = {
    "gli": Challenge(
        {
            "WT": Tissue(_span(1, 3), 3, 20),
            "TC": Tissue(_core, 3, 20),
            "NETC": Tissue(_one(1), 5, 20, ("ET", "RC")),
            "SNFH": Tissue(_one(2), 3, 20, ("ET", "RC", "NETC")),
            "ET": Tissue(_one(3), 3, 10, ("NETC", "RC")),
            "RC": Tissue(_one(4), 5, 20, ("ET", "NETC")),
        },
        337,
    ),
    "ssa": Challenge(
        {
            "WT": Tissue(_span(1, 3), 3, 50),
            "TC": Tissue(_core, 3, 50),
            "ET": Tissue(_one(3), 3, 50, ("NETC",)),
            "NETC": Tissue(_one(1), 3, 50, scored=False),
        },
        374,
    ),
    "met-2024": Challenge(
        {
            "WT": Tissue(_span(1, 3), 1, 2),
            "TC": Tissue(_core, 1, 2),
            "ET": Tissue(_one(3), 1, 2, ("NETC",)),
            "NETC": Tissue(_one(1), 1, 2, scored=False),
        },
        374,
    ),
    "met-2025": Challenge(
        {
            "WT": Tissue(_span(1, 3), 1, 2),
            "TC": Tissue(_core, 1, 2),
            "ET": Tissue(_one(3), 1, 2, ("NETC",)),
            "RC": Tissue(_one(4), 1, 2),
            "NETC": Tissue(_one(1), 1, 2, scored=False),
        },
        None,
    ),
    "ped": Challenge(
        {
            "WT": Tissue(_span(1, 4), 5, 10),
            "TC": Tissue(_span(1, 3), 5, 10),
            "ET": Tissue(_one(1), 5, 10),
            "NETC": Tissue(_one(2), 5, 10),
            "CC": Tissue(_one(3), 5, 10),
            "ED": Tissue(_one(4), 5, 10),
        },
        374,
    ),
    "men-rt": Challenge({"GTV": Tissue(_one(1), 1, 50)}, None, in_mm3=True, spurious=False),
}


def score_2024(
    prediction: Volume, reference: Volume, spacing: Spacing, challenge: Challenge
) -> dict[str, dict[str, float]]:
    """The values of the official script of 2025 for each region; that of 2024 has the same without NSD."""
    limit = {name: tissue.small for name, tissue in challenge.tissues.items()}
    if challenge.in_mm3:
        voxel = np.float32(spacing[0]) * np.float32(spacing[1]) * np.float32(spacing[2])
        limit = {name: small / float(voxel) for name, small in limit.items()}
    predicted = {name: _lesions(t.of(prediction), t.steps, limit[name]) for name, t in challenge.tissues.items()}
    correct = {name: _lesions(t.of(reference), t.steps, 0) for name, t in challenge.tissues.items()}
    penalty = challenge.penalty or float(np.sqrt(sum(n * n for n in reference.shape)))
    return {
        name: _region(_joined(predicted, name, t), _joined(correct, name, t), spacing, t, penalty, challenge.spurious)
        for name, t in challenge.tissues.items()
        if t.scored
    }


def _lesions(mask: NDArray[np.bool_], steps: int, limit: float) -> Numbers:
    """Parts that meet when dilated have one number, in the order of the first dilated voxel; small ones are removed."""
    parts, count = ndimage.label(ndimage.binary_dilation(mask, _EDGES, steps), _CORNERS)
    numbers = np.zeros(mask.shape, np.int64)
    order = sorted(range(1, count + 1), key=lambda part: int(np.flatnonzero(parts == part)[0]))
    for number, part in enumerate(order, start=1):
        lesion = mask & (parts == part)
        if lesion.sum() > limit:
            numbers[lesion] = number
    return numbers


def _joined(tissues: Mapping[str, Numbers], name: str, tissue: Tissue) -> Numbers:
    numbers = tissues[name].copy()
    for other in tissue.through:
        pairs = [
            (own, theirs)
            for own in sorted(set(numbers.ravel()) - {0})
            for theirs in sorted(set(tissues[other].ravel()) - {0})
            if (ndimage.binary_dilation(numbers == own, _EDGES) & (tissues[other] == theirs)).any()
        ]
        if len(pairs) < 2:
            continue
        seen = list(dict.fromkeys(theirs for _, theirs in pairs))
        behind = numbers.max() + 1
        before = numbers.copy()
        for own, theirs in reversed(pairs):  # the first pair of a lesion has the last word
            numbers[before == own] = behind + seen.index(theirs)
    if tissue.through:
        for new, old in enumerate(sorted(set(numbers.ravel()) - {0}), start=1):
            numbers[numbers == old] = new
    return numbers


def _region(
    p: Numbers, g: Numbers, spacing: Spacing, tissue: Tissue, penalty: float, spurious_counted: bool
) -> dict[str, float]:
    found: set[int] = set()
    rows = []
    for number in sorted(set(g.ravel()) - {0}):
        lesion = g == number
        touching = sorted(set(p[ndimage.binary_dilation(lesion, _EDGES, tissue.steps)]) - {0})
        found |= set(touching)
        union = np.isin(p, touching)
        volume = lesion.sum() * spacing[0] * spacing[1] * spacing[2]
        nsd = (_nsd(union, lesion, spacing, 0.5), _nsd(union, lesion, spacing, 1.0))
        rows.append((volume, bool(touching), _dice(union, lesion), _hd95(union, lesion, spacing, penalty), *nsd))
    spurious = len(set(p.ravel()) - {0} - found)
    kept = [row for row in rows if row[0] > tissue.small]
    n = len(kept) + spurious * spurious_counted
    sums = [np.sum([row[i] for row in kept]) for i in range(2, 6)]
    return {
        "Num_TP": float(sum(row[1] for row in kept)),
        "Num_FP": float(spurious),
        "Num_FN": float(sum(not row[1] for row in kept)),
        **_as_if_masks(p, g),
        "Legacy_Dice": _dice(p != 0, g != 0),
        "Legacy_HD95": _hd95(p, g, spacing, penalty),
        "Legacy NSD @ 0.5": _nsd(p != 0, g != 0, spacing, 0.5),
        "Legacy NSD @ 1.0": _nsd(p != 0, g != 0, spacing, 1.0),
        "GT_Complete_Volume": float((g != 0).sum() * spacing[0] * spacing[1] * spacing[2]),
        "LesionWise_Score_Dice": sums[0] / n if n else 1.0,
        "LesionWise_Score_HD95": (sums[1] + penalty * spurious * spurious_counted) / n if n else 0.0,
        "LesionWise_Score_NSD @ 0.5": sums[2] / n if n else 1.0,
        "LesionWise_Score_NSD @ 1.0": sums[3] / n if n else 1.0,
    }


def _as_if_masks(p: Numbers, g: Numbers) -> dict[str, float]:
    """Sensitivity and specificity with lesion numbers in place of ones: sums of numbers, agreement on 1."""
    tp = float(((p == 1) & (g == 1)).sum())
    fp, fn = p.sum() - tp, g.sum() - tp
    tn = float(((p != 1) & (g != 1)).sum())
    return {
        "Sensitivity": tp / (tp + fn + sys.float_info.min) if p.any() or g.any() else 1.0,
        "Specificity": tn / (tn + fp + sys.float_info.min),
    }


def _dice(p: NDArray[np.bool_], g: NDArray[np.bool_]) -> float:
    return 1.0 if not p.any() and not g.any() else float(2.0 * (p & g).sum() / (p.sum() + g.sum()))


def _nsd(p: NDArray[np.bool_], g: NDArray[np.bool_], spacing: Spacing, tolerance: float) -> float:
    if not p.any() or not g.any():
        return float(p.any() == g.any())
    borders = [mask & ~ndimage.binary_erosion(mask, _FACES) for mask in (p, g)]
    distances = [ndimage.distance_transform_edt(~border, sampling=spacing) for border in borders]
    to_g, to_p = distances[1][borders[0]], distances[0][borders[1]]
    hits = (to_g <= tolerance).sum() / len(to_g) + (to_p <= tolerance).sum() / len(to_p)
    return float(hits / (hits + (to_g > tolerance).sum() / len(to_g) + (to_p > tolerance).sum() / len(to_p) + 1e-8))


def _hd95(p: Volume, g: Volume, spacing: Spacing, penalty: float) -> float:
    """Area-weighted, the larger of two directed 95th percentiles; values other than one make codes modulo 256."""
    if not p.any() and not g.any():
        return 0.0
    codes = [_window_codes(side) for side in (p, g)]
    borders = [(code != 0) & (code != 255) for code in codes]
    if not borders[0].any() or not borders[1].any():
        return penalty
    areas = [_areas(spacing)[code] for code in codes]
    directed = []
    for own, other in ((0, 1), (1, 0)):
        distance = ndimage.distance_transform_edt(~borders[other], sampling=spacing)[borders[own]]
        pairs = sorted(zip(distance, areas[own][borders[own]], strict=True))
        shares = np.cumsum([area for _, area in pairs]) / np.sum([area for _, area in pairs])
        directed.append(pairs[min(int(np.searchsorted(shares, 0.95)), len(pairs) - 1)][0])
    return float(max(directed))


def _window_codes(values: Volume) -> NDArray[np.int64]:
    """For each 2x2x2 window the sum of its values, weighted with 128 for the first voxel down to 1 for the last."""
    padded = np.pad(values.astype(np.int64), 1)
    x, y, z = (n - 1 for n in padded.shape)
    corners = [padded[i : i + x, j : j + y, k : k + z] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    return sum((corner << bit for bit, corner in zip(range(7, -1, -1), corners, strict=True)), 0 * corners[0]) % 256


@lru_cache(maxsize=8)
def _areas(spacing: Spacing) -> NDArray[np.float64]:
    table: NDArray[np.float64] = create_table_neighbour_code_to_surface_area(spacing)
    return table
