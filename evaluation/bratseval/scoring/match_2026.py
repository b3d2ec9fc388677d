"""One-to-one matching of predicted components and lesions, and the measures of each pair, as panoptica has them.

Axes here are (z, y, x), as SimpleITK hands volumes to the official code: the numbers of
lesions, the order of its sums and one fault depend on it. The fault: the voxel edges
(x, y, z) are applied to the axes (z, y, x). The official measures keep it; the corrected
ones stand beside them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from bratseval.metrics.components import Components, Mask, connected_components_in_scan_order
from bratseval.metrics.mesh_surface import Spacing, is_lattice
from bratseval.metrics.overlap import count_voxels, dice
from bratseval.metrics.pooled_surface import Borders, PooledDistances, pooled_distances
from bratseval.metrics.voxel_surface import border_of

# Bundled configurations of BraTS_evaluation 0.0.8: MaxBipartiteMatching on DSC; a pair below this never matches.
MATCHING_DICE: Final = 0.000001
# panoptica measures whole masks without spacing, so their NSD has this tolerance in voxels (coincident borders).
WHOLE_TOLERANCE_VOXELS: Final = 0.5
# Tolerance of the corrected NSD of whole masks: that of the final ranking of GoAT 2026 (synapse.org thread 14186).
WHOLE_TOLERANCE_MM: Final = 1.0


@dataclass(frozen=True)
class Measures:
    """How well two masks agree: Dice, pooled HD95 and voxel-border NSD."""

    dice: float
    hd95: float
    nsd: float


NOTHING_TO_MEASURE: Final = Measures(float("nan"), float("nan"), float("nan"))
NOTHING_IN_COMMON: Final = Measures(0.0, float("inf"), 0.0)


@dataclass(frozen=True)
class OneToOneMatching:
    """The lesions and components of one region, matched one to one.

    Attributes:
        reference, prediction: the components of each, axes (z, y, x), numbered as a scan with x fastest meets them.
        partner: (reference.count,), the number of the component matched to lesion n at n - 1; 0 without one.
        official: measures in mm of each matched lesion, by its number, with the voxel edges on the wrong axes.
        corrected: the same with the voxel edges on their own axes.
        whole: measures of the whole masks in voxels; NOTHING_IN_COMMON if no lesion is
            matched, NaN if both masks are empty.
        whole_mm: measures of the whole masks in mm, NSD within 1 mm.
    """

    reference: Components
    prediction: Components
    partner: NDArray[np.int64]
    official: dict[int, Measures]
    corrected: dict[int, Measures]
    whole: Measures
    whole_mm: Measures


def measure(prediction: Mask, reference: Mask, spacing_mm: Spacing) -> OneToOneMatching:
    """The lesions and components of two masks, matched and measured.

    Args:
        prediction, reference: (z, y, x), of one shape; voxels outside it are background.
        spacing_mm: voxel edges along (x, y, z).
    """
    lesions, components = connected_components_in_scan_order(reference), connected_components_in_scan_order(prediction)
    partner, dices = _match(lesions, components, reference & prediction)
    borders = _flat_border(reference), _flat_border(prediction)
    whole, whole_mm, pool = NOTHING_TO_MEASURE, NOTHING_TO_MEASURE, None
    if lesions.count and components.count:
        overlap = dice(count_voxels(prediction, reference))
        pool, pool_mm = _whole(borders, reference.shape, spacing_mm)
        whole_mm = Measures(overlap, pool_mm.hd95(), pool_mm.nsd(WHOLE_TOLERANCE_MM))
        whole = Measures(overlap, pool.hd95(), pool.nsd(WHOLE_TOLERANCE_VOXELS)) if dices else NOTHING_IN_COMMON
    elif lesions.count or components.count:
        whole = whole_mm = NOTHING_IN_COMMON
    official, corrected = [], []
    if pool is not None and len(dices) == lesions.count == components.count == 1 and is_lattice(spacing_mm):
        # the only pair is the whole
        official = corrected = _far([pool.scaled(spacing_mm[0])], spacing_mm)
    elif dices:
        official, corrected = _of_pairs(*_pair_borders(lesions, components, partner, borders), len(dices), spacing_mm)
    measured = [
        {n: Measures(dices[n], *far) for n, far in zip(dices, pairs, strict=True)} for pairs in (official, corrected)
    ]
    return OneToOneMatching(lesions, components, partner, measured[0], measured[1], whole, whole_mm)


def _match(reference: Components, prediction: Components, shared: Mask) -> tuple[NDArray[np.int64], dict[int, float]]:
    """The partner of each lesion, and the Dice of each matched one by its number; `shared` is true in both masks."""
    partner = np.zeros(reference.count, np.int64)
    if reference.count == 0 or prediction.count == 0:
        return partner, {}
    at = np.flatnonzero(shared)
    lesion, component = (numbered.labels.ravel()[at].astype(np.int64) - 1 for numbered in (reference, prediction))
    shape = reference.count, prediction.count
    overlap = np.bincount(lesion * prediction.count + component, minlength=shape[0] * shape[1]).reshape(shape)
    dices = 2.0 * overlap / (reference.voxels[:, None] + prediction.voxels[None, :])
    # a pair without overlap costs a little more than 1, the most that an overlapping pair can cost
    cost = np.where(dices >= MATCHING_DICE, 1.0 - dices, 1.0 + 1e-6)
    lesions, components = linear_sum_assignment(cost)
    valid = cost[lesions, components] < 1.0
    lesions, components = lesions[valid], components[valid]
    partner[lesions] = components + 1
    return partner, {int(n) + 1: float(dices[n, m]) for n, m in zip(lesions, components, strict=True)}


_FlatBorder = NDArray[np.int64]


def _flat_border(mask: Mask) -> _FlatBorder:
    return np.flatnonzero(border_of(mask))


def _borders(flat: _FlatBorder, shape: tuple[int, ...], component: NDArray[np.int64]) -> Borders:
    own = component != 0
    return Borders(np.stack(np.unravel_index(flat[own], shape), axis=1).astype(np.int64), component[own])


def _whole(
    flat: tuple[_FlatBorder, _FlatBorder], shape: tuple[int, ...], spacing_mm: Spacing
) -> tuple[PooledDistances, PooledDistances]:
    """The distances of the whole masks, in voxels and in mm."""
    reference, prediction = (_borders(border, shape, np.ones(len(border), np.int64)) for border in flat)
    x, y, z = spacing_mm
    # at least one voxel, so that these distances also serve the only pair where voxels are cubes
    tolerance = max(1.0, WHOLE_TOLERANCE_MM / x) if x == y == z else 1.0
    (pool,) = pooled_distances(reference, prediction, (1.0, 1.0, 1.0), count=1, tolerance=tolerance)
    if x == y == z:
        return pool, pool.scaled(x)
    (pool_mm,) = pooled_distances(reference, prediction, (z, y, x), count=1, tolerance=WHOLE_TOLERANCE_MM)
    return pool, pool_mm


def _pair_borders(
    reference: Components, prediction: Components, partner: NDArray[np.int64], flat: tuple[_FlatBorder, _FlatBorder]
) -> tuple[Borders, Borders]:
    """The borders of matched lesions and of their partners, both numbered by pair."""
    matched = np.flatnonzero(partner) + 1
    pair_of_lesion = np.zeros(reference.count + 1, np.int64)
    pair_of_component = np.zeros(prediction.count + 1, np.int64)
    pair_of_lesion[matched] = pair_of_component[partner[matched - 1]] = np.arange(1, len(matched) + 1)
    sides = zip((reference, prediction), flat, (pair_of_lesion, pair_of_component), strict=True)
    first, second = (
        _borders(border, side.labels.shape, pair_of[side.labels.ravel()[border]]) for side, border, pair_of in sides
    )
    return first, second


_Far = list[tuple[float, float]]  # HD95 and NSD of pairs


def _of_pairs(first: Borders, second: Borders, pairs: int, spacing_mm: Spacing) -> tuple[_Far, _Far]:
    """HD95 and NSD of matched pairs, with the voxel edges on the official axes and on their own."""
    x, y, z = spacing_mm
    # the official axes: the edge along x on the first axis, which is z
    shortest = min(spacing_mm)
    official = _far(pooled_distances(first, second, (x, y, z), count=pairs, tolerance=shortest, exact=True), spacing_mm)
    if x == z:
        return official, official
    return official, _far(pooled_distances(first, second, (z, y, x), count=pairs, tolerance=shortest), spacing_mm)


def _far(found: list[PooledDistances], spacing_mm: Spacing) -> _Far:
    return [(pool.hd95(), pool.nsd(min(spacing_mm))) for pool in found]
