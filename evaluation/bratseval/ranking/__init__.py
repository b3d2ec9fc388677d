"""Who is how good: ranks, ties, intervals and tests over the submissions of one table. Arrays and scores, no files."""

from bratseval.ranking.comparison import CaseComparison, ColumnComparison, Comparison, ComparisonSettings, compare
from bratseval.ranking.standings import Mean, Ranking, RankingSettings, Standing, rank, settings_of

__all__ = [
    "CaseComparison",
    "ColumnComparison",
    "Comparison",
    "ComparisonSettings",
    "Mean",
    "Ranking",
    "RankingSettings",
    "Standing",
    "compare",
    "rank",
    "settings_of",
]
