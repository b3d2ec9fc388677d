"""bratseg tune: shares, clusters and thresholds from out-of-fold predictions."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.cli.codes import OK, SOME_FAILED
from bratseval.errors import UsageError
from bratseval.extras import CLUSTERING, INFER, PICTURE, RADIOMICS, require

if TYPE_CHECKING:
    from bratseg.tuning.run import Tuned


def add_tune(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cases", type=Path, help="folder of training cases, each with its reference")
    parser.add_argument("--weights", type=Path, required=True, help="weights folder; it is not changed")
    parser.add_argument("--splits", type=Path, required=True, help="splits_final.json that its folds were trained with")
    parser.add_argument("-o", "--output", type=Path, required=True, help="gets the answers and all that is found")
    parser.add_argument("--edition", default="ssa-2024", help="whose lesion-wise score is to rise; default: ssa-2024")
    parser.add_argument("--mode", choices=("labels", "regions"), default="labels", help="whose components are removed")
    parser.add_argument(
        "--fill", choices=("background", "surrounding"), default="background", help="what replaces them"
    )
    parser.add_argument("--objective", choices=("dice", "hd95"), default="dice")
    parser.add_argument("--preset", choices=("sane", "paper"), default="sane", help="of the radiomics")
    parser.add_argument("--parameters", type=Path, help="YAML or TOML, as for infer")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N; default: auto")
    parser.add_argument("--jobs", type=int, default=1, help="processes for all but the networks; default: 1")
    parser.set_defaults(command=_tune)


def _tune(arguments: argparse.Namespace) -> int:
    require(INFER, RADIOMICS, CLUSTERING, PICTURE)
    from bratseg.inference.config import read_config
    from bratseg.models.torch_engine import load_member, resolve_device
    from bratseg.tuning.cases import Rules
    from bratseg.tuning.record import write_tuning
    from bratseg.tuning.run import tune
    from bratseg.tuning.threshold_curves import LANDSCAPE, draw_landscape
    from bratseg.weights.folder import read_weights
    from bratseval.challenge import edition
    from bratseval.files.cases import find_cases

    rules = Rules(edition(arguments.edition), arguments.objective, arguments.mode, arguments.fill, arguments.preset)
    if rules.edition.one_to_one is not None:
        raise UsageError(f"--edition: {arguments.edition} has no lesion-wise mean, expected one of 2023 to 2025.")
    _check_place(arguments)
    config = read_config(arguments.parameters)
    weights = read_weights(arguments.weights)
    device = resolve_device(arguments.device or config.device)
    found = find_cases(arguments.cases)
    arguments.output.mkdir(parents=True, exist_ok=True)
    tuned = tune(
        found.cases,
        weights,
        arguments.splits,
        arguments.output,
        rules,
        lambda listed, fold: load_member(
            listed.path, device=device, mirroring=config.mirroring, folds=[fold], description=listed.description
        ),
        mirroring=config.mirroring,
        tile_step=config.tile_step,
        jobs=arguments.jobs,
        on_step=lambda told: print(told, file=sys.stderr),
    )
    write_tuning(arguments.output, tuned, rules, weights, arguments.splits)
    draw_landscape(arguments.output / LANDSCAPE, tuned, rules)
    _tell(tuned, arguments.objective)
    for case, reason in {**found.problems, **tuned.failed}.items():
        print(f"{case!r}: left out: {reason}", file=sys.stderr)
    return SOME_FAILED if found.problems or tuned.failed else OK


def _check_place(arguments: argparse.Namespace) -> None:
    output = arguments.output.resolve()
    for name in ("cases", "weights"):
        folder = getattr(arguments, name)
        if output.is_relative_to(folder.resolve()):
            raise UsageError(f"{arguments.output}: lies in {folder}, expected a folder of its own. Choose another.")
    if arguments.jobs < 1:
        raise UsageError(f"--jobs: is {arguments.jobs}, expected 1 or more. Correct it.")


def _tell(tuned: "Tuned", objective: str) -> None:
    shares = ", ".join(f"{name} {share:.4f}" for name, share in zip(tuned.members, tuned.shares.shares, strict=True))
    print(f"shares: {shares}")
    worth = tuned.choice.worth
    low, high = worth.interval
    print(
        f"{objective} of {len(tuned.rows)} cases: {worth.before:.4f} before, {worth.tuned:.4f} tuned in-sample, "
        f"{worth.left_out:.4f} left out (change {worth.left_out - worth.before:+.4f}, 95 % {low:+.4f} to {high:+.4f})"
    )
    print(
        f"{len(tuned.fit.cases)} clusters; " + ("thresholds are written" if worth.gain else "no gain: thresholds are 0")
    )
