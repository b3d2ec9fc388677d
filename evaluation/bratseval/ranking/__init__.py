"""Who is how good: ranks, ties, intervals and tests over the submissions of one table. Arrays and scores, no files."""

from bratseval.ranking.comparison import CaseComparison, ColumnComparison, Comparison, compare
from bratseval.ranking.standings import Manner, Mean, Ranking, Standing, manner_of, rank

__all__ = [
    "CaseComparison",
    "ColumnComparison",
    "Comparison",
    "Manner",
    "Mean",
    "Ranking",
    "Standing",
    "compare",
    "manner_of",
    "rank",
]
