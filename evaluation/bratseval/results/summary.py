"""The numbers of a submission by column, and the rows below the platform's tables."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition
from bratseval.challenge.metrics import platform_names
from bratseval.scoring.result import ScoredCase

# Rows below the platform's tables; quartiles are linear, the deviation is that of a sample (pandas' describe).
SUMMARY_ROWS: Final = ("mean", "std", "25quantile", "median", "75quantile", "n")
# What an official run of family "instances-2026" writes below its table.
OFFICIAL_ROWS: Final = ("official_mean", "official_std", "official_median")


def column(name: str, region: str, edition: Edition) -> str:
    """What the platform calls a value of a region: Dice_ET, or global_dsc_et since 2026."""
    return f"{name}_{region.lower() if edition.family == 'instances-2026' else region}"


def columns(cases: Sequence[ScoredCase], edition: Edition) -> tuple[str, ...]:
    """The names of a case's numbers: the platform's columns (each value for ET, TC, WT), then the corrected ones."""
    official = platform_names(edition).values()
    names = (*official, *_corrected(cases))
    return tuple(column(name, region, edition) for name in names for region in sorted(edition.regions))


def values(cases: Sequence[ScoredCase], edition: Edition) -> NDArray[np.float64]:
    """The numbers of all cases, one row a case, in the order of `columns`; NaN where there is none."""
    regions = sorted(edition.regions)
    corrected = _corrected(cases)
    rows = []
    for case in cases:
        row = [case.regions[region][key] for key in platform_names(edition) for region in regions]
        row += [case.corrected.get(region, {}).get(key, math.nan) for key in corrected for region in regions]
        rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(len(cases), len(columns(cases, edition)))


def summary(cases: Sequence[ScoredCase], edition: Edition) -> Mapping[str, tuple[float, ...]]:
    """Mean, deviation, quartiles and n of each column over all cases, failed ones included.

    NaN, where an edition gives it, is left out and n is smaller, as pandas does on the
    platform. Nothing has the mean NaN; a single case has the deviation NaN. In the family
    "instances-2026" the official rows follow, over the cases that an official run scores
    or finds missing (0.0.8: missing ones have the worst values, refused ones are left out).
    """
    table = values(cases, edition)
    described = [_described(column) for column in table.T]
    rows = {name: tuple(row) for name, row in zip(SUMMARY_ROWS, zip(*described, strict=True), strict=True)}
    if edition.family == "instances-2026":
        rows |= _official(table, cases, len(platform_names(edition)) * len(edition.regions))
    return rows


def _corrected(cases: Sequence[ScoredCase]) -> list[str]:
    return list(dict.fromkeys(key for case in cases for values in case.corrected.values() for key in values))


def _described(column: NDArray[np.float64]) -> tuple[float, ...]:
    absent = np.isnan(column)
    n = len(column) - int(np.count_nonzero(absent))
    if n == 0:
        return (*[math.nan] * (len(SUMMARY_ROWS) - 1), 0.0)
    return (*_mean_and_deviation(column), *map(float, np.quantile(column[~absent], (0.25, 0.5, 0.75))), float(n))


def _official(
    table: NDArray[np.float64], cases: Sequence[ScoredCase], official: int
) -> Mapping[str, tuple[float, ...]]:
    """The official rows; NaN behind the first `official` columns, which are the only ones an official run has."""
    scored = [i for i, case in enumerate(cases) if not case.failed and not case.skipped_by_platform]
    missing = [i for i, case in enumerate(cases) if case.failed and not case.skipped_by_platform]
    kept = table[scored + missing]  # missing ones last, as there: the last bit of a sum depends on it
    described = [(*_mean_and_deviation(column), _median(column)) for column in kept.T[:official]]
    beyond = [(math.nan,) * 3] * (table.shape[1] - official)
    return dict(zip(OFFICIAL_ROWS, zip(*described, *beyond, strict=True), strict=True))


def _mean_and_deviation(column: NDArray[np.float64]) -> tuple[float, float]:
    absent = np.isnan(column)
    n = len(column) - int(np.count_nonzero(absent))
    if n == 0:
        return math.nan, math.nan
    # NaN adds nothing but keeps its place in numpy's pairwise sums, as in pandas: the last bit depends on it
    mean = float(np.where(absent, 0.0, column).sum() / n)
    squares = np.where(absent, 0.0, (mean - column) ** 2)
    return mean, float(np.sqrt(squares.sum() / (n - 1))) if n > 1 else math.nan


def _median(column: NDArray[np.float64]) -> float:
    there = column[~np.isnan(column)]
    return float(np.median(there)) if len(there) else math.nan
