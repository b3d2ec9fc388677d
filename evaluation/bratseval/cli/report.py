"""bratseval report: scores and images in, one page in the browser out."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bratseval.challenge import MODALITIES, Modality
from bratseval.cli.codes import ENVIRONMENT, OK
from bratseval.cli.cores import cores
from bratseval.cli.printable import printable
from bratseval.cli.rank import add_ranking_options, settings
from bratseval.errors import UsageError
from bratseval.extras import REPORT, require

if TYPE_CHECKING:
    from bratseval.report.contents import Contents, Submission
    from bratseval.report.images import CaseFiles

# Two keep a case's page at some 5 MB; the others can be asked for.
_MODALITIES: Final[tuple[Modality, ...]] = ("t1c", "t2f")
_MB: Final = 1e6


def add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scores",
        nargs="*",
        metavar="[NAME=]SCORES",
        help="scores.json of each submission; its name by default that of the folder it lies in",
    )
    parser.add_argument("--leaderboard", type=Path, help="take entries of this file, in place of scores.json files")
    parser.add_argument("--entries", nargs="+", default=[], metavar="ENTRY", help="some of them; default: all")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for report.html and its pages")
    parser.add_argument("--title", default="BraTS submissions")
    parser.add_argument("--cases", type=Path, help="case folders with the images, for the viewer")
    parser.add_argument("--references", type=Path, help="default: where they lay when they were scored")
    parser.add_argument(
        "--predictions", nargs="+", default=[], type=Path, help="a folder a submission, in order; default: likewise"
    )
    parser.add_argument(
        "--modalities", nargs="+", default=list(_MODALITIES), choices=MODALITIES, help="default: %(default)s"
    )
    parser.add_argument("--published", action="store_true", help="show published results besides, unranked")
    add_ranking_options(parser)
    parser.add_argument("--jobs", type=int, default=cores(), help="processes; default: the cores (%(default)s)")
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

    def told(case: str) -> None:
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
            on_case=told,
        )
    except OSError as error:
        print(f"{error.filename or arguments.output}: {error.strerror or error}. Check the disk.", file=sys.stderr)
        return ENVIRONMENT
    print(
        f"{written.front}: {written.front_bytes / _MB:.1f} MB, and {len(contents.cases)} cases of "
        f"{written.case_bytes / _MB:.0f} MB together beside it"
    )
    return OK


def _submissions(arguments: argparse.Namespace) -> "list[Submission]":
    from bratseval.leaderboard.scores_file import read_scores
    from bratseval.leaderboard.store import Leaderboard
    from bratseval.report.contents import Submission

    if (arguments.leaderboard is None) == (not arguments.scores):
        raise UsageError("report: wants scores.json files or --leaderboard, one of both. Name what to report.")
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
    """What there is to show of each case; a case with nothing is told."""
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
