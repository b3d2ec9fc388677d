"""What a report shows: its submissions, their cases side by side, and each case's lesions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import EDITIONS, Edition
from bratseval.challenge.metrics import Metric, first_metric
from bratseval.errors import InputError
from bratseval.leaderboard.entries import table_of
from bratseval.results.submission_scores import SubmissionScores
from bratseval.scoring.result import ScoredCase

TITLE: Final = "BraTS submissions"  # of a report, unless another is given
_NOTHING: Final = "-"


@dataclass(frozen=True)
class Submission:
    """A submission under the name that the report gives it; the name may hold anything."""

    name: str
    scores: SubmissionScores


def metrics_shown(edition: Edition) -> tuple[Metric, Metric]:
    """Dice and HD95, lesion-wise where an edition has that, else of the whole region."""
    return first_metric(edition, "dice"), first_metric(edition, "hd95")


@dataclass(frozen=True)
class Contents:
    """All that a report shows.

    Attributes:
        cases: the ids, in the order of the pages.
        submissions: of one table: same edition, evaluator and references.
        title: of the front page.
    """

    edition: Edition
    submissions: tuple[Submission, ...]
    cases: tuple[str, ...]
    title: str = TITLE

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that were scored, in the edition's order."""
        scored = self.submissions[0].scores.regions
        return tuple(region for region in self.edition.regions if region in scored)

    def case(self, submission: Submission, case: str) -> ScoredCase:
        """A case of a submission."""
        return next(scored for scored in submission.scores.cases if scored.case == case)

    def column(self, submission: Submission, region: str, key: str) -> NDArray[np.float64]:
        """One value of each case, in the order of `cases`."""
        by_case = {scored.case: scored.regions[region][key] for scored in submission.scores.cases}
        return np.array([by_case[case] for case in self.cases])

    def mean_of_regions(self, submission: Submission, key: str) -> NDArray[np.float64]:
        """The mean over the regions of one value of each case; NaN where every region is NaN."""
        columns = np.array([self.column(submission, region, key) for region in self.regions])
        there = ~np.isnan(columns)
        n = there.sum(axis=0)
        return np.where(n > 0, np.where(there, columns, 0.0).sum(axis=0) / np.maximum(n, 1), np.nan)


def contents_of(submissions: Sequence[Submission], title: str = TITLE) -> Contents:
    """Submissions side by side.

    Raises:
        InputError: there is none, two have one name, or they may not stand in one table.
    """
    if not submissions:
        raise InputError("report: has no submission, expected one at least. Name a scores.json.")
    names = [submission.name for submission in submissions]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{twice[0]}: is the name of two submissions, expected different ones. Rename one.")
    tables = [table_of(submission.scores) for submission in submissions]
    for submission, table in zip(submissions[1:], tables[1:], strict=True):
        if table.digest != tables[0].digest:
            raise InputError(
                f"{submission.name}: was scored by other rules, another evaluator or other references than "
                f"{names[0]}, expected the same. Report them apart."
            )
    scores = submissions[0].scores
    cases = tuple(sorted(case.case for case in scores.cases))
    return Contents(EDITIONS[scores.edition], tuple(submissions), cases, title)


def number(value: float, digits: int = 3) -> str:
    """A value as a table shows it; what is undefined is a hyphen."""
    if math.isnan(value):
        return _NOTHING
    return f"{value:.{digits}f}"


def lesion_rows(contents: Contents, case: str) -> list[Mapping[str, object]]:
    """The lesions of a case in every submission, as its page lists them: by submission, region and number."""
    rows: list[Mapping[str, object]] = []
    for whose, submission in enumerate(contents.submissions):
        for lesion in contents.case(submission, case).lesions:
            rows.append(
                {
                    "whose": whose,
                    "name": submission.name,
                    "region": lesion.region,
                    "number": lesion.number,
                    "outcome": lesion.outcome,
                    "counted": lesion.counted,
                    "volume": number(lesion.volume_mm3, 0),
                    "dice": number(lesion.dice),
                    "hd95": number(lesion.hd95_mm, 1),
                    "mm": " ".join(f"{c:.3f}" for c in lesion.centroid_mm or ()),
                }
            )
    return rows
