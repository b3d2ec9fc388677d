"""The task: what a BraTS case is, what a valid prediction is, what it scores, and who ranks where.

>>> from bratseval import score, check, edition, editions, rank, Leaderboard

A name is loaded when it is first used, so that `import bratseval` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bratseval.api import check, editions, rank, score
    from bratseval.challenge import Edition, edition
    from bratseval.errors import InputError
    from bratseval.leaderboard import Leaderboard, read_scores
    from bratseval.results.submission_scores import SubmissionScores
    from bratseval.scoring.result import CaseStatus, Lesion, ScoredCase

__all__ = [
    "CaseStatus",
    "Edition",
    "InputError",
    "Leaderboard",
    "Lesion",
    "ScoredCase",
    "SubmissionScores",
    "check",
    "edition",
    "editions",
    "rank",
    "read_scores",
    "score",
]

_MODULES = {
    "check": "bratseval.api",
    "editions": "bratseval.api",
    "rank": "bratseval.api",
    "score": "bratseval.api",
    "Edition": "bratseval.challenge",
    "edition": "bratseval.challenge",
    "InputError": "bratseval.errors",
    "Leaderboard": "bratseval.leaderboard",
    "read_scores": "bratseval.leaderboard",
    "SubmissionScores": "bratseval.results.submission_scores",
    "CaseStatus": "bratseval.scoring.result",
    "Lesion": "bratseval.scoring.result",
    "ScoredCase": "bratseval.scoring.result",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'bratseval' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
