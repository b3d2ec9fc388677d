"""The functions that `bratseval` offers to programs; each does what the command of its name does."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import EDITIONS, Edition
from bratseval.challenge import edition as edition_of
from bratseval.errors import InputError
from bratseval.leaderboard import table_of
from bratseval.ranking import Ranking, RankingSettings, settings_of
from bratseval.ranking import rank as rank_table
from bratseval.results.score_submission import ScoringOptions, score_submission, score_two_files
from bratseval.results.submission_scores import SubmissionScores, versions
from bratseval.scoring.case import score_case
from bratseval.scoring.result import ScoredCase
from bratseval.submission.check import SubmissionCheck, check_submission

Labels = NDArray[np.generic]


def score(
    prediction: str | Path | Labels,
    reference: str | Path | Labels,
    edition: str | Edition,
    *,
    spacing_mm: tuple[float, float, float] | None = None,
    jobs: int = 1,
    on_case: Callable[[ScoredCase, int], None] = lambda *_: None,
) -> SubmissionScores:
    """Score predictions against references, equal to the official code of an edition to the last bit.

    Two files, two folders (or an archive and a folder), or two arrays of labels:

    >>> import numpy as np
    >>> from bratseval import score
    >>> reference = np.zeros((24, 24, 24), np.uint8)
    >>> reference[8:16, 8:16, 8:16] = 3
    >>> scores = score(np.roll(reference, 1, axis=0), reference, "ssa-2023", spacing_mm=(1, 1, 1))
    >>> scores.cases[0].regions["ET"]["LesionWise_Score_Dice"]
    0.875

    Args:
        prediction: a .nii.gz file; a folder, .zip or .tar of files named after their cases; or labels (x, y, z).
        reference: a .nii.gz file; a folder of references or of case folders; or labels (x, y, z) of the same shape.
        edition: its name, such as "ssa-2024"; `editions()` has them all.
        spacing_mm: voxel edges along (x, y, z), for arrays alone; files have their own.
        jobs: processes at most, for folders. More than one starts fresh interpreters, so a
            script that calls this guards its own main part.
        on_case: called with each case of a folder as it is done, and the number of all.

    Returns:
        The scores, one case for files and arrays. A prediction that is missing or can't be
        read scores the worst values; its case says why.

    Raises:
        InputError: there is no such edition, or a folder, an archive or a reference can't be read.
        TypeError: an array is compared with a path.
        ValueError: arrays come without spacing, files with one, or the arrays' shapes differ.
    """
    edition = _edition(edition)
    if isinstance(prediction, np.ndarray) and isinstance(reference, np.ndarray):
        return _score_arrays(prediction, reference, edition, spacing_mm)
    if isinstance(prediction, np.ndarray) or isinstance(reference, np.ndarray):
        raise TypeError("prediction and reference are an array and a path, expected two arrays or two paths")
    if spacing_mm is not None:
        raise ValueError("spacing_mm is given with files, which have their own. Leave it out.")
    paths = Path(prediction), Path(reference)
    if paths[1].is_file():
        return score_two_files(*paths, edition)
    return score_submission(*paths, edition, ScoringOptions(jobs=jobs), on_case)


def _edition(edition: str | Edition) -> Edition:
    return edition_of(edition) if isinstance(edition, str) else edition


def _score_arrays(
    prediction: Labels, reference: Labels, edition: Edition, spacing_mm: tuple[float, float, float] | None
) -> SubmissionScores:
    if spacing_mm is None:
        raise ValueError(
            "spacing_mm is missing, expected the voxel edges along (x, y, z) in mm. Add spacing_mm=(1, 1, 1)."
        )
    case = replace(score_case(prediction, reference, spacing_mm, edition), case="arrays")
    return SubmissionScores(edition.name, "edition", versions(), (case,))


def check(submission: str | Path, cases: str | Path, edition: str | Edition) -> SubmissionCheck:
    """Every problem of a submission, and what the platform would say.

    Args:
        submission: a folder or an archive of predictions.
        cases: the case folders that were given, or references.
        edition: its name.

    Raises:
        InputError: there is no such edition, or no case to compare with.
        OSError: an archive can't be unpacked because the disk is full.
    """
    return check_submission(Path(submission), Path(cases), _edition(edition))


def editions() -> Mapping[str, Edition]:
    """Every edition by name, 2023 to 2026.

    >>> from bratseval import editions
    >>> editions()["ssa-2024"].regions["ET"].small_mm3
    50.0
    """
    return EDITIONS


def rank(submissions: Mapping[str, SubmissionScores], settings: RankingSettings | None = None) -> Ranking:
    """Rank submissions as the organisers of their edition do.

    Args:
        submissions: by name; the same edition, evaluator, regions, cases and references in each.
        settings: metrics, scheme and the rest, where they are not to be the edition's.

    Raises:
        InputError: there is none, they may not be compared, or a metric is unknown.
    """
    tables = {name: table_of(scores) for name, scores in submissions.items()}
    if not tables:
        raise InputError("rank: has no submission, expected one at least. Name some.")
    first, *others = tables
    different = [name for name in others if tables[name].digest != tables[first].digest]
    if different:
        raise InputError(
            f"{', '.join(different)}: edition, evaluator, regions, cases or references differ from those of {first}, "
            "expected the same. Rank only what was scored alike."
        )
    edition = tables[first].edition
    return rank_table(submissions, EDITIONS[edition], settings or settings_of(EDITIONS[edition]))
