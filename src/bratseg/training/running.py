"""Runs the stages of a campaign one after the other, each in a child process that ends with its parent."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bratseg.training.campaign import Campaign, read_campaign
from bratseg.training.layout import Layout
from bratseg.training.records import write_text
from bratseg.training.stages import Stage, named_stages, stages_of
from bratseval.errors import InputError
from bratseval.files.json_fields import read_json

_GRACE_S: Final = 10.0  # between SIGTERM and SIGKILL
_TAIL: Final = 12  # lines of a failed stage's log in the message
_MAY_CHANGE: Final = ("device", "gpus", "workers", "processes", "data", "splits")  # the last two: their paths


class StageFailedError(InputError):
    """A stage ran and failed; its log says why."""


def start_folder(source: Path, folder: Path) -> tuple[Campaign, Layout]:
    """The campaign and the layout of its folder, which keeps a copy of the campaign file.

    Raises:
        InputError: the folder belongs to a campaign that trains something else.
    """
    campaign, layout = read_campaign(source), Layout(folder.resolve())
    if layout.campaign.exists():
        earlier, now = asdict(read_campaign(layout.campaign)), asdict(campaign)
        changed = [key for key in now if now[key] != earlier[key] and key not in _MAY_CHANGE]
        if changed or set(earlier["data"]) != set(now["data"]):
            raise InputError(
                f"{source}: {', '.join(changed) or 'data'} changed since {folder} was started, expected what "
                f"{layout.campaign} says. Give the new campaign another folder with -o."
            )
    _check_splits(campaign, layout)
    write_text(layout.campaign, source.read_text("utf-8"))
    return campaign, layout


def _check_splits(campaign: Campaign, layout: Layout) -> None:
    """Raise InputError where trainings have begun with other folds than the campaign's files hold now."""
    for domain, path in campaign.splits.items():
        placed = layout.splits(domain)
        if placed.exists() and path.exists() and read_json(placed) != read_json(path):
            raise InputError(
                f"{path}: changed since {layout.folder} was started, expected what {placed} says. "
                "Give the new campaign another folder with -o."
            )


def run_stages(
    source: Path, folder: Path, only: Sequence[str], on_stage: Callable[[Stage, str, float], None]
) -> tuple[Stage, ...]:
    """Run the stages that are not done; returns those that were run.

    It may be killed at any time. The next start continues: finished stages are skipped, a
    training continues from its last checkpoint, and any other stage starts again.

    Args:
        source: the campaign file.
        folder: of the campaign; made if needed.
        only: names of stages, see `named_stages`; empty for all.
        on_stage: called with a stage, "start" or "end", and the seconds it took.

    Raises:
        StageFailedError: a stage failed; those before it are done.
        InputError: a stage that is needed is not done, or another process runs it.
    """
    campaign, layout = start_folder(source, folder)
    stages = stages_of(campaign, layout)
    wanted = named_stages(stages, only) if only else stages
    ran = []
    for stage in wanted:
        if stage.product.exists():
            continue
        _check_needs(stage, stages)
        with _locked(layout, stage):
            if stage.product.exists():  # finished by another process in the meantime
                continue
            on_stage(stage, "start", 0.0)
            seconds = _run(source, layout, stage, campaign)
            on_stage(stage, "end", seconds)
            ran.append(stage)
    return tuple(ran)


def child_environment(layout: Layout, stage: Stage, campaign: Campaign, own: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child process: our own, with the variables that upstream reads.

    With 0 workers the trainer augments in its own process; planning needs one at least.
    """
    found = {
        **own,
        "nnUNet_raw": str(layout.nnunet_raw),
        "nnUNet_preprocessed": str(layout.nnunet_preprocessed),
        "nnUNet_results": str(layout.nnunet_results),
        "nnUNet_def_n_proc": str(campaign.processes),
        "nnUNet_n_proc_DA": str(campaign.workers if stage.kind == "train" else max(1, campaign.workers)),
        "MPLBACKEND": "Agg",
        "PYTHONUNBUFFERED": "1",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
    }
    if campaign.device == "cuda":  # as upstream: with a GPU, more threads only disturb the workers
        found |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return found


def _check_needs(stage: Stage, stages: Sequence[Stage]) -> None:
    products = {other.name: other.product for other in stages}
    missing = [name for name in stage.needs if not products[name].exists()]
    if missing:
        raise InputError(f"{stage.name}: needs {', '.join(missing)} first. Run them, or leave --only out.")


def _run(source: Path, layout: Layout, stage: Stage, campaign: Campaign) -> float:
    log = layout.log(stage.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with log.open("ab") as file:
        file.write(f"== {stage.name} {datetime.now(UTC).isoformat(timespec='seconds')}\n".encode())
        file.flush()
        child = subprocess.Popen(  # noqa: S603 - our own module, a list, no shell
            [sys.executable, "-m", "bratseg.training.child", str(source.resolve()), str(layout.folder), stage.name],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=child_environment(layout, stage, campaign, os.environ),
            start_new_session=True,
        )
        try:
            code = child.wait()
        except BaseException:
            _end(child)
            raise
        finally:
            if child.stdin:
                child.stdin.close()
    if code or not stage.product.exists():
        tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-_TAIL:])
        raise StageFailedError(
            f"{log}: {stage.name} ended with exit code {code} and without {stage.product.name}. "
            f"Correct the cause and start again; finished stages are kept. Last lines of the log:\n{tail}"
        )
    return time.monotonic() - start


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Terminate a child and all processes that it started; kill those that do not end."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            return
        try:
            child.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            continue


@contextmanager
def _locked(layout: Layout, stage: Stage) -> Iterator[None]:
    path = layout.folder / "locks" / stage.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{layout.folder}: {stage.name} is being run by another process. Wait for it, or end it."
            ) from None
        yield
