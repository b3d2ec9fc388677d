"""The demonstration after the segmentation: its score, its entry on a leaderboard, the report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bratseg.demo.one_case import DemoFolder
from bratseval.challenge import EDITIONS, Edition, Modality
from bratseval.files.cases import Case
from bratseval.leaderboard import Leaderboard, LeaderboardEntry, SubmissionScores, table_of
from bratseval.leaderboard.entries import digest_of
from bratseval.ranking import rank, settings_of
from bratseval.results.score_submission import ScoringOptions, score_submission
from bratseval.results.tables import write_tables

EDITION: Final[Edition] = EDITIONS["ssa-2024"]  # the challenge of the method: arXiv 2412.04111
_TEAM: Final = "demo"
_SHOWN: Final[tuple[Modality, ...]] = ("t1c", "t2f")  # in the report's viewer, as `bratseval report` has it


@dataclass(frozen=True)
class RankedEntries:
    """The entries of a leaderboard that one case may be compared on.

    Attributes:
        added: the number of the entry that was added, or of the one that holds the same scores.
        numbers: of all entries of its table, in the order in which they were added.
        only_table: whether the leaderboard has no other table, so that a command need not name this one.
    """

    added: int
    numbers: tuple[int, ...]
    only_table: bool


def score_segmentation(case: Case, folder: DemoFolder) -> SubmissionScores:
    """Score a case of `folder.cases` and write `folder.scores`.

    Raises:
        InputError: the case's reference can't be read.
    """
    scores = score_submission(folder.predictions, folder.cases, EDITION, ScoringOptions(only=(case.id,)))
    write_tables(folder.scores, scores, EDITION)
    return scores


def add_to_leaderboard(scores: SubmissionScores, folder: DemoFolder, weights: str) -> RankedEntries:
    """Keep scores in `folder.leaderboard`; an entry of the same weights and case with other scores is replaced.

    Raises:
        InputError: the weights' name can't be an entry's, or the file is no leaderboard.
        sqlite3.Error: the file is damaged or held by another process.
    """
    name = f"{_TEAM}/{weights}"
    with Leaderboard(folder.leaderboard, create=True) as leaderboard:
        for entry in _same_table(leaderboard, scores):
            if entry.name == name and entry.digest != digest_of(scores):
                leaderboard.remove(entry.number)
        added = leaderboard.add(scores, name).entry
        numbers = tuple(entry.number for entry in leaderboard.entries(added.table))
        return RankedEntries(added.number, numbers, only_table=len(leaderboard.tables()) == 1)


def write_demo_report(entries: RankedEntries, folder: DemoFolder) -> Path:
    """Write the report on these entries into `folder.report`; returns its front page.

    Raises:
        MissingExtraError: a package of the report extra can't be loaded.
    """
    from bratseval.report.build import write_report
    from bratseval.report.contents import Submission, contents_of
    from bratseval.report.images import find_files
    from bratseval.report.standings import standings_of

    with Leaderboard(folder.leaderboard) as leaderboard:
        found = [Submission(leaderboard.entry(n).name, leaderboard.scores(n)) for n in entries.numbers]
    contents = contents_of(found, "bratseg demo")
    ranking = rank({one.name: one.scores for one in found}, contents.edition, settings_of(contents.edition))
    files = find_files(contents, folder.cases, modalities=_SHOWN)
    return write_report(folder.report, contents, standings_of(ranking), files).front


def _same_table(leaderboard: Leaderboard, scores: SubmissionScores) -> list[LeaderboardEntry]:
    digest = table_of(scores).digest
    numbers = [number for number, table in leaderboard.tables().items() if table.digest == digest]
    return [entry for number in numbers for entry in leaderboard.entries(number)]
