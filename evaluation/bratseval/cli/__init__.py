"""The command line of the task: bratseval score | check | editions | leaderboard | rank | compare | report | …"""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from types import FrameType

from bratseval.cli.check import add_check
from bratseval.cli.codes import ENVIRONMENT, INTERRUPTED, INVALID_INPUT, TERMINATED, USAGE
from bratseval.cli.compare import add_compare
from bratseval.cli.editions import add_editions
from bratseval.cli.evaluate import add_evaluate
from bratseval.cli.leaderboard import add_leaderboard
from bratseval.cli.printable import printable
from bratseval.cli.rank import add_rank
from bratseval.cli.report import add_report
from bratseval.cli.score import add_score
from bratseval.errors import InputError, UsageError
from bratseval.extras import MissingExtraError, import_errors_named


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of `bratseval`; returns its exit code, see `codes`."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    try:
        with import_errors_named():
            code: int = arguments.command(arguments)
    except MissingExtraError as missing:
        print(f"{arguments.program}: {missing}", file=sys.stderr)
        return ENVIRONMENT
    except InputError as error:
        print(printable(str(error)), file=sys.stderr)
        return USAGE if isinstance(error, UsageError) else INVALID_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bratseval", description="Score brain tumour segmentations as BraTS does.")
    parser.add_argument("--version", action="version", version=f"brats-harness {version('brats-harness')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_score(commands.add_parser("score", help="score predictions against references"))
    add_check(commands.add_parser("check", help="find every problem of a submission before the upload"))
    add_editions(commands.add_parser("editions", help="list the editions and their rules"))
    add_evaluate(commands.add_parser("evaluate", help="score as the evaluate task of MLCube and MedPerf"))
    add_report(commands.add_parser("report", help="write an HTML report of one or more submissions, with images"))
    add_leaderboard(commands.add_parser("leaderboard", help="store scores and list comparable submissions"))
    add_rank(commands.add_parser("rank", help="rank the submissions of a leaderboard as the organisers do"))
    add_compare(commands.add_parser("compare", help="compare two submissions case by case"))
    for command in commands.choices.values():
        command.set_defaults(program=command.prog)
    return parser
