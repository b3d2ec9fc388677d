"""A leaderboard on disk: scores come in, stand in the table of what they may be compared with, and go out again."""

from bratseval.leaderboard.entries import CaseScores, PlacedLesion, Scores, Table, table_of
from bratseval.leaderboard.platform_file import read_platform_file
from bratseval.leaderboard.scores_file import read_scores
from bratseval.leaderboard.store import Added, Entry, Leaderboard

__all__ = [
    "Added",
    "CaseScores",
    "Entry",
    "Leaderboard",
    "PlacedLesion",
    "Scores",
    "Table",
    "read_platform_file",
    "read_scores",
    "table_of",
]
