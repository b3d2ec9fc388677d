"""bratseval score: predictions and references in, four tables out."""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.challenge import Edition
from bratseval.cli.codes import ENVIRONMENT, OK, SOME_FAILED, USAGE
from bratseval.cli.cores import cores
from bratseval.cli.editions import named_edition
from bratseval.cli.printable import printable

if TYPE_CHECKING:
    from bratseval.results.submission_scores import SubmissionScores


def add_score(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "predictions", type=Path, help="a folder, .zip, .tar or .tar.gz of files named after their cases; or one file"
    )
    parser.add_argument(
        "references", type=Path, help="case folders with a -seg.nii.gz each, or such files; or one file"
    )
    parser.add_argument(
        "--edition", required=True, type=named_edition, help="whose rules: see bratseval editions", metavar="NAME"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help="folder for cases.csv, lesions.csv, summary.csv and scores.json; two files can do without",
    )
    parser.add_argument("--only", nargs="+", metavar="CASE", help="score only these cases")
    parser.add_argument("--regions", nargs="+", metavar="REGION", help="show only these regions")
    parser.add_argument(
        "--labels",
        choices=("edition", "legacy"),
        default="edition",
        help="legacy: 4 in the files is what the edition calls 3 (BraTS up to 2022); default: %(default)s",
    )
    parser.add_argument("--jobs", type=_positive, default=cores(), help="processes; default: the cores (%(default)s)")
    parser.set_defaults(command=_score)


def _score(arguments: argparse.Namespace) -> int:
    rules: Edition = arguments.edition
    problem = _usage_problem(arguments, rules)
    if problem:
        print(problem, file=sys.stderr)
        return USAGE
    output: Path | None = arguments.output
    if output is not None and not _is_writable(output):
        print(
            f"{output}: cannot be written by user {os.getuid()}. Check what is there and its permissions.",
            file=sys.stderr,
        )
        return ENVIRONMENT
    try:
        return _score_into(output, arguments, rules)
    except OSError as error:
        print(
            f"{error.filename or output}: {error.strerror or error}. Check disk, memory and permissions.",
            file=sys.stderr,
        )
        return ENVIRONMENT


def _score_into(output: Path | None, arguments: argparse.Namespace, rules: Edition) -> int:
    from bratseval.results.score_files import keep_regions
    from bratseval.results.tables import write_tables

    scored = _scored(arguments, rules)
    if arguments.regions:
        rules = rules.with_regions(arguments.regions)
        scored = replace(scored, cases=tuple(keep_regions(case, rules.regions) for case in scored.cases))
    if output is not None:
        write_tables(output, scored, rules)
    _show(scored, output)
    return SOME_FAILED if any(case.failed for case in scored.cases) else OK


def _scored(arguments: argparse.Namespace, rules: Edition) -> "SubmissionScores":
    from bratseval.cli.progress import Progress
    from bratseval.results.score_submission import ScoringOptions, score_submission, score_two_files

    paths = (arguments.predictions, arguments.references)
    if _is_file(arguments.references):
        return score_two_files(*paths, rules, arguments.labels)
    with Progress(rules) as progress:
        options = ScoringOptions(arguments.only or (), arguments.labels, arguments.jobs)
        return score_submission(*paths, rules, options, progress.case)


def _is_file(references: Path) -> bool:
    """Whether one prediction is scored against one reference; a folder or an archive has a folder of references."""
    return references.is_file()


def _usage_problem(arguments: argparse.Namespace, rules: Edition) -> str | None:
    if _is_file(arguments.references):
        if not arguments.predictions.is_file() or not arguments.predictions.name.endswith((".nii", ".nii.gz")):
            return (
                f"{arguments.predictions}: is no .nii.gz file, expected one beside the reference "
                f"{arguments.references.name}. Give two files or two folders."
            )
        if arguments.only:
            return "--only: chooses among the cases of a folder, got two files. Leave it out."
    elif arguments.output is None:
        return "-o: is missing, expected a folder for the tables. Add -o FOLDER."
    for path in (arguments.predictions, arguments.references):
        if arguments.output is not None and path.is_dir() and arguments.output.resolve().is_relative_to(path.resolve()):
            return f"{arguments.output}: lies in a folder that is read. Choose another output."
    strange = [name for name in arguments.regions or () if name not in rules.regions]
    if strange:
        return f"{', '.join(strange)}: no region of {rules.name}, expected {', '.join(rules.regions)}. Check --regions."
    if arguments.labels == "legacy" and 4 in rules.labels:
        return f"{rules.name}: has a label 4 of its own, expected an edition without. Leave --labels legacy out."
    return None


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


def _is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder that may not be there yet."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(path))
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _show(scores: "SubmissionScores", output: Path | None) -> None:
    """The means on stdout; what failed, is unusual or was left out on stderr."""
    from bratseval.results.means_table import means_table

    print(means_table(scores))
    if output is not None:
        print(f"written to {output}")
    elif scores.cases[0].failed:
        print(printable(scores.cases[0].reason), file=sys.stderr)
    elif scores.cases[0].warnings:
        print(printable("\n".join(scores.cases[0].warnings)), file=sys.stderr)
    if output is None:
        return
    for names, meaning in (
        ([case.case for case in scores.cases if case.failed], "failed, scored with the worst values"),
        (
            [case.case for case in scores.cases if case.skipped_by_platform],
            "that an official run leaves out, see official_mean in summary.csv",
        ),
        ([case.case for case in scores.cases if case.warnings], "with warnings, see cases.csv"),
    ):
        if names:
            print(printable(f"{len(names)} {meaning}: {', '.join(names)}"), file=sys.stderr)
    for name in scores.unknown:
        print(
            printable(f"{name}: belongs to no case of the references and was not scored. Check its name."),
            file=sys.stderr,
        )
