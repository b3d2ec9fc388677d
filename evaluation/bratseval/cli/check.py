"""bratseval check: every problem of a submission in one run, and what the platform would say."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.challenge import Edition
from bratseval.cli.codes import ENVIRONMENT, OK, SOME_FAILED
from bratseval.cli.editions import named_edition
from bratseval.cli.printable import counted, printable

if TYPE_CHECKING:
    from bratseval.submission.check import SubmissionCheck
    from bratseval.submission.file_problems import Problem


def add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("predictions", type=Path, help="the submission: a folder, .zip, .tar or .tar.gz of predictions")
    parser.add_argument("cases", type=Path, help="the cases it is for: a folder of case folders or of references")
    parser.add_argument(
        "--edition",
        required=True,
        type=named_edition,
        help="the edition's rules; list: bratseval editions",
        metavar="NAME",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.set_defaults(command=_check)


def _check(arguments: argparse.Namespace) -> int:
    from bratseval.submission.check import check_submission

    try:
        checked = check_submission(arguments.predictions, arguments.cases, arguments.edition)
    except OSError as error:
        print(printable(f"{arguments.predictions}: cannot be checked ({error}). Check disk space."), file=sys.stderr)
        return ENVIRONMENT
    print(_as_json(checked, arguments.edition) if arguments.json else printable(_as_text(checked, arguments.edition)))
    return OK if checked.valid else SOME_FAILED


def _as_json(checked: "SubmissionCheck", edition: Edition) -> str:
    content = {
        "edition": edition.name,
        "valid": checked.valid,
        "files": checked.files,
        "cases": checked.cases,
        "problems": [_problem_as_json(problem) for problem in checked.problems],
        "platform": asdict(checked.verdict),
    }
    return json.dumps(content, indent=1)


def _problem_as_json(problem: "Problem") -> dict[str, object]:
    grave = problem.severity == "error"  # this key is part of the output format
    return {"file": problem.file, "rule": problem.rule, "grave": grave, "text": problem.text}


def _as_text(checked: "SubmissionCheck", edition: Edition) -> str:
    errors = sum(problem.severity == "error" for problem in checked.problems)
    warnings = len(checked.problems) - errors
    counts = ((checked.files, "file"), (checked.cases, "case"), (errors, "error"), (warnings, "warning"))
    verdict = checked.verdict
    lines = [f"{'' if problem.severity == 'error' else '(warning) '}{problem.text}" for problem in checked.problems]
    lines += [
        f"{edition.title} ({edition.name}): {', '.join(counted(number, noun) for number, noun in counts)}",
        f"the platform would say: {verdict.status}" + (f": {verdict.message}" if verdict.message else ""),
    ]
    return "\n".join(lines)
