"""The standings as the report's tables want them: text alone, so that the page decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass


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
