"""All cases of a submission, on as many processes as wanted."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np

from bratseval.challenge import Edition
from bratseval.errors import InputError
from bratseval.process_map import map_in_order
from bratseval.results.score_files import Labelling, score_pair
from bratseval.scoring.result import ScoredCase
from bratseval.submission.pairing import Pair

_CASES_WORTH_A_PROCESS: Final = 8  # a fresh process takes as long to start as so many cases to score
_LARGEST_BLOCK_KEPT: Final = 31 * 1024**2  # bytes; glibc looks at blocks below 32 MiB


def score_pairs(
    pairs: Sequence[Pair],
    edition: Edition,
    labelling: Labelling = "edition",
    jobs: int = 1,
    on_case: Callable[[ScoredCase], None] = lambda _: None,
) -> list[ScoredCase]:
    """Score every case; the order is that of `pairs`, however many processes work.

    Args:
        jobs: processes at most; few cases get fewer. More than one starts fresh
            interpreters, so a script that calls this guards its own main part.
        on_case: called with each case, in order, as it is done.

    Raises:
        InputError: references are unreadable; all of them are named.
        ChildProcessError: a process was killed from outside, most likely for its memory.
    """
    score = partial(_scored_or_reason, edition=edition, labelling=labelling)
    scored, corrupt = [], []
    processes = min(jobs, len(pairs) // _CASES_WORTH_A_PROCESS)
    for result in map_in_order(score, pairs, processes, begin=_keep_memory):
        if isinstance(result, str):
            corrupt.append(result)
        else:
            scored.append(result)
            on_case(result)
    if corrupt:
        raise InputError("\n".join(corrupt))
    return scored


def _keep_memory() -> None:
    """Let glibc keep the memory of one case for the next: once a large block was freed, twice its size is kept.

    Otherwise every case gives its volumes back to the system and asks for them again, a
    quarter of its time.
    """
    np.empty(_LARGEST_BLOCK_KEPT, np.uint8)


def _scored_or_reason(pair: Pair, edition: Edition, labelling: Labelling) -> ScoredCase | str:
    """The scored case, or why its reference can't be read."""
    try:
        return score_pair(pair, edition, labelling)
    except InputError as error:
        return str(error)
