"""The instance rules once more, slowly and by another road, to test the fast code against.

Everything happens on the whole volume: scipy numbers the components, erodes them and
transforms distances, one lesion at a time. Nothing of bratseval is used.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

Volume = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Edges = tuple[float, ...]
Values = dict[str, float]


def score_2026(
    prediction: Volume,
    reference: Volume,
    spacing: Edges,
    regions: Mapping[str, frozenset[int]],
    thresholds: tuple[float, float] | None,
) -> tuple[dict[str, Values], dict[str, Values]]:
    """The official values of each region and the corrected ones; `thresholds` in mm3 and Dice, as `mets` takes them."""
    turned = [np.ascontiguousarray(volume.transpose(2, 1, 0)) for volume in (prediction, reference)]
    official, corrected = {}, {}
    for region, labels in regions.items():
        p, g = (np.isin(volume, sorted(labels)) for volume in turned)
        official[region], corrected[region] = _region(p, g, spacing, thresholds)
    return official, corrected


def _region(p: Mask, g: Mask, spacing: Edges, thresholds: tuple[float, float] | None) -> tuple[Values, Values]:
    components, lesions = _parts(p), _parts(g)
    found = _matched(components, lesions)
    tp, fp, fn = len(found), len(components) - len(found), len(lesions) - len(found)
    official = {"all_instance_tp": tp, "all_instance_fp": fp, "all_instance_fn": fn}
    official["all_instance_f1"] = tp / (tp + 0.5 * fp + 0.5 * fn) if tp + fp + fn else math.nan
    voxels = _measures(p, g, (1.0, 1.0, 1.0), 0.5) if tp else _without_match(p, g)
    official |= dict(zip(("global_dsc", "global_hd95", "global_nsd"), voxels, strict=True))
    mm = _measures(p, g, spacing[::-1], 1.0) if p.any() and g.any() else _without_match(p, g)
    corrected = {"global_hd95_mm": mm[1], "global_nsd_1mm": mm[2]}
    if thresholds:
        measured = [[(0.0, 373.0, 0.0)] * len(lesions) for _ in range(2)]
        for lesion, component in found.items():
            for rows, edges in zip(measured, (spacing, spacing[::-1]), strict=True):
                rows[lesion] = _measures(components[component], lesions[lesion], edges, min(spacing))
        volumes = [lesion.sum() * (spacing[0] * spacing[1] * spacing[2]) for lesion in lesions]
        official |= _mets(measured[0], volumes, set(found), fp, *thresholds)
        in_order = _mets(measured[1], volumes, set(found), fp, *thresholds)
        corrected |= {f"{name}_xyz": in_order[name] for name in ("lesionwise_hd95_mean", "lesionwise_nsd_mean")}
    return {name: float(value) for name, value in official.items()}, corrected


def _parts(mask: Mask) -> list[Mask]:
    """Components, the one whose first voxel in memory comes first at 0."""
    labels, count = ndimage.label(mask, np.ones((3, 3, 3)))
    parts = [labels == number for number in range(1, count + 1)]
    return sorted(parts, key=lambda part: int(np.argmax(part)))


def _dice(p: Mask, g: Mask) -> float:
    return float(2 * (p & g).sum() / (p.sum() + g.sum()))


def _matched(components: list[Mask], lesions: list[Mask]) -> dict[int, int]:
    cost = np.full((len(lesions), len(components)), 1.0 + 1e-6)
    for i, lesion in enumerate(lesions):
        for j, component in enumerate(components):
            if _dice(component, lesion) >= 1e-6:
                cost[i, j] = 1.0 - _dice(component, lesion)
    return {int(i): int(j) for i, j in zip(*linear_sum_assignment(cost), strict=True) if cost[i, j] < 1}


def _without_match(p: Mask, g: Mask) -> tuple[float, float, float]:
    return (0.0, 373.0, 0.0) if p.any() or g.any() else (math.nan,) * 3


def _measures(p: Mask, g: Mask, edges: Edges, tolerance: float) -> tuple[float, float, float]:
    """Dice, HD95, NSD."""
    p_border, g_border = (mask & ~ndimage.binary_erosion(mask) for mask in (p, g))
    from_g = ndimage.distance_transform_edt(~p_border, sampling=edges)[g_border]
    from_p = ndimage.distance_transform_edt(~g_border, sampling=edges)[p_border]
    a, b = (from_g <= tolerance).sum() / len(from_g), (from_p <= tolerance).sum() / len(from_p)
    c, d = (from_g > tolerance).sum() / len(from_g), (from_p > tolerance).sum() / len(from_p)
    hd95 = np.percentile(np.hstack((from_g, from_p)), 95)
    return _dice(p, g), float(hd95), float((a + b) / (a + b + c + d + np.finfo(float).tiny))


def _mets(
    rows: list[tuple[float, float, float]], volumes: list[float], found: set[int], fp: int, size: float, overlap: float
) -> Values:
    large = [i for i, volume in enumerate(volumes) if volume >= size]
    small = [i for i, volume in enumerate(volumes) if volume < size]
    large_tp, small_tp = (sum(i in found and rows[i][0] >= overlap for i in part) for part in (large, small))
    values: Values = {
        "large_instance_tp": large_tp,
        "large_instance_fp": fp,
        "large_instance_fn": len(large) - large_tp,
        "large_instance_f1": _f1(large_tp, fp, len(large) - large_tp),
    }
    listed = (
        [rows[i] for i in large if i in found] + [rows[i] for i in large if i not in found] + [(0.0, 373.0, 0.0)] * fp
    )
    for k, name in enumerate(("dsc", "hd95", "nsd")):
        column = [row[k] for row in listed]
        values[f"lesionwise_{name}_mean"] = float(np.mean(column)) if large else math.nan
        values[f"lesionwise_{name}_std"] = float(np.std(column)) if large else math.nan
    small_values = (small_tp, len(small) - small_tp, fp, _f1(small_tp, fp, len(small) - small_tp))
    for name, value in zip(("tp", "fn", "fp", "f1"), small_values, strict=True):
        values[f"small_instance_{name}"] = value if small else math.nan
    return values


def _f1(tp: int, fp: int, fn: int) -> float:
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0
