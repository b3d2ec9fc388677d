"""A leaderboard on disk: scores come in, stand in the table of what they may be compared with, and go out again."""

from bratseval.leaderboard.entries import Table, table_of
from bratseval.leaderboard.platform_file import read_platform_file
from bratseval.leaderboard.scores_file import read_scores
from bratseval.leaderboard.store import Added, Leaderboard, LeaderboardEntry
from bratseval.results.submission_scores import SubmissionScores
from bratseval.scoring.result import ScoredCase

__all__ = [
    "Added",
    "Leaderboard",
    "LeaderboardEntry",
    "ScoredCase",
    "SubmissionScores",
    "Table",
    "read_platform_file",
    "read_scores",
    "table_of",
]
