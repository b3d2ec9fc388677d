"""The numbers that a ranking is made of: metrics in regions, which way they are good, and what is not there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition
from bratseval.challenge.metrics import (
    Metric,
    corrected_metrics,
    metric_of_column,
    official_metrics,
    platform_names,
)
from bratseval.challenge.rules import Missing
from bratseval.errors import InputError
from bratseval.leaderboard import SubmissionScores
from bratseval.results.summary import column
from bratseval.scoring.result import ScoredCase

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """A metric in a region.

    Attributes:
        name: as in cases.csv, "LesionWise_Dice_ET".
        metric: the same without the region.
        key: the official script's name of the value, or its own where it is a corrected one.
    """

    name: str
    metric: str
    region: str
    key: str
    larger_is_better: bool


@dataclass(frozen=True)
class Values:
    """What submissions scored, axes (submission, case, column).

    Attributes:
        scored: the values as they were scored; NaN where there is none.
        missing: the prediction could not be used, or a platform's file has no number.
        undefined: nothing to score, as when reference and prediction are both empty (family "instances-2026").
        for_ranks: larger is better, to be ranked case by case: what is undefined is best, because the prediction
            was correct.
        for_means: larger is better, to be averaged: what is undefined is NaN, as on the platform.
    """

    scored: Array
    missing: NDArray[np.bool_]
    undefined: NDArray[np.bool_]
    for_ranks: Array
    for_means: Array

    @property
    def empty(self) -> NDArray[np.bool_]:
        """(submission,) those without any value."""
        found: NDArray[np.bool_] = np.all(self.missing | self.undefined, axis=(1, 2))
        return found


def columns_of(metrics: Sequence[str], regions: Sequence[str], edition: Edition) -> tuple[Column, ...]:
    """The columns of metrics in every given region, metric by metric.

    Raises:
        InputError: a metric is named twice, or is none that is better when larger or smaller.
    """
    twice = sorted({metric for metric in metrics if metrics.count(metric) > 1})
    if twice or not metrics:
        raise InputError(f"{', '.join(twice) or 'metrics'}: expected each metric once. Check --metrics.")
    official = {name: key for key, name in platform_names(edition).items()}
    return tuple(
        Column(
            name=column(metric, region, edition),
            metric=metric,
            region=region,
            key=official.get(metric, metric),
            larger_is_better=larger_is_better(metric, edition),
        )
        for metric in metrics
        for region in regions
    )


def larger_is_better(metric: str, edition: Edition) -> bool:
    """Whether larger values of a metric are better; False where smaller ones are.

    Raises:
        InputError: neither is: a volume, a number of lesions, a deviation; or the edition has no such metric.
    """
    found = metric_of_column(metric, edition)
    if found is None or found.larger_is_better is None:
        columns = ", ".join(metric.column for metric in _metrics(edition) if metric.larger_is_better is not None)
        raise InputError(
            f"{metric}: is nothing to rank by in {edition.name}, expected some of {columns}. Check --metrics."
        )
    return found.larger_is_better


def _metrics(edition: Edition) -> tuple[Metric, ...]:
    return (*official_metrics(edition), *corrected_metrics(edition))


def values_of(
    submissions: Sequence[SubmissionScores], columns: Sequence[Column], edition: Edition, missing: Missing
) -> Values:
    """What submissions of one table scored, with missing values treated as `missing` says.

    Args:
        submissions: all with the same cases.
        missing: worst gives what is missing the worst value: 0, and for HD95 the edition's
            penalty; left-out leaves it out, with the cases whose prediction could not be used.

    Raises:
        InputError: no submission has any value of a column's metric.
    """
    cases = sorted(case.case for case in submissions[0].cases)
    by_case = [{case.case: case for case in scores.cases} for scores in submissions]
    scored = np.array([[[_value(of[case], col) for col in columns] for case in cases] for of in by_case])
    failed = np.array([[of[case].failed for case in cases] for of in by_case])[:, :, np.newaxis]
    _check_metrics(by_case, columns)
    absent = np.isnan(scored)
    undefined = absent & ~failed & (edition.family == "instances-2026")
    lacking = (absent & ~undefined) | failed
    worst = np.array([_worst(scored[:, :, j], col, edition) for j, col in enumerate(columns)])
    scored = np.where(np.isinf(scored), worst, scored)
    sign = np.array([1.0 if col.larger_is_better else -1.0 for col in columns])
    kept = np.where(lacking & absent, worst, scored) if missing == "worst" else np.where(lacking, np.nan, scored)
    for_means = np.where(undefined, np.nan, kept * sign)
    return Values(scored, lacking, undefined, np.where(undefined, np.inf, for_means), for_means)


def _value(case: ScoredCase, col: Column) -> float:
    official = case.regions.get(col.region, {})
    return official.get(col.key, case.corrected.get(col.region, {}).get(col.key, np.nan))


def _check_metrics(by_case: Sequence[dict[str, ScoredCase]], columns: Sequence[Column]) -> None:
    for col in columns:
        if not any(
            col.key in case.regions.get(col.region, {}) or col.key in case.corrected.get(col.region, {})
            for of in by_case
            for case in of.values()
        ):
            raise InputError(f"{col.metric}: no entry has it, expected a column of cases.csv. Check --metrics.")


def _worst(scored: Array, col: Column, edition: Edition) -> float:
    """The worst value of a column; where the penalty is each image's own, the largest that was scored."""
    if col.larger_is_better:
        return 0.0
    if edition.penalty_mm != "image diagonal":
        return edition.penalty_mm
    finite = scored[np.isfinite(scored)]
    return float(finite.max()) if finite.size else 0.0
