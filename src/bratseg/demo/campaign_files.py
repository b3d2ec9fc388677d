"""The campaign files of the demonstration: with pretraining and from scratch, with the same fine-tuning."""

from pathlib import Path
from typing import Final

from bratseg.demo.hospitals import DemoCases, Size
from bratseg.training.records import write_text

_TEXT: Final = """\
# {about}
format = 1
name = "{name}"

[data]
finetune = "{finetune}"
{pretrain_data}splits = "{splits}"

[plan]
patch_size = [{patch}, {patch}, {patch}]
batch_size = 2

[networks.nnunet]
features = {features}
largest = {largest}
convolutions = 1

[networks.mednext]
channels = {channels}
kernel = 3
blocks = [1, 1, 1, 1, 1, 1, 1, 1, 1]
expansion = [2, 2, 2, 2, 2, 2, 2, 2, 2]
checkpointing = false
{pretrain}
[finetune]
epochs = {finetune_epochs}
iterations = {iterations}
validation_iterations = 2
save_every = 1
folds = [{folds}]
learning_rate = {{ nnunet = 0.01, mednext = 0.003 }}

[run]
device = "cpu"
gpus = 1
workers = 0
processes = 1
seed = 0
"""
_PRETRAIN: Final = """
[pretrain]
epochs = {epochs}
iterations = {iterations}
validation_iterations = 2
save_every = 1
folds = ["all"]
learning_rate = {{ nnunet = 0.01, mednext = 0.003 }}
"""


def write_campaigns(folder: Path, cases: DemoCases, splits: Path, size: Size) -> tuple[Path, Path]:
    """Write the two campaign files; returns the one with pretraining, then the one without."""
    transfer, scratch = folder / "transfer.toml", folder / "scratch.toml"
    pretrain = _PRETRAIN.format(epochs=size.pretrain_epochs, iterations=size.iterations)
    relative = {
        "finetune": cases.finetune.relative_to(folder).as_posix(),
        "splits": splits.relative_to(folder).as_posix(),
    }
    data = f'pretrain = "{cases.pretrain.relative_to(folder).as_posix()}"\n'
    write_text(transfer, _text(size, "transfer", "Pretrained on GLI, fine-tuned on SSA", pretrain, data, relative))
    write_text(scratch, _text(size, "scratch", "The same fine-tuning without pretraining", "", "", relative))
    return transfer, scratch


def _text(size: Size, name: str, about: str, pretrain: str, data: str, relative: dict[str, str]) -> str:
    return _TEXT.format(
        about=about,
        name=name,
        pretrain=pretrain,
        pretrain_data=data,
        patch=size.patch,
        features=size.features,
        largest=size.features * 4,
        channels=size.channels,
        finetune_epochs=size.finetune_epochs,
        iterations=size.iterations,
        folds=", ".join(f'"{fold}"' for fold in range(size.folds)),
        **relative,
    )
