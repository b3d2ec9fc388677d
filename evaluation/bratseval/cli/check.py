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
from bratseval.cli.printable import printable

if TYPE_CHECKING:
    from bratseval.submission.check import Checked


def add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("predictions", type=Path, help="a folder, .zip, .tar or .tar.gz of predictions")
    parser.add_argument("cases", type=Path, help="the cases they answer: case folders, or references")
    parser.add_argument("--edition", required=True, type=named_edition, help="see bratseval editions", metavar="NAME")
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    parser.set_defaults(command=_check)


def _check(arguments: argparse.Namespace) -> int:
    from bratseval.submission.check import check_submission

    try:
        checked = check_submission(arguments.predictions, arguments.cases, arguments.edition)
    except OSError as error:
        print(printable(f"{arguments.predictions}: cannot be checked ({error}). Check disk space."), file=sys.stderr)
        return ENVIRONMENT
    print(_as_json(checked, arguments.edition) if arguments.json else printable(_in_words(checked, arguments.edition)))
    return OK if checked.valid else SOME_FAILED


def _as_json(checked: "Checked", rules: Edition) -> str:
    content = {
        "edition": rules.name,
        "valid": checked.valid,
        "files": checked.files,
        "cases": checked.cases,
        "problems": [asdict(problem) for problem in checked.problems],
        "platform": asdict(checked.verdict),
    }
    return json.dumps(content, indent=1)


def _in_words(checked: "Checked", rules: Edition) -> str:
    grave = sum(problem.grave for problem in checked.problems)
    odd = len(checked.problems) - grave
    lines = [f"{'' if problem.grave else '(odd) '}{problem.text}" for problem in checked.problems]
    verdict = checked.verdict
    lines += [
        f"{rules.title} ({rules.name}): {checked.files} files, {checked.cases} cases, {grave} problems, {odd} oddities",
        f"the platform would say: {verdict.status}" + (f": {verdict.message}" if verdict.message else ""),
    ]
    return "\n".join(lines)
