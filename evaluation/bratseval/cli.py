"""The command line of the task: bratseval score.

Exit codes: 0 all done; 1 finished, some cases failed; 2 usage; 3 invalid input, nothing
was written; 4 the environment refuses; 130 and 143 stopped by a signal.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from bratseval.challenge import EDITIONS, Edition, edition
from bratseval.errors import InputError

if TYPE_CHECKING:
    from bratseval.submission import Paired, ScoredCase

OK, SOME_FAILED, USAGE, INVALID_INPUT, ENVIRONMENT = range(5)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives its exit code."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    try:
        code: int = arguments.command(arguments)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return code


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bratseval", description="Score brain tumour segmentations as BraTS does.")
    parser.add_argument("--version", action="version", version=f"brats-harness {version('brats-harness')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    score = commands.add_parser("score", help="score a folder of predictions against references")
    score.add_argument("predictions", type=Path, help="a folder of .nii.gz files called after their cases")
    score.add_argument("references", type=Path, help="case folders with a -seg.nii.gz each, or such files")
    score.add_argument("--edition", required=True, choices=EDITIONS, help="whose rules: %(choices)s", metavar="NAME")
    score.add_argument("-o", "--output", type=Path, required=True, help="gets cases, lesions, summary, scores")
    score.set_defaults(command=_score)
    return parser


def _score(arguments: argparse.Namespace) -> int:
    from bratseval.submission import pair_files, score_pairs
    from bratseval.tables import write_tables

    rules = edition(arguments.edition)
    if any(arguments.output.resolve().is_relative_to(p.resolve()) for p in (arguments.predictions, arguments.references)):
        print(f"{arguments.output}: lies in a folder that is read. Choose another output.", file=sys.stderr)
        return USAGE
    try:
        paired = pair_files(arguments.predictions, arguments.references, rules)
        cases = _with_progress(paired, lambda told: score_pairs(paired.pairs, rules, told))
    except InputError as error:
        print(error, file=sys.stderr)
        return INVALID_INPUT
    try:
        write_tables(arguments.output, cases, rules, paired.unknown)
    except OSError as error:
        print(f"{arguments.output}: cannot be written ({error.strerror}). Check disk and permissions.", file=sys.stderr)
        return ENVIRONMENT
    _tell(cases, paired, rules)
    return SOME_FAILED if any(case.state == "failed" for case in cases) else OK
