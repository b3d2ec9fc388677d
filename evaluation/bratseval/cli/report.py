"""bratseval report: an HTML report of one or more submissions, with images if they are given."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bratseval.challenge import MODALITIES, Modality
from bratseval.cli.codes import ENVIRONMENT, OK
from bratseval.cli.cores import cores
from bratseval.cli.printable import counted, printable
from bratseval.cli.rank import add_ranking_options, settings
from bratseval.errors import UsageError
from bratseval.extras import REPORT, require

if TYPE_CHECKING:
    from bratseval.report.contents import Contents, Submission
    from bratseval.report.images import CaseFiles

# Two modalities keep the page of a case at about 5 MB.
_MODALITIES: Final[tuple[Modality, ...]] = ("t1c", "t2f")
_MB: Final = 1e6


def add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scores",
        nargs="*",
        metavar="[NAME=]SCORES",
        help="the scores.json of each submission; without NAME it is called after its folder",
    )
    parser.add_argument(
        "--leaderboard", type=Path, help="show entries of this leaderboard file instead of scores.json files"
    )
    parser.add_argument(
        "--entries", nargs="+", default=[], metavar="ENTRY", help="numbers or names of entries; default: all"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="folder for report.html and the pages of the cases"
    )
    parser.add_argument("--title", default="BraTS submissions", help="title of the report; default: %(default)s")
    parser.add_argument("--cases", type=Path, help="folder of case folders with the images for the viewer")
    parser.add_argument("--references", type=Path, help="folder of references; default: the files that were scored")
    parser.add_argument(
        "--predictions",
        nargs="+",
        default=[],
        type=Path,
        help="one folder per submission, in their order; default: the files that were scored",
    )
    parser.add_argument(
        "--modalities",
        nargs="+",
        default=list(_MODALITIES),
        choices=MODALITIES,
        help=f"images to show; default: {' '.join(_MODALITIES)}",
    )
    parser.add_argument("--published", action="store_true", help="also show published results, which are not ranked")
    add_ranking_options(parser)
    parser.add_argument(
        "--jobs", type=int, default=cores(), help="number of processes; default: %(default)s, one per core"
    )
    parser.set_defaults(command=_report, scheme=None, ties="average", samples=2000)  # as bratseval rank


def _report(arguments: argparse.Namespace) -> int:
    require(REPORT)
    from bratseval.leaderboard.published import published_beside
    from bratseval.ranking.standings import rank
    from bratseval.report.build import write_report
    from bratseval.report.contents import contents_of
    from bratseval.report.standings import standings_of

    contents = contents_of(_submissions(arguments), arguments.title)
    named = {submission.name: submission.scores for submission in contents.submissions}
    files = {} if arguments.cases is None else _files(contents, arguments)
    published = published_beside(contents.edition.name) if arguments.published else ()
    done = 0

    def progress(case: str) -> None:
        nonlocal done
        done += 1
        print(printable(f"[{done}/{len(contents.cases)}] {case}"), file=sys.stderr)

    try:
        written = write_report(
            arguments.output,
            contents,
            standings_of(rank(named, contents.edition, settings(contents.edition, arguments)), published),
            files,
            jobs=arguments.jobs,
            on_case=progress,
        )
    except OSError as error:
        print(f"{error.filename or arguments.output}: {error.strerror or error}. Check the disk.", file=sys.stderr)
        return ENVIRONMENT
    print(
        f"{written.front}: {written.front_bytes / _MB:.1f} MB, with {counted(len(contents.cases), 'case page')} "
        f"({written.case_bytes / _MB:.0f} MB) beside it"
    )
    return OK


def _submissions(arguments: argparse.Namespace) -> "list[Submission]":
    from bratseval.leaderboard.scores_file import read_scores
    from bratseval.leaderboard.store import Leaderboard
    from bratseval.report.contents import Submission

    if (arguments.leaderboard is None) == (not arguments.scores):
        got = "neither" if arguments.leaderboard is None else "both"
        raise UsageError(f"report: expected scores.json files or --leaderboard, got {got}. Give one of the two.")
    if arguments.leaderboard is not None:
        with Leaderboard(arguments.leaderboard) as board:
            entries = [board.find(name) for name in arguments.entries] or list(board.entries())
            return [Submission(entry.name, board.scores(entry.number)) for entry in entries]
    found = []
    for text in arguments.scores:
        name, _, path = text.rpartition("=")
        found.append(Submission(name or Path(path).resolve().parent.name, read_scores(Path(path))))
    return found


def _files(contents: "Contents", arguments: argparse.Namespace) -> "Mapping[str, CaseFiles]":
    """The files to show of each case; cases without any are reported on stderr."""
    from bratseval.report.images import find_files

    files = find_files(
        contents,
        arguments.cases,
        references=arguments.references,
        predictions=arguments.predictions,
        modalities=arguments.modalities,
    )
    for case in contents.cases:
        if case not in files:
            print(printable(f"{case}: has no images or no reference, so its page has no viewer"), file=sys.stderr)
    return files
