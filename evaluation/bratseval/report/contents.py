"""What a report tells: its submissions, their cases side by side, and each case's lesions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import EDITIONS, Edition
from bratseval.errors import InputError
from bratseval.leaderboard.entries import table_of
from bratseval.results.submission_scores import SubmissionScores
from bratseval.scoring.lesionwise import LESION_DICE, LESION_HD95
from bratseval.scoring.result import ScoredCase
from bratseval.scoring.rules_2026 import DICE, HD95, LESION_MEANS

_NOTHING: Final = "-"


@dataclass(frozen=True)
class Submission:
    """A submission under the name that the report gives it; the name may be anything that a stranger typed."""

    name: str
    scores: SubmissionScores


@dataclass(frozen=True)
class Measure:
    """A value that the report shows: its official key, what it is called, and whether more of it is better."""

    key: str
    title: str
    more_is_better: bool


def measures_of(edition: Edition) -> tuple[Measure, Measure]:
    """Dice and HD95 as an edition ranks by them: lesion-wise where it has that, else of the whole region."""
    if edition.one_to_one is None:
        return Measure(LESION_DICE, "lesion-wise Dice", True), Measure(LESION_HD95, "lesion-wise HD95 in mm", False)
    if edition.one_to_one.vol_threshold_mm3 is not None:
        return Measure(LESION_MEANS[0], "lesion-wise Dice", True), Measure(
            LESION_MEANS[1], "lesion-wise HD95 in mm", False
        )
    return Measure(DICE, "Dice", True), Measure(HD95, "HD95 in voxels", False)


@dataclass(frozen=True)
class Contents:
    """All that a report tells.

    Attributes:
        cases: the ids, in the order of the pages.
        submissions: of one table: same edition, evaluator and references.
    """

    edition: Edition
    submissions: tuple[Submission, ...]
    cases: tuple[str, ...]

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that were told, in the edition's order."""
        told = self.submissions[0].scores.regions
        return tuple(region for region in self.edition.regions if region in told)

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


def contents_of(submissions: Sequence[Submission]) -> Contents:
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
    return Contents(EDITIONS[scores.edition], tuple(submissions), tuple(sorted(case.case for case in scores.cases)))


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
