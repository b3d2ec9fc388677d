"""A campaign as Slurm jobs: a list of stages for each level, one script, and the order of submission."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bratseg.training.records import write_text
from bratseg.training.stages import Stage

_JOB: Final = """\
#!/bin/bash
# One stage of the campaign: line $SLURM_ARRAY_TASK_ID of the list given as the argument.
#SBATCH --job-name=bratseg
#SBATCH --output=%x-%A_%a.log
set -euo pipefail
stage=$(sed -n "${{SLURM_ARRAY_TASK_ID}}p" "$1")
exec bratseg train {campaign} -o {folder} --only "$stage"
"""
_SUBMIT: Final = """\
#!/bin/bash
# Submits the stages that were left, level after level. Options of sbatch go to every job:
#   ./submit.sh --partition=... --gres=gpu:1 --time=...
# Activate the environment of bratseg first: sbatch passes it on.
set -euo pipefail
cd "$(dirname "$0")"
after=()
"""
_LEVEL: Final = """\
job=$(sbatch --parsable "${{after[@]}}" "$@" --array=1-{count}{limit} job.sbatch {name})
echo "{name}: job ${{job%%;*}}, {count} stages"
after=(--dependency=afterok:"${{job%%;*}}")
"""


def write_jobs(source: Path, folder: Path, stages: Sequence[Stage]) -> Path:
    """Write `folder`/slurm/: lists of the stages that are not done, `job.sbatch` and `submit.sh`.

    There is a list for each level: preparation, pretraining, fine-tuning. The stages of the first run one
    after the other, those of the others side by side.

    Returns:
        The script that submits all jobs.
    """
    target = folder / "slurm"
    submit = _SUBMIT
    for number, (name, members) in enumerate(_levels(stages), start=1):
        if members:
            listed = f"{number}-{name}.txt"
            write_text(target / listed, "".join(f"{stage.name}\n" for stage in members))
            submit += _LEVEL.format(count=len(members), limit="%1" if name == "prepare" else "", name=listed)
    paths = [shlex.quote(os.path.relpath(path.resolve(), target.resolve())) for path in (source, folder)]
    write_text(target / "job.sbatch", _JOB.format(campaign=paths[0], folder=paths[1]))
    write_text(target / "submit.sh", submit)
    (target / "submit.sh").chmod(0o755)
    return target / "submit.sh"


def _levels(stages: Sequence[Stage]) -> list[tuple[str, list[Stage]]]:
    left = [stage for stage in stages if not stage.product.exists()]
    return [
        ("prepare", [stage for stage in left if stage.kind != "train"]),
        ("pretrain", [stage for stage in left if stage.kind == "train" and stage.domain == "pretrain"]),
        ("finetune", [stage for stage in left if stage.kind == "train" and stage.domain == "finetune"]),
    ]
