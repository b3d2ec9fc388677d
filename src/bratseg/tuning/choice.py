"""Thresholds for each cluster, and what they are worth on cases that did not take part in choosing them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseg.tuning.grid import NOTHING, Point, ThresholdGrid
from bratseg.tuning.search import CaseTable, Objective, Values

# Differences of the mean up to this count as none: tables print three or four decimals of Dice and two of HD95.
EPS: Final[Mapping[Objective, float]] = {"dice": 1e-4, "hd95": 0.01}
MIN_CASES: Final = 5  # that a cluster needs for thresholds of its own
_RESAMPLED: Final = 10_000
_INTERVAL: Final = (2.5, 97.5)  # percentiles


@dataclass(frozen=True)
class ChosenPoint:
    """The best point of a grid for some cases; `own` is False where they were too few and have the global one."""

    point: Point
    cases: int
    own: bool


@dataclass(frozen=True)
class Worth:
    """Means of the objective over all cases, and the interval of the change that tuning brings.

    Attributes:
        before: without any threshold.
        tuned: with the thresholds that these very cases chose; too good.
        leave_one_out: each case with the thresholds that the other cases chose.
        interval: 95 % of the mean of `leave_one_out` minus `before`, by resampling cases in pairs.
        gain: whether `leave_one_out` is better than `before` by more than EPS.
    """

    before: float
    tuned: float
    leave_one_out: float
    interval: tuple[float, float]
    gain: bool


@dataclass(frozen=True, eq=False)
class Choice:
    """The best thresholds of every cluster, whether or not they are worth it.

    Attributes:
        everyone: chosen by all cases together; also for outliers and cases without features.
        clusters: in their order.
        tuned: for each case the point that it gets.
        leave_one_out: for each case the point that it would get if it had not taken part.
    """

    everyone: ChosenPoint
    clusters: tuple[ChosenPoint, ...]
    tuned: tuple[Point, ...]
    leave_one_out: tuple[Point, ...]
    worth: Worth


def choose(
    tables: Sequence[CaseTable],
    clusters: Sequence[int | None],
    belongs: Sequence[bool],
    objective: Objective,
    grid: ThresholdGrid,
) -> Choice:
    """The best thresholds for all cases and for each cluster, and what they are worth.

    Leaving a case out repeats the whole choice without it, in its cluster and globally,
    but neither the clusters nor the shares, which would have to be fitted again. So the
    mean of `leave_one_out` is still a little too good.

    Args:
        tables: one for each case, at least one.
        clusters: each case's, counted from 0; None where it has no features.
        belongs: False for an outlier, which gets the global thresholds although it has a cluster.
    """
    values = np.stack([table.means(objective) for table in tables])
    utility = values if objective == "dice" else -values
    eps = EPS[objective]
    members = [[i for i, own in enumerate(clusters) if own == cluster] for cluster in range(_count(clusters))]
    everyone = ChosenPoint(best_point(utility.mean(axis=0), eps, grid), len(tables), own=True)
    chosen = tuple(_chosen(utility[cases], everyone, eps, grid) for cases in members)
    applied = [cluster if inside else None for cluster, inside in zip(clusters, belongs, strict=True)]
    tuned = tuple(everyone.point if cluster is None else chosen[cluster].point for cluster in applied)
    leave_one_out = tuple(_leave_one_out(utility, members, applied, eps, grid))
    return Choice(everyone, chosen, tuned, leave_one_out, worth_of(values, tuned, leave_one_out, objective))


def best_point(utility: Values, eps: float, grid: ThresholdGrid) -> Point:
    """The smallest thresholds within `eps` of the best mean; none unless the best is better than none by more.

    The smallest have the fewest steps of the grid, all four axes together; of equals
    those with the smallest ratio, then the smallest sizes in order.

    Args:
        utility: (sizes, sizes, sizes, ratios), greater is better.

    Raises:
        ValueError: `utility` has not the grid's shape.
    """
    if grid.shape != utility.shape:
        raise ValueError(f"means are {utility.shape}, expected the grid's {grid.shape}")
    best = float(utility.max())
    if best <= float(utility[NOTHING]) + eps:
        return NOTHING
    good = np.argwhere(utility >= best - eps)
    a, b, c, ratio = good.T
    order = np.lexsort((c, b, a, ratio, a + b + c + ratio))
    first, second, third, fourth = good[order[0]].tolist()
    return first, second, third, fourth


def worth_of(values: Values, tuned: Sequence[Point], leave_one_out: Sequence[Point], objective: Objective) -> Worth:
    """Means before and after, and the interval of their difference; `values` is (cases, *grid)."""
    before = values[:, *NOTHING]
    after = np.array([values[i, *point] for i, point in enumerate(tuned)])
    held_out = np.array([values[i, *point] for i, point in enumerate(leave_one_out)])
    change = float((held_out - before).mean())
    gain = (change if objective == "dice" else -change) > EPS[objective]
    interval = interval_of(held_out - before)
    return Worth(float(before.mean()), float(after.mean()), float(held_out.mean()), interval, gain)


def interval_of(differences: NDArray[np.float64]) -> tuple[float, float]:
    """95 % of the mean of paired differences, by resampling cases; always the same for the same differences."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(differences), (_RESAMPLED, len(differences)))
    low, high = np.percentile(differences[drawn].mean(axis=1), _INTERVAL)
    return float(low), float(high)


def _count(clusters: Sequence[int | None]) -> int:
    return 1 + max((cluster for cluster in clusters if cluster is not None), default=-1)


def _chosen(utility: Values, everyone: ChosenPoint, eps: float, grid: ThresholdGrid) -> ChosenPoint:
    """The point of a cluster; `utility` is (cases, *grid)."""
    if len(utility) < MIN_CASES:
        return ChosenPoint(everyone.point, len(utility), own=False)
    return ChosenPoint(best_point(utility.mean(axis=0), eps, grid), len(utility), own=True)


def _leave_one_out(
    utility: Values,
    members: Sequence[Sequence[int]],
    applied: Sequence[int | None],
    eps: float,
    grid: ThresholdGrid,
) -> Iterator[Point]:
    """For each case the point that is chosen without it.

    Args:
        members: the cases of each cluster.
        applied: the cluster whose thresholds each case gets; None for the global ones.
    """
    total = utility.sum(axis=0)
    sums = [utility[cases].sum(axis=0) for cases in members]
    for i, cluster in enumerate(applied):
        # a cluster that is too small without the case falls back on the others of all clusters
        if cluster is None or len(members[cluster]) - 1 < MIN_CASES:
            others, rest = len(utility) - 1, total - utility[i]
        else:
            others, rest = len(members[cluster]) - 1, sums[cluster] - utility[i]
        yield best_point(rest / others, eps, grid) if others else NOTHING
