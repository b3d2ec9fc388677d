"""bratseval score: score predictions against references."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.challenge import Edition
from bratseval.cli.codes import ENVIRONMENT, OK, SOME_FAILED, USAGE
from bratseval.cli.cores import cores
from bratseval.cli.editions import named_edition
from bratseval.cli.printable import counted, printable

if TYPE_CHECKING:
    from bratseval.results.submission_scores import SubmissionScores


def add_score(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "predictions",
        type=Path,
        help="a folder, .zip, .tar or .tar.gz of predictions named after their cases; or one file",
    )
    parser.add_argument(
        "references", type=Path, help="a folder of case folders or of references (-seg.nii.gz); or one .nii.gz file"
    )
    parser.add_argument(
        "--edition",
        required=True,
        type=named_edition,
        metavar="NAME",
        help="the edition whose rules apply; see bratseval editions",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help="folder for cases.csv, lesions.csv, summary.csv and scores.json; optional for two files",
    )
    parser.add_argument("--only", nargs="+", metavar="CASE", help="score only these cases")
    parser.add_argument("--regions", nargs="+", metavar="REGION", help="report only these regions")
    parser.add_argument(
        "--labels",
        choices=("edition", "legacy"),
        default="edition",
        help="legacy: label 4 in the files is the edition's label 3 (BraTS up to 2022); default: %(default)s",
    )
    parser.add_argument(
        "--jobs", type=_positive, default=cores(), help="number of processes; default: %(default)s, one per core"
    )
    parser.set_defaults(command=_score)


def _score(arguments: argparse.Namespace) -> int:
    edition: Edition = arguments.edition
    problem = _usage_problem(arguments, edition)
    if problem:
        print(problem, file=sys.stderr)
        return USAGE
    output: Path | None = arguments.output
    if output is not None and not _is_writable(output):
        print(
            f"{output}: cannot be written by user {os.getuid()}. Check the path and its permissions.",
            file=sys.stderr,
        )
        return ENVIRONMENT
    try:
        return _score_into(output, arguments, edition)
    except OSError as error:
        print(
            f"{error.filename or output}: {error.strerror or error}. Check disk, memory and permissions.",
            file=sys.stderr,
        )
        return ENVIRONMENT


def _score_into(output: Path | None, arguments: argparse.Namespace, edition: Edition) -> int:
    from bratseval.results.score_files import keep_regions
    from bratseval.results.tables import write_tables

    scored = _scored(arguments, edition)
    if arguments.regions:
        edition = edition.with_regions(arguments.regions)
        scored = replace(scored, cases=tuple(keep_regions(case, edition.regions) for case in scored.cases))
    if output is not None:
        write_tables(output, scored, edition)
    _show(scored, output)
    return SOME_FAILED if any(case.failed for case in scored.cases) else OK


def _scored(arguments: argparse.Namespace, edition: Edition) -> "SubmissionScores":
    from bratseval.cli.progress import Progress
    from bratseval.results.score_submission import ScoringOptions, score_submission, score_two_files

    paths = (arguments.predictions, arguments.references)
    if _is_file(arguments.references):
        return score_two_files(*paths, edition, arguments.labels)
    with Progress(edition) as progress:
        options = ScoringOptions(arguments.only or (), arguments.labels, arguments.jobs)
        return score_submission(*paths, edition, options, progress.case)


def _is_file(references: Path) -> bool:
    """Whether one prediction is scored against one reference; a folder or an archive has a folder of references."""
    return references.is_file()


def _usage_problem(arguments: argparse.Namespace, edition: Edition) -> str | None:
    if _is_file(arguments.references):
        if not arguments.predictions.is_file() or not arguments.predictions.name.endswith((".nii", ".nii.gz")):
            return (
                f"{arguments.predictions}: is not a .nii.gz file, expected one as the reference "
                f"{arguments.references} is a file. Give two files or two folders."
            )
        if arguments.only:
            return "--only: selects cases of a folder, got two files. Remove it."
    elif arguments.output is None:
        return "-o: is missing, expected a folder for the tables. Add -o FOLDER."
    for path in (arguments.predictions, arguments.references):
        if arguments.output is not None and path.is_dir() and arguments.output.resolve().is_relative_to(path.resolve()):
            return f"{arguments.output}: is inside {path}, which is read. Choose another output folder."
    unknown = [name for name in arguments.regions or () if name not in edition.regions]
    if unknown:
        expected = ", ".join(edition.regions)
        return f"--regions: {edition.name} has no region {', '.join(unknown)}, expected some of {expected}. Check them."
    if arguments.labels == "legacy" and 4 in edition.labels:
        return f"--labels legacy: {edition.name} has a label 4, expected an edition without one. Remove the option."
    return None


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _is_writable(folder: Path) -> bool:
    """Whether files can be written to a folder, which need not exist yet."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(path))
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _show(scores: "SubmissionScores", output: Path | None) -> None:
    """Print the means to stdout, and to stderr which cases failed, were skipped or have warnings."""
    print(scores)
    if output is None:
        (case,) = scores.cases
        texts = [case.reason, *case.warnings] if case.failed else case.warnings
        _print_lines(texts)
        return
    print(f"written to {output}")
    _print_lines(_notable_cases(scores))
    _print_lines(f"{name}: belongs to no case and was not scored. Check its name." for name in scores.unknown)


def _notable_cases(scores: "SubmissionScores") -> Iterator[str]:
    """One line for the failed cases, one for those that an official run skips, one for those with warnings."""
    failed = [case.case for case in scores.cases if case.failed]
    skipped = [case.case for case in scores.cases if case.skipped_by_platform]
    warned = [case.case for case in scores.cases if case.warnings]
    if failed:
        yield f"{counted(len(failed), 'case')} failed, scored with the worst values: {', '.join(failed)}"
    if skipped:
        number = counted(len(skipped), "case")
        yield f"{number} skipped by an official run, see official_mean in summary.csv: {', '.join(skipped)}"
    if warned:
        yield f"{counted(len(warned), 'case')} with warnings, see cases.csv: {', '.join(warned)}"


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(printable(line), file=sys.stderr)
