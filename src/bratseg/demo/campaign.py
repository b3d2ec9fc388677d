"""The demonstration from cases to scores; started again, it goes on where it was."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bratseg.demo.campaign_files import write_campaigns
from bratseg.demo.campaign_scores import EDITION, Row, score, unseen
from bratseg.demo.hospitals import Cases, Size, make_hospitals
from bratseval.errors import InputError


@dataclass(frozen=True)
class Outcome:
    """What the demonstration has measured, and where everything is."""

    rows: tuple[Row, ...]
    places: dict[str, Path]


def run_campaign_demo(output: Path, size: Size, say: Callable[[str], None]) -> Outcome:
    """Run every stage of the method on phantoms.

    Args:
        output: for everything; made if needed.
        size: how much.
        say: told each step in words.

    Raises:
        InputError: a command failed; its log is named.
    """
    output = output.resolve()
    say("making the cases of two hospitals: GLI, and SSA with a low-field scanner")
    cases = make_hospitals(output / "cases", size)
    splits = output / "folds" / "splits_final.json"
    transfer, scratch = write_campaigns(output, cases, splits, size)
    say("making folds that are alike")
    _folds(output, cases, splits, size, say)
    say("training: GLI then SSA, and beside it the same SSA training from scratch")
    _together(output, {"transfer": ["train", str(transfer)], "scratch": ["train", str(scratch)]}, say)
    say("predicting every SSA case with models that never saw it")
    rows = _rows(output, cases, splits, size)
    weights = output / "weights"
    _tuned(output, cases, splits, weights, say)
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
    return Outcome(rows, places)


def _rows(output: Path, cases: Cases, splits: Path, size: Size) -> tuple[Row, ...]:
    """The paper's table 3, on phantoms."""
    folds = [str(fold) for fold in range(size.folds)]
    told = f"{size.finetune} SSA, out-of-fold"
    work = output / "comparison"
    transfer, scratch = output / "transfer", output / "scratch"
    unseen(transfer, cases.pretrain_test, work / "pretrained-gli", domain="pretrain", folds=["all"], splits=splits)
    unseen(transfer, cases.finetune, work / "pretrained", domain="pretrain", folds=["all"], splits=splits)
    unseen(scratch, cases.finetune, work / "scratch", domain="finetune", folds=folds, splits=splits)
    unseen(transfer, cases.finetune, work / "finetuned", domain="finetune", folds=folds, splits=splits)
    return (
        score("pretrained on GLI", f"{size.tests} GLI, unseen", cases.pretrain_test, work / "pretrained-gli"),
        score("pretrained on GLI", f"{size.finetune} SSA, unseen", cases.finetune, work / "pretrained"),
        score("SSA from scratch", told, cases.finetune, work / "scratch"),
        score("GLI, fine-tuned on SSA", told, cases.finetune, work / "finetuned"),
    )


def _folds(output: Path, cases: Cases, splits: Path, size: Size, say: Callable[[str], None]) -> None:
    if splits.exists():
        return
    arguments = ["-o", str(splits.parent), "--folds", str(size.folds), "--clusters", *map(str, size.clusters)]
    _run(output, "folds", ["folds", str(cases.finetune), *arguments], say)


def _tuned(output: Path, cases: Cases, splits: Path, weights: Path, say: Callable[[str], None]) -> None:
    """Pack, tune on out-of-fold predictions, pack again, segment the test cases, score them and list the scores."""
    segmentations, scores, tuning = output / "segmentations", output / "scores", output / "tuning"
    plain = output / "weights-untuned"
    pack = ["weights", "pack", str(output / "transfer"), "--licence", "Apache-2.0", "-o"]
    _run(output, "pack", [*pack, str(plain)], say)
    told = ["--weights", str(plain), "--splits", str(splits), "--edition", EDITION, "-o", str(tuning)]
    _run(output, "tune", ["tune", str(cases.finetune), *told], say)
    _run(output, "pack-tuned", [*pack, str(weights), "--tuning", str(tuning)], say)
    _run(
        output,
        "infer",
        ["infer", "-i", str(cases.finetune_test), "-o", str(segmentations), "--weights", str(weights), "--resume"],
        say,
    )
    arguments = [str(segmentations), str(cases.finetune_test), "-o", str(scores), "--edition", EDITION]
    _run(output, "score", ["score", *arguments], say, module="bratseval.cli")
    entry = [str(scores / "scores.json"), "--name", "campaign-demo/tuned", "--leaderboard", str(output / "board.db")]
    _run(output, "leaderboard", ["leaderboard", "add", *entry], say, module="bratseval.cli")


def _run(
    output: Path, name: str, arguments: Sequence[str], say: Callable[[str], None], module: str = "bratseg.cli"
) -> None:
    """One command, as a person would give it."""
    _together(output, {name: arguments}, say, module)


def _together(
    output: Path, commands: dict[str, Sequence[str]], say: Callable[[str], None], module: str = "bratseg.cli"
) -> None:
    """Commands side by side, each on one core, with a log; all have ended afterwards."""
    logs = output / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    running = {}
    try:
        for name, arguments in commands.items():
            say(f"  {module.removesuffix('.cli')} {' '.join(arguments)}")
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
        raise InputError(f"{log}: the command failed. Its last lines:\n{tail}")
