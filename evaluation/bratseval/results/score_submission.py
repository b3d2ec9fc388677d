"""What score and evaluate share: find, pair and score, with the progress on stderr."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.challenge import Edition
from bratseval.errors import InputError

if TYPE_CHECKING:
    from bratseval.results.score_files import Labelling, ScoredCase


def score_submission(
    predictions: Path,
    references: Path,
    rules: Edition,
    only: Collection[str] = (),
    labelling: "Labelling" = "edition",
    jobs: int = 1,
) -> tuple[list["ScoredCase"], tuple[str, ...]]:
    """The scored cases, and what the predictions that answer none of them are called.

    Args:
        only: the cases to score; none named, all.

    Raises:
        InputError: a folder, an archive or a reference can't be read, or a case of `only` is not there.
        OSError: the disk or a process fails.
    """
    from bratseval.cli.progress import Progress
    from bratseval.results.parallel import score_pairs
    from bratseval.submission.archive import open_submission
    from bratseval.submission.pairing import find_references, pair_files

    found = find_references(references, rules)
    strange = [case for case in only if case not in found]
    if strange:
        raise InputError(f"{references}: holds no case {', '.join(strange)}. Check --only.")
    chosen = {case: path for case, path in found.items() if case in only} if only else found
    with open_submission(predictions) as submission:
        paired = pair_files(submission, chosen, rules)
        with Progress(len(paired.pairs)) as progress:
            cases = score_pairs(paired.pairs, rules, labelling, jobs, progress.case)
    return cases, () if only else tuple(entry.told for entry in paired.unknown)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
