"""Thresholds for each cluster, and what they are worth on cases that had no say in them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseg.tuning.grid import NOTHING, Grid, Point
from bratseg.tuning.search import CaseTable, Objective, Values

# Differences of the mean up to this are none: tables print three or four decimals of Dice and two of HD95.
EPS: Final[Mapping[Objective, float]] = {"dice": 1e-4, "hd95": 0.01}
MIN_CASES: Final = 5  # of a cluster, to be given thresholds of its own
_RESAMPLED: Final = 10_000
_INTERVAL: Final = (2.5, 97.5)  # percentiles


@dataclass(frozen=True)
class Chosen:
    """The best point of a grid for some cases; `own` is False where they were too few and have the global one."""

    point: Point
    cases: int
    own: bool


@dataclass(frozen=True)
class Worth:
    """Means over all cases of the objective, and the interval of what tuning changes it by.

    Attributes:
        before: without any threshold.
        tuned: with the thresholds that these very cases chose; flatters.
        left_out: each case with the thresholds that the other cases chose.
        interval: 95 % of the mean of `left_out` minus `before`, by resampling cases in pairs.
        gain: whether left_out is better than before by more than EPS.
    """

    before: float
    tuned: float
    left_out: float
    interval: tuple[float, float]
    gain: bool


@dataclass(frozen=True, eq=False)
class Choice:
    """The thresholds of every cluster, before it is asked whether they are worth it.

    Attributes:
        clusters: in their order.
        tuned, left_out: for each case, the point it gets, and the one it would get if it had no say.
    """

    everyone: Chosen
    clusters: tuple[Chosen, ...]
    tuned: tuple[Point, ...]
    left_out: tuple[Point, ...]
    worth: Worth


def choose(
    tables: Sequence[CaseTable],
    clusters: Sequence[int | None],
    belongs: Sequence[bool],
    objective: Objective,
    grid: Grid,
) -> Choice:
    """The best thresholds for all cases and for each cluster, and leave-one-out means of all that.

    Leaving a case out repeats the whole choice without it, in its cluster and globally,
    but neither the clusters nor the shares, which cost a new fit; so the mean is still a
    little too good.

    Args:
        tables: one for each case, at least one.
        clusters: each case's, counted from 0; None where it has no features.
        belongs: False for an outlier, which gets the global thresholds although it has a cluster.
    """
    values = np.stack([table.means(objective) for table in tables])
    better = values if objective == "dice" else -values
    eps = EPS[objective]
    members = [[i for i, own in enumerate(clusters) if own == cluster] for cluster in range(_count(clusters))]
    everyone = Chosen(best_point(better.mean(axis=0), eps, grid), len(tables), own=True)
    chosen = tuple(_chosen(better, own, everyone, eps, grid) for own in members)
    homes = [cluster if inside else None for cluster, inside in zip(clusters, belongs, strict=True)]
    tuned = tuple(everyone.point if home is None else chosen[home].point for home in homes)
    left_out = tuple(_left_out(better, members, homes, eps, grid))
    return Choice(everyone, chosen, tuned, left_out, worth_of(values, tuned, left_out, objective))


def best_point(better: Values, eps: float, grid: Grid) -> Point:
    """The smallest thresholds within `eps` of the best mean; none unless the best is better than none by more.

    The smallest are those with the fewest steps of the grid from none, all four axes
    together; of equals those with the smallest ratio, then the smallest sizes in order.

    Args:
        better: (sizes, sizes, sizes, ratios), greater is better.
    """
    best = float(better.max())
    if best <= float(better[NOTHING]) + eps:
        return NOTHING
    good = np.argwhere(better >= best - eps)
    a, b, c, ratio = good.T
    order = np.lexsort((c, b, a, ratio, a + b + c + ratio))
    first, second, third, fourth = good[order[0]].tolist()
    if grid.shape != better.shape:
        raise ValueError(f"means are {better.shape}, expected the grid's {grid.shape}")
    return first, second, third, fourth


def worth_of(values: Values, tuned: Sequence[Point], left_out: Sequence[Point], objective: Objective) -> Worth:
    """Means before and after, and the interval of their difference; `values` is (cases, *grid)."""
    before = values[:, 0, 0, 0, 0]
    after = np.array([values[(i, *point)] for i, point in enumerate(tuned)])
    honest = np.array([values[(i, *point)] for i, point in enumerate(left_out)])
    change = float((honest - before).mean())
    gain = (change if objective == "dice" else -change) > EPS[objective]
    return Worth(float(before.mean()), float(after.mean()), float(honest.mean()), interval_of(honest - before), gain)


def interval_of(differences: NDArray[np.float64]) -> tuple[float, float]:
    """95 % of the mean of paired differences, by resampling cases; always the same for the same differences."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(differences), (_RESAMPLED, len(differences)))
    low, high = np.percentile(differences[drawn].mean(axis=1), _INTERVAL)
    return float(low), float(high)


def _count(clusters: Sequence[int | None]) -> int:
    return 1 + max((cluster for cluster in clusters if cluster is not None), default=-1)


def _chosen(better: Values, own: Sequence[int], everyone: Chosen, eps: float, grid: Grid) -> Chosen:
    if len(own) < MIN_CASES:
        return Chosen(everyone.point, len(own), own=False)
    return Chosen(best_point(better[own].mean(axis=0), eps, grid), len(own), own=True)


def _left_out(
    better: Values, members: Sequence[Sequence[int]], homes: Sequence[int | None], eps: float, grid: Grid
) -> Iterator[Point]:
    """For each case the point that is chosen without it."""
    total = better.sum(axis=0)
    sums = [better[own].sum(axis=0) for own in members]
    for i, home in enumerate(homes):
        # a cluster that is too small without the case falls back on the others of all clusters
        if home is None or len(members[home]) - 1 < MIN_CASES:
            others, rest = len(better) - 1, total - better[i]
        else:
            others, rest = len(members[home]) - 1, sums[home] - better[i]
        yield best_point(rest / others, eps, grid) if others else NOTHING
