"""The command line of bratseg: infer, folds, train, tune, weights, phantom, demo, campaign-demo, info."""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from types import FrameType

from bratseg.cli.campaign_demo import add_campaign_demo
from bratseg.cli.demo import add_demo
from bratseg.cli.folds import add_folds
from bratseg.cli.infer import add_infer
from bratseg.cli.info import add_info
from bratseg.cli.phantom import add_phantom
from bratseg.cli.train import add_train
from bratseg.cli.tune import add_tune
from bratseg.cli.weights import add_weights
from bratseval.cli.codes import ENVIRONMENT, INTERRUPTED, INVALID_INPUT, TERMINATED, USAGE
from bratseval.errors import InputError, UsageError
from bratseval.extras import MissingExtraError, import_errors_named


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    try:
        with import_errors_named():
            code: int = arguments.command(arguments)
    except MissingExtraError as missing:
        print(f"{arguments.program}: {missing}", file=sys.stderr)
        return ENVIRONMENT
    except InputError as error:
        print(error, file=sys.stderr)
        return USAGE if isinstance(error, UsageError) else INVALID_INPUT
    except ChildProcessError as error:
        print(f"{arguments.program}: {error}", file=sys.stderr)
        return ENVIRONMENT
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bratseg", description="Segment brain tumours by the BraTS contract, and train what segments them."
    )
    parser.add_argument("--version", action="version", version=f"brats-harness {version('brats-harness')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_infer(commands.add_parser("infer", help="segment a folder of cases, one case folder, or four files"))
    add_folds(
        commands.add_parser("folds", help="make cross-validation folds with equal shares of every cluster of cases")
    )
    add_phantom(commands.add_parser("phantom", help="make cases with a known reference"))
    add_weights(commands.add_parser("weights", help="show, convert, pack, train or fit weights"))
    add_train(commands.add_parser("train", help="pretrain and fine-tune both networks by a campaign file"))
    add_tune(commands.add_parser("tune", help="fit shares and post-processing on out-of-fold predictions"))
    add_demo(commands.add_parser("demo", help="segment a phantom or a case, score it, write a report"))
    campaign_demo = commands.add_parser("campaign-demo", help="run every stage of the method on phantoms, in minutes")
    add_campaign_demo(campaign_demo)
    add_info(commands.add_parser("info", help="list what is installed, as JSON"))
    for command in commands.choices.values():
        command.set_defaults(program=command.prog)
    return parser
