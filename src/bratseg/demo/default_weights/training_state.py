"""The state of a training: network, moving average and optimizer, saved in one file and read back exactly."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from bratseg.demo.default_weights.recipe import MEDNEXT, OUTPUTS, UNET, Settings
from bratseg.models.networks import build_mednext, build_unet
from bratseg.models.stored_tensors import fill, stored_state
from bratseval.challenge import MODALITIES
from bratseval.files.atomic import replacing


@dataclass
class TrainingState:
    """A training in progress.

    Attributes:
        average: moving average of the network's tensors.
        seconds: that it has taken so far, over all its starts.
        loss: moving average.
    """

    network: torch.nn.Module
    average: dict[str, torch.Tensor]
    optimizer: torch.optim.AdamW
    iteration: int = 0
    seconds: float = 0.0
    loss: float = float("nan")


def new_state(settings: Settings) -> TrainingState:
    """The state before the first iteration."""
    torch.manual_seed(settings.seed)
    channels, outputs = len(MODALITIES), len(OUTPUTS.labels)
    if settings.network == "nnunet":
        network = build_unet(UNET, channels, outputs)
    else:
        network = build_mednext(MEDNEXT, channels, outputs)
    for parameter in network.parameters():
        if parameter.ndim == 5:  # faster on a CPU by a half and more
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, eps=1e-6
    )
    return TrainingState(network, {name: tensor.clone() for name, tensor in stored_state(network).items()}, optimizer)


def save_state(state: TrainingState, path: Path, settings: Settings) -> None:
    """Write the whole state into one file, which appears complete or not at all."""
    tensors = {f"network.{name}": tensor for name, tensor in stored_state(state.network).items()}
    tensors |= {f"average.{name}": tensor for name, tensor in state.average.items()}
    for number, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in moments.items()}
    facts = {"iteration": state.iteration, "seconds": state.seconds, "loss": state.loss, "settings": asdict(settings)}
    with replacing(path) as partial:
        save_file(
            {name: tensor.contiguous() for name, tensor in tensors.items()}, partial, {"facts": json.dumps(facts)}
        )


def resume_state(state: TrainingState, path: Path) -> None:
    """Replace a new state by the one that `save_state` wrote."""
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["facts"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    fill(state.network, _part(tensors, "network."), path)
    state.average = _part(tensors, "average.")
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in _part(tensors, "optimizer.").items():
        number, moment = name.split(".")
        moments.setdefault(int(number), {})[moment] = tensor
    state.optimizer.load_state_dict(state.optimizer.state_dict() | {"state": moments})
    state.iteration, state.seconds, state.loss = facts["iteration"], facts["seconds"], facts["loss"]


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
