"""The rows below the platform's table of an edition of family "instances-2026", and the same over every case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition
from bratseval.panoptic import LESION_STDS, platform_names, worst_region
from bratseval.scoring import CaseScore

Rows = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class InstanceSummary:
    """Mean, standard deviation (of a sample) and median of each column, as rows "mean", "std" and "median".

    NaN is left out of a column. A column of nothing but NaN has NaN in every row, a
    column of one number the deviation NaN.

    Attributes:
        official: BraTS_evaluation 0.0.8: missing predictions count with the worst values,
            the penalty even as the deviation of HD95; refused cases are left out.
        corrected: refused cases count as the missing ones do, deviations of the worst
            cases are 0, and the corrected values have columns besides.
    """

    official: Rows
    corrected: Rows


def summarise(scored: Sequence[CaseScore], edition: Edition, *, missing: int = 0, refused: int = 0) -> InstanceSummary:
    """Sum up the cases of a submission.

    Args:
        scored: cases that the official code scores, in the order of their references' names.
        missing: how many cases have no prediction.
        refused: how many cases the official code refuses to score.
    """
    official, corrected = worst_region(edition)
    mended = {name: 0.0 if name in LESION_STDS else value for name, value in (*official.items(), *corrected.items())}
    names = tuple(platform_names(edition))
    rows = [case.regions for case in scored]
    everything = [{name: {**case.regions[name], **case.corrected[name]} for name in case.regions} for case in scored]
    absent = [dict.fromkeys(edition.regions, official)] * missing
    failed = [dict.fromkeys(edition.regions, mended)] * (missing + refused)
    return InstanceSummary(
        official=_rows([*rows, *absent], edition, names),
        corrected=_rows([*everything, *failed], edition, (*names, *corrected)),
    )


def _rows(cases: Sequence[Mapping[str, Mapping[str, float]]], edition: Edition, names: Sequence[str]) -> Rows:
    described = {
        # the platform's names of columns
        f"{name}_{region.lower()}": _described(np.array([case[region][name] for case in cases], dtype=np.float64))
        for region in edition.regions
        for name in names
    }
    return {
        row: {column: told[i] for column, told in described.items()} for i, row in enumerate(("mean", "std", "median"))
    }


def _described(column: NDArray[np.float64]) -> tuple[float, float, float]:
    absent = np.isnan(column)
    n = int(np.count_nonzero(~absent))
    if n == 0:
        return (float("nan"),) * 3
    # NaN adds nothing but keeps its place in numpy's pairwise sums, as in pandas: the last bit depends on it
    mean = float(np.where(absent, 0.0, column).sum() / n)
    squares = np.where(absent, 0.0, (mean - column) ** 2)
    deviation = float(np.sqrt(squares.sum() / (n - 1))) if n > 1 else float("nan")
    return mean, deviation, float(np.median(column[~absent]))
