"""The standings as the report's tables want them: text alone, so that the page decides nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bratseval.leaderboard.published import PublishedResult
from bratseval.ranking.columns import Column
from bratseval.ranking.standings import Mean, Ranking
from bratseval.report.contents import number


@dataclass(frozen=True)
class StandingRow:
    """A submission's line; published results stand beside the others without a rank of theirs."""

    rank: str
    name: str
    cells: Sequence[str]
    published: bool = False


@dataclass(frozen=True)
class MatrixCell:
    """A p-value as text, and whether it is below the level after correction."""

    text: str
    significant: bool


@dataclass(frozen=True)
class MatrixRow:
    """The p-values of a submission against each that ranks below it; cells before the diagonal are empty."""

    name: str
    cells: Sequence[MatrixCell]


@dataclass(frozen=True)
class Matrix:
    """Upper triangular: names in the order of their ranks, and how it was made."""

    names: Sequence[str]
    rows: Sequence[MatrixRow]
    note: str


@dataclass(frozen=True)
class Standings:
    """Heads and rows of the table, notes below it, and the matrix where there are two submissions or more."""

    heads: Sequence[str]
    rows: Sequence[StandingRow]
    notes: Sequence[str]
    matrix: Matrix | None


def standings_of(ranking: Ranking, published: Sequence[PublishedResult] = ()) -> Standings:
    """A ranking as the report shows it.

    Args:
        published: results to show below the submissions, without a place: they are of
            other cases, or nobody knows of which. Those without a value of any column are left out.
    """
    settings = ranking.settings
    notes = [
        f"Ranked by {', '.join(settings.metrics)} in every region: {settings.scheme}, ties {settings.ties}, "
        f"missing values {settings.missing}. In brackets the 95 % intervals of a bootstrap over cases "
        f"({settings.samples} samples, seed {settings.seed}).",
    ]
    notes += [f"Source: {source}" for source in settings.sources]
    heads = ["Place", "Submission", "Score", "Tier", "Without one case", "Failed"]
    heads += [column.name.replace("_", " ") for column in ranking.columns]
    rows = [
        StandingRow(
            rank=f"{standing.place}",
            name=standing.name,
            cells=[
                f"{number(standing.score)} {_interval(*standing.score_interval, digits=2)}",
                f"{standing.tier}",
                "{} to {}".format(*standing.places_without),
                f"{standing.failed}",
                *(_mean(column, standing.means[column.name]) for column in ranking.columns),
            ],
        )
        for standing in ranking.standings
    ]
    matrix = _matrix(ranking) if len(rows) > 1 else None
    beside = [_published(result, ranking.columns) for result in published]
    return Standings(heads, [*rows, *(row for row in beside if any(row.cells))], notes, matrix)


def _published(result: PublishedResult, columns: Sequence[Column]) -> StandingRow:
    values = [result.values.get(column.metric, {}).get(column.region) for column in columns]
    cells = [
        "" if value is None else number(value, 3 if column.larger_is_better else 1)
        for value, column in zip(values, columns, strict=True)
    ]
    name = f"{result.team}, {result.description} ({result.edition}, {result.case_set}; {result.source})"
    return StandingRow("published", name, ["", "", "", "", *cells], published=True)


def _matrix(ranking: Ranking) -> Matrix:
    settings = ranking.settings
    names = [standing.name for standing in ranking.standings]
    rows = [
        MatrixRow(names[i], [_cell(ranking, i, j) if j > i else MatrixCell("", False) for j in range(1, len(names))])
        for i in range(len(names) - 1)
    ]
    note = (
        f"p that a row is better than a column by chance: paired permutations ({settings.permutations}, seed "
        f"{settings.seed}), after Holm's correction, as tested in brackets; shaded below {settings.alpha:g}."
    )
    return Matrix(names, rows, note)


def _cell(ranking: Ranking, row: int, column: int) -> MatrixCell:
    adjusted, p = float(ranking.adjusted[row, column]), float(ranking.p[row, column])
    if math.isnan(p):
        return MatrixCell(number(p), significant=False)
    return MatrixCell(f"{adjusted:.2g} ({p:.2g})", significant=adjusted < ranking.settings.alpha)


def _mean(column: Column, mean: Mean) -> str:
    digits = 3 if column.larger_is_better else 1
    return f"{number(mean.mean, digits)} {_interval(mean.lower, mean.upper, digits=digits)}"


def _interval(lower: float, upper: float, *, digits: int) -> str:
    return f"[{number(lower, digits)}, {number(upper, digits)}]"
