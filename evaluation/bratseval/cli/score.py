"""bratseval score: predictions and references in, four tables out."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.challenge import Edition
from bratseval.cli.codes import ENVIRONMENT, OK, SOME_FAILED, USAGE
from bratseval.cli.cores import cores
from bratseval.cli.editions import named_edition
from bratseval.cli.printable import printable

if TYPE_CHECKING:
    from bratseval.scoring.result import ScoredCase


def add_score(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "predictions", type=Path, help="a folder, .zip, .tar or .tar.gz of files called after their cases"
    )
    parser.add_argument("references", type=Path, help="case folders with a -seg.nii.gz each, or such files")
    parser.add_argument(
        "--edition", required=True, type=named_edition, help="whose rules: see bratseval editions", metavar="NAME"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for cases, lesions, summary, scores")
    parser.add_argument("--only", nargs="+", metavar="CASE", help="score these cases alone")
    parser.add_argument("--regions", nargs="+", metavar="REGION", help="tell these regions alone")
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
    output: Path = arguments.output
    if not _is_writable(output):
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


def _score_into(output: Path, arguments: argparse.Namespace, rules: Edition) -> int:
    from bratseval.cli.progress import Progress
    from bratseval.results.score_files import keep_regions
    from bratseval.results.score_submission import score_submission
    from bratseval.results.tables import write_tables

    only = arguments.only or ()
    paths = (arguments.predictions, arguments.references)
    with Progress(rules) as progress:
        scored = score_submission(*paths, rules, only, arguments.labels, arguments.jobs, progress.case)
    if arguments.regions:
        rules = replace(
            rules, regions={name: rules.regions[name] for name in rules.regions if name in arguments.regions}
        )
        scored = replace(scored, cases=tuple(keep_regions(case, rules.regions) for case in scored.cases))
    write_tables(output, scored, rules)
    _tell(scored.cases, scored.unknown, rules, output)
    return SOME_FAILED if any(case.failed for case in scored.cases) else OK


def _usage_problem(arguments: argparse.Namespace, rules: Edition) -> str | None:
    for path in (arguments.predictions, arguments.references):
        if path.is_dir() and arguments.output.resolve().is_relative_to(path.resolve()):
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


def _tell(cases: Sequence["ScoredCase"], unknown: Sequence[str], rules: Edition, output: Path) -> None:
    """The means on stdout; what failed, is odd or was passed over on stderr."""
    from bratseval.results.summary import column, columns, summary
    from bratseval.scoring.case import platform_names

    failed = [case.case for case in cases if case.failed]
    refused = [case.case for case in cases if case.skipped_by_platform]
    warned = [case.case for case in cases if case.warnings]
    means = dict(zip(columns(cases, rules), summary(cases, rules)["mean"], strict=True))
    regions = sorted(rules.regions)
    width = max(map(len, platform_names(rules.name).values()))
    print(f"{rules.title} ({rules.name}): mean of {len(cases)} cases, {len(failed)} of them failed")
    print(" " * width + "".join(f"{region:>12}" for region in regions))
    for name in platform_names(rules.name).values():
        print(f"{name:<{width}}" + "".join(f"{means[column(name, region, rules)]:>12.4f}" for region in regions))
    print(f"written to {output}")
    for names, told in (
        (failed, "failed, scored with the worst values"),
        (refused, "that an official run leaves out, see official_mean in summary.csv"),
        (warned, "with warnings, see cases.csv"),
    ):
        if names:
            print(printable(f"{len(names)} {told}: {', '.join(names)}"), file=sys.stderr)
    for entry in unknown:
        print(
            printable(f"{entry}: answers no case of the references and was passed over. Check its name."),
            file=sys.stderr,
        )
