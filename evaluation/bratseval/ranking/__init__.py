"""Who is how good: ranks, ties, intervals and tests over the submissions of one table. Arrays and scores, no files."""

from bratseval.ranking.standings import Manner, Mean, Ranking, Standing, manner_of, rank

__all__ = ["Manner", "Mean", "Ranking", "Standing", "manner_of", "rank"]
