"""Score a submission: find its references, pair them with its predictions, score every case."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bratseval.challenge import Edition
from bratseval.errors import InputError
from bratseval.results.parallel import score_pairs
from bratseval.results.score_files import Labelling, score_pair
from bratseval.results.submission_scores import SubmissionScores, versions
from bratseval.scoring.result import ScoredCase
from bratseval.submission.archive import SubmissionFile, open_submission
from bratseval.submission.pairing import Pair, case_of_name, find_references, pair_files


@dataclass(frozen=True)
class ScoringOptions:
    """Which cases are scored and how; of these only `labelling` can change a score.

    Attributes:
        only: ids of the cases to score; none given, all.
        labelling: "legacy" turns label 4 into 3 in both files.
        jobs: processes at most.
    """

    only: Collection[str] = ()
    labelling: Labelling = "edition"
    jobs: int = 1


_ALL_CASES: Final = ScoringOptions()


def score_submission(
    predictions: Path,
    references: Path,
    edition: Edition,
    options: ScoringOptions = _ALL_CASES,
    on_case: Callable[[ScoredCase, int], None] = lambda *_: None,
) -> SubmissionScores:
    """Score every case of a submission; a case without a usable prediction scores the worst values.

    Args:
        predictions: a folder, a zip or a tar.
        references: a folder of references, or of case folders that hold one each.
        on_case: called with each case as it is done, in order, and the number of all.

    Returns:
        The cases in the order of the references' names, and the names of the predictions
        that belong to none; where `options.only` chooses some cases, no such name.

    Raises:
        InputError: a folder, an archive or a reference can't be read, or a case of `options.only` is not there.
        OSError: the disk or a process fails.
    """
    found = find_references(references, edition)
    absent = [case for case in options.only if case not in found]
    if absent:
        raise InputError(f"{references}: contains no case {', '.join(absent)}. Check --only.")
    chosen = {case: path for case, path in found.items() if case in options.only} if options.only else found
    with open_submission(predictions) as submission:
        paired = pair_files(submission, chosen, edition)
        total = len(paired.pairs)
        cases = score_pairs(paired.pairs, edition, options.labelling, options.jobs, lambda case: on_case(case, total))
    unknown = () if options.only else tuple(file.display_name for file in paired.unknown)
    return SubmissionScores(edition.name, options.labelling, versions(), tuple(cases), unknown)


def score_two_files(
    prediction: Path, reference: Path, edition: Edition, labelling: Labelling = "edition"
) -> SubmissionScores:
    """Score one prediction file against one reference file; the case is called after the prediction's file.

    Raises:
        InputError: the reference can't be read. A prediction that can't be used scores the worst values.
    """
    file = SubmissionFile(str(prediction), prediction.name, prediction)
    pair = Pair(case_of_name(prediction.name), reference, (file,))
    return SubmissionScores(edition.name, labelling, versions(), (score_pair(pair, edition, labelling),))
