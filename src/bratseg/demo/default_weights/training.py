"""Trains the small networks of the default weights, on phantoms alone."""

import json
import logging
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save, save_file

from bratseg.demo.default_weights.augment import draw_patch
from bratseg.demo.default_weights.pool import load_sample, make_samples
from bratseg.inference.config import read_config
from bratseg.models.description import write_description
from bratseg.models.member import (
    MedNeXtArchitecture,
    MemberDescription,
    Network,
    Normalization,
    Outputs,
    Preprocessing,
    Resampling,
)
from bratseg.models.networks import build_mednext, build_unet
from bratseg.models.stored_tensors import fill, stored_state
from bratseg.weights.folder import DESCRIPTION, MANIFEST, add_member, read_manifest, write_manifest
from bratseval.challenge import MODALITIES
from bratseval.files.atomic import replacing, write_bytes

FIRST_SEED: Final = 1_000_000  # of the phantoms trained on; tests and demonstrations stay below
_FOLD: Final = "fold_0.safetensors"
_STATE: Final = "state.safetensors"
# A U-Net sees most of a brain at once; MedNeXt, slower a voxel, takes smaller tiles and more of them.
_PATCHES: Final[dict[Network, tuple[int, int, int]]] = {"nnunet": (64, 80, 64), "mednext": (48, 64, 48)}
_WIDTHS: Final = (16, 32, 64, 128, 128)
_MEDNEXT: Final = MedNeXtArchitecture(16, 3, (1,) * 9, (2, 2, 2, 2, 2, 2, 2, 2, 2))
_UNET: Final = {
    "class": "PlainConvUNet",
    "kwargs": {
        "n_stages": len(_WIDTHS),
        "features_per_stage": list(_WIDTHS),
        "conv_op": "torch.nn.Conv3d",
        "kernel_sizes": [[3, 3, 3]] * len(_WIDTHS),
        "strides": [[1, 1, 1]] + [[2, 2, 2]] * (len(_WIDTHS) - 1),
        "n_conv_per_stage": [1] + [2] * (len(_WIDTHS) - 1),
        "n_conv_per_stage_decoder": [1] * (len(_WIDTHS) - 1),
        "conv_bias": True,
        "norm_op": "torch.nn.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    },
}
# Half of BraTS's resolution: a case takes seconds on a CPU, and both networks learn within an hour.
RECIPE: Final = Preprocessing(
    orientation="LPS",
    transpose=(0, 1, 2),
    spacing_mm=(2.0, 2.0, 2.0),
    normalization=(Normalization("ZScoreNormalization", use_mask=True),) * len(MODALITIES),
    resample_image=Resampling(order=3, order_z=0, force_separate_z=None),
    resample_output=Resampling(order=1, order_z=0, force_separate_z=None),
)
_OUTPUTS: Final = Outputs("regions", ((1, 2, 3), (1, 3), (3,)), (2, 1, 3))

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What decides a training.

    Attributes:
        minutes: of training, phantoms' making included; the learning rate falls to 0 over them.
        iterations: end after so many instead; with it, a seed gives the same weights on the same machine.
        phantoms: seeds that take part in the end; one more every `steps_a_phantom` iterations.
    """

    network: Network
    seed: int = 0
    minutes: float = 30.0
    iterations: int | None = None
    patch_size: tuple[int, int, int] = (64, 80, 64)
    batch: int = 1
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    ema: float = 0.995
    first_phantoms: int = 150
    phantoms: int = 600
    steps_a_phantom: int = 10
    save_every: int = 50
    processes: int = 2


@dataclass
class _Run:
    """A training in progress."""

    network: torch.nn.Module
    average: dict[str, torch.Tensor]
    optimizer: torch.optim.AdamW
    iteration: int = 0
    seconds: float = 0.0
    loss: float = float("nan")


def train_default_weights(
    output: Path,
    *,
    network: Network,
    minutes: float = 30.0,
    iterations: int | None = None,
    seed: int = 0,
    work: Path = Path(".training"),
) -> Path:
    """Train one small network on phantoms and put it into a weights folder.

    A training that was interrupted goes on where it was saved last.

    Args:
        output: weights folder; a member of the network's name is added or replaced.
        minutes: how long, unless `iterations` says how far.
        seed: of the network's first weights and of every draw.
        work: keeps phantoms and the state of the training; may be deleted afterwards.

    Returns:
        The member's folder.
    """
    settings = Settings(network, seed=seed, minutes=minutes, iterations=iterations, patch_size=_PATCHES[network])
    return train(output, settings, work)


def train(output: Path, settings: Settings, work: Path) -> Path:
    """As `train_default_weights`, with every setting in the caller's hand."""
    state = work / f"{settings.network}-{settings.seed}" / _STATE
    state.parent.mkdir(parents=True, exist_ok=True)
    run = _start(settings)
    if state.exists():
        _resume(run, state, settings)
    begun = time.monotonic() - run.seconds
    make_samples(work, _seeds(settings, run.iteration), RECIPE, processes=settings.processes)
    run.network.train()
    while (progress := _progress(run, settings)) < 1:
        _step(run, settings, work, progress)
        run.seconds = time.monotonic() - begun
        if run.iteration % 10 == 0:
            log.info("iteration %d, %.0f s, loss %.3f", run.iteration, run.seconds, run.loss)
        if run.iteration % settings.save_every == 0:
            _save(run, state, settings)
            export(output, run.average, settings, run.iteration, run.seconds)
    _save(run, state, settings)
    return export(output, run.average, settings, run.iteration, run.seconds)


def export(output: Path, tensors: dict[str, torch.Tensor], settings: Settings, iterations: int, seconds: float) -> Path:
    """Write a member of a weights folder from a network's tensors, as float16."""
    member = output / settings.network
    member.mkdir(parents=True, exist_ok=True)
    write_bytes(member / _FOLD, save({name: tensor.half().contiguous() for name, tensor in tensors.items()}))
    write_description(member / DESCRIPTION, _description(settings, iterations, seconds))
    add_member(
        output,
        settings.network,
        read_config().shares[settings.network],
        source="trained by `bratseg weights train` on phantoms of `bratseg phantom`",
        licence="Apache-2.0",
    )
    manifest = read_manifest(output)
    about = "Two small networks trained on procedural phantoms alone: a demonstration, not a medical device."
    if manifest.description != about:
        write_manifest(output, replace(manifest, name="phantom-demo", description=about))
    return output / settings.network if (output / MANIFEST).is_file() else member


def _description(settings: Settings, iterations: int, seconds: float) -> MemberDescription:
    return MemberDescription(
        network=settings.network,
        architecture=_UNET if settings.network == "nnunet" else _MEDNEXT,
        inputs=MODALITIES,
        outputs=_OUTPUTS,
        patch_size=settings.patch_size,
        preprocessing=RECIPE,
        mirror_axes=(2,),
        fold_mean="logits",
        folds=(_FOLD,),
        provenance={
            "data": "procedural phantoms, none of them of a person",
            "settings": asdict(settings),
            "iterations": iterations,
            "seconds": round(seconds),
            "first_seed": FIRST_SEED,
        },
    )


def _start(settings: Settings) -> _Run:
    torch.manual_seed(settings.seed)
    channels, outputs = len(MODALITIES), len(_OUTPUTS.labels)
    if settings.network == "nnunet":
        network = build_unet(_UNET, channels, outputs)
    else:
        network = build_mednext(_MEDNEXT, channels, outputs)
    for parameter in network.parameters():
        if parameter.ndim == 5:  # faster on a CPU by a half and more
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, eps=1e-6
    )
    return _Run(network, {name: tensor.clone() for name, tensor in stored_state(network).items()}, optimizer)


