"""Two submissions case by case: which won, which lost, by how much, and whether that is more than chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition
from bratseval.challenge.ranking import PERMUTATIONS
from bratseval.challenge.rules import Missing
from bratseval.leaderboard import SubmissionScores
from bratseval.ranking.columns import Column, columns_of, values_of
from bratseval.ranking.schemes import case_ranks
from bratseval.ranking.significance import permutation_p

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ColumnComparison:
    """The first submission against the second in one column, over the cases where both have a value.

    Attributes:
        first, second: their means there; NaN where there is none.
        won, lost, tied: cases in which the first is better, worse, equal.
        p: two-sided, of the mean difference under swaps case by case.
    """

    column: Column
    first: float
    second: float
    won: int
    lost: int
    tied: int
    p: float


@dataclass(frozen=True)
class CaseComparison:
    """One case: the columns in which the first submission is better and worse, and its value less the second's."""

    case: str
    won: int
    lost: int
    differences: Mapping[str, float]


@dataclass(frozen=True)
class Comparison:
    """Two submissions of one table.

    Attributes:
        cases: those lost in most columns first, those won in most last; between, by the differences of the
            first metric.
        p: two-sided, of the ranks by case over all columns.
    """

    columns: tuple[ColumnComparison, ...]
    cases: tuple[CaseComparison, ...]
    p: float

    @property
    def won(self) -> int:
        """Cases in which the first submission is better in more columns than it is worse in."""
        return sum(case.won > case.lost for case in self.cases)

    @property
    def lost(self) -> int:
        """Cases in which it is the other way round."""
        return sum(case.won < case.lost for case in self.cases)


@dataclass(frozen=True)
class ComparisonSettings:
    """How two submissions are compared.

    Attributes:
        metrics: by their names in cases.csv, without the region.
        missing: as in `columns.values_of`.
        permutations: of each test.
        seed: of the permutations.
    """

    metrics: tuple[str, ...]
    missing: Missing
    permutations: int = PERMUTATIONS
    seed: int = 0


def compare(
    first: SubmissionScores, second: SubmissionScores, edition: Edition, settings: ComparisonSettings
) -> Comparison:
    """Compare two submissions of one table in every region.

    Raises:
        InputError: a metric is unknown.
    """
    columns = columns_of(settings.metrics, first.regions, edition)
    values = values_of((first, second), columns, edition, settings.missing)
    tests = settings.permutations, settings.seed
    turned = values.for_means[0] - values.for_means[1]  # (case, column), positive where the first is better
    p = permutation_p(np.nan_to_num(turned).T, *tests, two_sided=True)
    return Comparison(
        columns=tuple(_column(column, values.for_means[:, :, j], float(p[j])) for j, column in enumerate(columns)),
        cases=_cases(sorted(case.case for case in first.cases), columns, turned, values.for_ranks),
        p=_overall(case_ranks(values.for_ranks, "average"), *tests),
    )


def _overall(by_case: Array, permutations: int, seed: int) -> float:
    difference = by_case[1] - by_case[0]
    return float(permutation_p(np.nan_to_num(difference)[np.newaxis], permutations, seed, two_sided=True)[0])


def _column(column: Column, values: Array, p: float) -> ColumnComparison:
    """One column compared.

    Args:
        values: (2, case), larger is better; cases where either is NaN are left out.
    """
    defined = values[:, ~np.isnan(values).any(axis=0)]
    sign = 1.0 if column.larger_is_better else -1.0
    first, second = (float(row.mean()) * sign if row.size else float("nan") for row in defined)
    better, worse = np.count_nonzero(defined[0] > defined[1]), np.count_nonzero(defined[0] < defined[1])
    return ColumnComparison(column, first, second, int(better), int(worse), defined.shape[1] - int(better + worse), p)


def _cases(names: Sequence[str], columns: Sequence[Column], turned: Array, ranked: Array) -> tuple[CaseComparison, ...]:
    sign = [1.0 if column.larger_is_better else -1.0 for column in columns]
    found = []
    for number, name in enumerate(names):
        won, lost = (int(np.count_nonzero(ranked[a, number] > ranked[b, number])) for a, b in ((0, 1), (1, 0)))
        differences = {column.name: float(turned[number, j]) * sign[j] for j, column in enumerate(columns)}
        by_first = [turned[number, j] for j, column in enumerate(columns) if column.metric == columns[0].metric]
        found.append((won - lost, float(np.nansum(by_first)), CaseComparison(name, won, lost, differences)))
    return tuple(case for *_, case in sorted(found, key=lambda entry: (entry[0], entry[1], entry[2].case)))
