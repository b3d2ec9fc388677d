"""bratseg tune: shares, clusters and thresholds from out-of-fold predictions."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.cli.codes import OK, SOME_FAILED
from bratseval.errors import UsageError
from bratseval.extras import CLUSTERING, INFER, PICTURE, RADIOMICS, require

if TYPE_CHECKING:
    from bratseg.inference.out_of_fold import FoldEngine
    from bratseg.tuning.run import Tuned
    from bratseg.tuning.settings import TuningSettings


def add_tune(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cases", type=Path, help="folder of training cases, each with its reference")
    parser.add_argument("--weights", type=Path, required=True, help="weights folder; it is only read")
    parser.add_argument(
        "--splits", type=Path, required=True, help="the splits_final.json that its folds were trained with"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="folder for the out-of-fold predictions and the results"
    )
    parser.add_argument(
        "--edition", default="ssa-2024", help="whose lesion-wise score to improve; default: %(default)s"
    )
    parser.add_argument(
        "--mode",
        choices=("labels", "regions"),
        default="labels",
        help="components of what are removed; default: %(default)s",
    )
    parser.add_argument(
        "--fill",
        choices=("background", "surrounding"),
        default="background",
        help="what replaces them; default: %(default)s",
    )
    parser.add_argument("--objective", choices=("dice", "hd95"), default="dice", help="default: %(default)s")
    parser.add_argument("--preset", choices=("sane", "paper"), default="sane", help="of the features; default: sane")
    parser.add_argument("--parameters", type=Path, help="YAML or TOML, as for infer")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N; default: auto")
    parser.add_argument("--jobs", type=int, default=1, help="processes for everything but the networks; default: 1")
    parser.set_defaults(command=_tune)


def _tune(arguments: argparse.Namespace) -> int:
    require(INFER, RADIOMICS, CLUSTERING, PICTURE)
    from bratseg.tuning.record import write_tuning
    from bratseg.tuning.run import tune
    from bratseg.tuning.settings import TuningTask
    from bratseg.tuning.threshold_curves import CURVES, draw_threshold_curves
    from bratseg.weights.folder import read_weights
    from bratseval.files.cases import find_cases

    settings = _settings(arguments)
    _check_place(arguments)
    weights, found = read_weights(arguments.weights), find_cases(arguments.cases)
    task = TuningTask(found.cases, weights, arguments.splits, arguments.output, settings)
    engine = _engine(arguments)
    task.output.mkdir(parents=True, exist_ok=True)
    tuned = tune(task, engine, jobs=arguments.jobs, on_step=_print_step)
    write_tuning(task, tuned)
    draw_threshold_curves(task.output / CURVES, tuned, settings)
    _print_result(tuned, arguments.objective)
    for case, reason in {**found.problems, **tuned.failed}.items():
        print(f"{case!r}: not used: {reason}", file=sys.stderr)
    return SOME_FAILED if found.problems or tuned.failed else OK


def _settings(arguments: argparse.Namespace) -> "TuningSettings":
    from bratseg.tuning.grid import ThresholdGrid
    from bratseg.tuning.settings import TuningSettings
    from bratseval.challenge import edition

    chosen = edition(arguments.edition)
    if chosen.one_to_one is not None:
        raise UsageError(f"--edition: {arguments.edition} has no lesion-wise mean, expected one of 2023 to 2025.")
    grid = ThresholdGrid(mode=arguments.mode, fill=arguments.fill)
    return TuningSettings(chosen, arguments.objective, grid, arguments.preset)


def _engine(arguments: argparse.Namespace) -> "FoldEngine":
    """What predicts with one fold of a member; the device is looked for now."""
    from bratseg.inference.config import read_config
    from bratseg.inference.out_of_fold import FoldEngine
    from bratseg.models.torch_engine import load_member, resolve_device

    config = read_config(arguments.parameters)
    device = resolve_device(arguments.device or config.device)
    return FoldEngine(
        lambda listed, fold: load_member(
            listed.path, device=device, mirroring=config.mirroring, folds=[fold], description=listed.description
        ),
        config.mirroring,
        config.tile_step,
    )


def _print_step(step: str) -> None:
    print(step, file=sys.stderr)


def _check_place(arguments: argparse.Namespace) -> None:
    output = arguments.output.resolve()
    for name in ("cases", "weights"):
        folder = getattr(arguments, name)
        if output.is_relative_to(folder.resolve()):
            raise UsageError(f"{arguments.output}: lies in {folder}, expected a folder of its own. Choose another.")
    if arguments.jobs < 1:
        raise UsageError(f"--jobs: is {arguments.jobs}, expected 1 or more. Correct it.")


def _print_result(tuned: "Tuned", objective: str) -> None:
    shares = ", ".join(f"{name} {share:.4f}" for name, share in zip(tuned.members, tuned.shares.shares, strict=True))
    print(f"shares: {shares}")
    worth = tuned.choice.worth
    low, high = worth.interval
    print(
        f"mean {objective} of {len(tuned.cases)} cases: {worth.before:.4f} before, {worth.tuned:.4f} tuned in-sample, "
        f"{worth.leave_one_out:.4f} leave-one-out "
        f"(change {worth.leave_one_out - worth.before:+.4f}, 95 % {low:+.4f} to {high:+.4f})"
    )
    verdict = "thresholds are written" if worth.gain else "no gain, so thresholds of 0 are written"
    print(f"{len(tuned.fit.cases)} clusters; {verdict}")