def _seeds(settings: Settings, iteration: int) -> range:
    count = min(settings.phantoms, settings.first_phantoms + iteration // settings.steps_a_phantom)
    return range(FIRST_SEED, FIRST_SEED + count)


def _progress(run: _Run, settings: Settings) -> float:
    if settings.iterations is not None:
        return run.iteration / settings.iterations
    return run.seconds / (60 * settings.minutes)


def _step(run: _Run, settings: Settings, work: Path, progress: float) -> None:
    rng = np.random.default_rng([settings.seed, run.iteration])
    seeds = _seeds(settings, run.iteration)
    patches = []
    for number in range(settings.batch):
        newest = number == 0 and run.iteration % settings.steps_a_phantom == 0
        chosen = seeds[-1] if newest else int(rng.choice(seeds))
        patches.append(draw_patch(rng, load_sample(work, chosen, RECIPE), settings.patch_size))
    data = torch.from_numpy(np.stack([patch.data for patch in patches]))
    labels = np.stack([patch.labels for patch in patches])
    target = torch.from_numpy(np.stack([np.isin(labels, region) for region in _OUTPUTS.labels], axis=1)).float()
    rate = settings.learning_rate * min(1, (run.iteration + 1) / 40) * 0.5 * (1 + np.cos(np.pi * min(progress, 1)))
    for group in run.optimizer.param_groups:
        group["lr"] = max(rate, 1e-6)
    loss = region_loss(run.network(data.contiguous(memory_format=torch.channels_last_3d)), target)
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    torch.nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
    run.optimizer.step()
    run.iteration += 1
    _average(run, settings)
    value = loss.item()
    run.loss = value if np.isnan(run.loss) else 0.95 * run.loss + 0.05 * value


def region_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Binary cross entropy plus one minus the soft Dice of each region over the batch.

    Args:
        logits: (b, regions, z, y, x).
        target: same shape, 0 or 1.
    """
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
    axes = (0, 2, 3, 4)
    found = torch.sigmoid(logits)
    overlap = (found * target).sum(axes)
    dice = (2 * overlap + 1) / (found.sum(axes) + target.sum(axes) + 1)
    return entropy + (1 - dice).mean()


def _average(run: _Run, settings: Settings) -> None:
    """The moving average of the weights, which is what is kept in the end."""
    keep = min(settings.ema, (1 + run.iteration) / (10 + run.iteration))
    with torch.no_grad():
        for name, tensor in stored_state(run.network).items():
            run.average[name].lerp_(tensor, 1 - keep)


def _save(run: _Run, path: Path, settings: Settings) -> None:
    """The whole state in one file, which is there complete or not at all."""
    tensors = {f"network.{name}": tensor for name, tensor in stored_state(run.network).items()}
    tensors |= {f"average.{name}": tensor for name, tensor in run.average.items()}
    for number, moments in run.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in moments.items()}
    facts = {"iteration": run.iteration, "seconds": run.seconds, "loss": run.loss, "settings": asdict(settings)}
    with replacing(path) as partial:
        save_file(
            {name: tensor.contiguous() for name, tensor in tensors.items()}, partial, {"facts": json.dumps(facts)}
        )


def _resume(run: _Run, path: Path, settings: Settings) -> None:
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["facts"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    fill(run.network, _part(tensors, "network."), path)
    run.average = _part(tensors, "average.")
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in _part(tensors, "optimizer.").items():
        number, moment = name.split(".")
        state.setdefault(int(number), {})[moment] = tensor
    run.optimizer.load_state_dict(run.optimizer.state_dict() | {"state": state})
    run.iteration, run.seconds, run.loss = facts["iteration"], facts["seconds"], facts["loss"]
    log.info("going on after iteration %d with seed %d", run.iteration, settings.seed)


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
