"""The campaign demonstration from cases to scores; started again, it continues where it was."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bratseg.demo.campaign_files import write_campaigns
from bratseg.demo.campaign_scores import EDITION, ModelScore, predict_unseen, score_model
from bratseg.demo.hospitals import DemoCases, Size, make_hospitals
from bratseval.errors import InputError


@dataclass(frozen=True)
class CampaignDemo:
    """What the demonstration measured, and the path of everything that it wrote, by name."""

    rows: tuple[ModelScore, ...]
    places: dict[str, Path]


def run_campaign_demo(output: Path, size: Size, on_step: Callable[[str], None]) -> CampaignDemo:
    """Run every stage of the method on phantoms.

    Args:
        output: folder for everything; made if needed.
        on_step: called with each step in words.

    Raises:
        InputError: a command failed; its log is named.
    """
    output = output.resolve()
    on_step("making the cases of two hospitals: GLI, and SSA with a low-field scanner")
    cases = make_hospitals(output / "cases", size)
    splits = output / "folds" / "splits_final.json"
    transfer, scratch = write_campaigns(output, cases, splits, size)
    on_step("making stratified folds")
    _make_folds(output, cases, splits, size, on_step)
    on_step("training: GLI then SSA, and at the same time SSA from scratch")
    _run_together(output, {"transfer": ["train", str(transfer)], "scratch": ["train", str(scratch)]}, on_step)
    on_step("predicting every SSA case with models that never saw it")
    rows = _compare_models(output, cases, splits, size)
    weights = output / "weights"
    _tune_and_score(output, cases, splits, weights, on_step)
    places = {
        "cases": output / "cases",
        "folds": splits.parent,
        "campaign": transfer,
        "loss curves": output / "transfer" / "curves.png",
        "logs": output / "transfer" / "logs",
        "commands": output / "logs",
        "tuning": output / "tuning",
        "weights": weights,
        "segmentations": output / "segmentations",
        "scores": output / "scores",
        "leaderboard": output / "board.db",
    }
    return CampaignDemo(rows, places)


def _compare_models(output: Path, cases: DemoCases, splits: Path, size: Size) -> tuple[ModelScore, ...]:
    """Table 3 of arXiv 2412.04111, on phantoms."""
    work, transfer, scratch = output / "comparison", output / "transfer", output / "scratch"
    pretrained = partial(predict_unseen, domain="pretrain", folds=["all"], splits=splits)
    finetuned = partial(
        predict_unseen, domain="finetune", folds=[str(fold) for fold in range(size.folds)], splits=splits
    )
    pretrained(transfer, cases.pretrain_test, work / "pretrained-gli")
    pretrained(transfer, cases.finetune, work / "pretrained")
    finetuned(scratch, cases.finetune, work / "scratch")
    finetuned(transfer, cases.finetune, work / "finetuned")
    gli, ssa = f"{size.tests} GLI, unseen", f"{size.finetune} SSA, unseen"
    out_of_fold = f"{size.finetune} SSA, out-of-fold"
    return (
        score_model("pretrained on GLI", gli, cases.pretrain_test, work / "pretrained-gli"),
        score_model("pretrained on GLI", ssa, cases.finetune, work / "pretrained"),
        score_model("SSA from scratch", out_of_fold, cases.finetune, work / "scratch"),
        score_model("GLI, fine-tuned on SSA", out_of_fold, cases.finetune, work / "finetuned"),
    )


def _make_folds(output: Path, cases: DemoCases, splits: Path, size: Size, on_step: Callable[[str], None]) -> None:
    if splits.exists():
        return
    arguments = ["-o", str(splits.parent), "--folds", str(size.folds), "--clusters", *map(str, size.clusters)]
    _run(output, "folds", ["folds", str(cases.finetune), *arguments], on_step)


def _tune_and_score(
    output: Path, cases: DemoCases, splits: Path, weights: Path, on_step: Callable[[str], None]
) -> None:
    """Pack, tune on out-of-fold predictions, pack again, segment the test cases, score them, enter the scores."""
    segmentations, scores, tuning = output / "segmentations", output / "scores", output / "tuning"
    plain = output / "weights-untuned"
    pack = ["weights", "pack", str(output / "transfer"), "--licence", "Apache-2.0", "-o"]
    _run(output, "pack", [*pack, str(plain)], on_step)
    options = ["--weights", str(plain), "--splits", str(splits), "--edition", EDITION, "-o", str(tuning)]
    _run(output, "tune", ["tune", str(cases.finetune), *options], on_step)
    _run(output, "pack-tuned", [*pack, str(weights), "--tuning", str(tuning)], on_step)
    _run(
        output,
        "infer",
        ["infer", "-i", str(cases.finetune_test), "-o", str(segmentations), "--weights", str(weights), "--resume"],
        on_step,
    )
    arguments = [str(segmentations), str(cases.finetune_test), "-o", str(scores), "--edition", EDITION]
    _run(output, "score", ["score", *arguments], on_step, module="bratseval.cli")
    entry = [str(scores / "scores.json"), "--name", "campaign-demo/tuned", "--leaderboard", str(output / "board.db")]
    _run(output, "leaderboard", ["leaderboard", "add", *entry], on_step, module="bratseval.cli")


def _run(
    output: Path, name: str, arguments: Sequence[str], on_step: Callable[[str], None], module: str = "bratseg.cli"
) -> None:
    """Run one command, as a person would type it; its log is called `name`."""
    _run_together(output, {name: arguments}, on_step, module)


def _run_together(
    output: Path, commands: dict[str, Sequence[str]], on_step: Callable[[str], None], module: str = "bratseg.cli"
) -> None:
    """Run commands at the same time, each on one core if there are several, and wait for all of them."""
    logs = output / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    running = {}
    try:
        for name, arguments in commands.items():
            on_step(f"  {module.removesuffix('.cli')} {' '.join(arguments)}")
            with (logs / f"{name}.log").open("ab") as file:
                running[name] = subprocess.Popen(  # noqa: S603 - our own command, a list, no shell
                    [sys.executable, "-m", module, *arguments],
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "OMP_NUM_THREADS": "1"} if len(commands) > 1 else None,
                )
        codes = {name: process.wait() for name, process in running.items()}
    finally:
        for process in running.values():
            process.terminate()
            process.wait()
    failed = [name for name, code in codes.items() if code]
    if failed:
        log = logs / f"{failed[0]}.log"
        tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-10:])
        raise InputError(f"{log}: the command failed. Correct the cause and start again. Its last lines:\n{tail}")
