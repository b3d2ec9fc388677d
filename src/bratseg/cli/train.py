"""bratseg train: a campaign, whole or in part."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.cli.codes import OK, SOME_FAILED
from bratseval.errors import UsageError
from bratseval.extras import INFER, TRAINING, MissingExtraError, require

if TYPE_CHECKING:
    from bratseg.training.campaign import Campaign
    from bratseg.training.stages import Stage


def add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("campaign", type=Path, nargs="?", help="the campaign file, TOML")
    parser.add_argument("-o", "--output", type=Path, help="the campaign's folder; default: the file without .toml")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="STAGE", help="run only these stages, such as plan or finetune-mednext"
    )
    parser.add_argument("--plan", action="store_true", help="list the stages and their status, and run nothing")
    parser.add_argument("--slurm", action="store_true", help="write job arrays for Slurm, and run nothing")
    parser.add_argument("--template", action="store_true", help="print a campaign file with the paper's numbers")
    parser.set_defaults(command=_train)


def _train(arguments: argparse.Namespace) -> int:
    from bratseg.training.campaign import template
    from bratseg.training.running import StageFailedError, run_stages

    if arguments.template:
        print(template(), end="")
        return OK
    source: Path | None = arguments.campaign
    if source is None:
        raise UsageError("CAMPAIGN: is missing, expected a TOML file. `bratseg train --template` prints one.")
    folder: Path = arguments.output or source.with_suffix("")
    if arguments.plan:
        return _plan(source, folder)
    if arguments.slurm:
        return _slurm(source, folder)
    require(INFER, TRAINING)
    try:
        run_stages(source, folder, arguments.only, _print_stage)
    except StageFailedError as error:
        print(error, file=sys.stderr)
        return SOME_FAILED
    return _finish(source, folder)


def _print_stage(stage: "Stage", what: str, seconds: float) -> None:
    print(f"{stage.name}: started" if what == "start" else f"{stage.name}: done in {seconds:.0f} s", file=sys.stderr)


def _plan(source: Path, folder: Path) -> int:
    from bratseg.training.campaign import read_campaign
    from bratseg.training.layout import Layout
    from bratseg.training.stages import stages_of

    campaign = read_campaign(source)
    stages = stages_of(campaign, Layout(folder.resolve()))
    for line in _plan_lines(campaign, stages):
        print(line)
    return OK


def _plan_lines(campaign: "Campaign", stages: Sequence["Stage"]) -> list[str]:
    from bratseg.training.stages import epochs_of, status_of

    lines, left_epochs = [], 0
    for stage in stages:
        status, detail = status_of(stage, stages), ""
        if stage.kind == "train":
            epochs = campaign.schedules[stage.domain].epochs
            finished = epochs if status == "done" else epochs_of(stage)
            left_epochs += epochs - finished
            detail = f"epoch {finished} of {epochs}"
        elif status == "waiting":
            detail = f"needs {', '.join(stage.needs)}"
        lines.append(f"{stage.name:<24}{status:<13}{detail}".rstrip())
    left = sum(not stage.product.exists() for stage in stages)
    return [*lines, f"{left} of {len(stages)} stages are left, {left_epochs} epochs of training"]


def _slurm(source: Path, folder: Path) -> int:
    from bratseg.training.running import start_folder
    from bratseg.training.slurm import write_jobs
    from bratseg.training.stages import stages_of

    campaign, layout = start_folder(source, folder)
    print(write_jobs(source, folder, stages_of(campaign, layout)))
    return OK


def _finish(source: Path, folder: Path) -> int:
    from bratseg.training.campaign import read_campaign
    from bratseg.training.curves import draw_curves
    from bratseg.training.layout import Layout
    from bratseg.training.stages import stages_of

    layout = Layout(folder)
    stages = stages_of(read_campaign(source), layout)
    try:
        if draw_curves(layout.curves, stages):
            print(f"loss curves  {layout.curves}")
    except MissingExtraError as missing:
        print(f"no loss curves: drawing {missing}", file=sys.stderr)
    print(f"logs         {folder / 'logs'}\nmodels       {layout.nnunet_results}")
    left = sum(not stage.product.exists() for stage in stages)
    print(f"left to do   {left} of {len(stages)} stages" if left else f"all {len(stages)} stages are done")
    return OK
