"""The 2023 rules once more, slowly and by another road, to test the fast code against.

Every lesion is dilated by itself on the whole volume by scipy, components are scipy's,
and distances come from DeepMind's own functions. Nothing of bratseval is used.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from surface_distance import compute_robust_hausdorff, compute_surface_distances

_CORNERS = ndimage.generate_binary_structure(3, 3)
_EDGES = ndimage.generate_binary_structure(3, 2)


def score_2023(
    prediction: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    spacing: tuple[float, float, float],
    steps: int,
    small: float,
) -> dict[str, dict[str, float]]:
    """The values of the official script for WT, TC and ET."""
    return {
        region: _region(np.isin(prediction, labels), np.isin(reference, labels), spacing, steps, small)
        for region, labels in (("WT", (1, 2, 3)), ("TC", (1, 3)), ("ET", (3,)))
    }


def _region(
    p: NDArray[np.bool_], g: NDArray[np.bool_], spacing: tuple[float, ...], steps: int, small: float
) -> dict[str, float]:
    parts, n_parts = ndimage.label(p, _CORNERS)
    joined, n_lesions = ndimage.label(ndimage.binary_dilation(g, _EDGES, steps), _CORNERS)
    used: set[int] = set()
    rows = []
    for number in range(1, n_lesions + 1):
        lesion = g & (joined == number)
        volume = lesion.sum() * spacing[0] * spacing[1] * spacing[2]
        touching = set(np.unique(parts[ndimage.binary_dilation(lesion, _EDGES, steps)])) - {0}
        used |= touching
        union = np.isin(parts, sorted(touching))
        rows.append((volume, bool(touching), _dice(union, lesion), _hd95(union, lesion, spacing)))
    spurious = n_parts - len(used)
    kept = [row for row in rows if row[0] > small]
    n = len(kept) + spurious
    tp = float((p & g).sum())
    tn = float((~p & ~g).sum())
    return {
        "Num_TP": float(sum(row[1] for row in kept)),
        "Num_FP": float(spurious),
        "Num_FN": float(sum(not row[1] for row in kept)),
        "Sensitivity": 1.0 if not p.any() and not g.any() else tp / g.sum() if g.any() else 0.0,
        "Specificity": tn / (~g).sum() if (~g).any() else 0.0,
        "Legacy_Dice": _dice(p, g),
        "Legacy_HD95": _hd95(p, g, spacing),
        "GT_Complete_Volume": float(g.sum() * spacing[0] * spacing[1] * spacing[2]),
        "LesionWise_Score_Dice": np.sum([row[2] for row in kept]) / n if n else 1.0,
        "LesionWise_Score_HD95": (np.sum([row[3] for row in kept]) + 374.0 * spurious) / n if n else 0.0,
    }


def _dice(p: NDArray[np.bool_], g: NDArray[np.bool_]) -> float:
    return 1.0 if not p.any() and not g.any() else 2.0 * (p & g).sum() / (p.sum() + g.sum())


def _hd95(p: NDArray[np.bool_], g: NDArray[np.bool_], spacing: tuple[float, ...]) -> float:
    if not p.any() or not g.any():  # the library itself fails here on NumPy 2
        return 0.0 if p.any() == g.any() else 374.0
    found = compute_robust_hausdorff(compute_surface_distances(g, p, spacing), 95)
    return 374.0 if math.isinf(found) else float(found)
