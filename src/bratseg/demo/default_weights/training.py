"""Trains the small networks of the default weights, on phantoms alone."""

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.torch import save

from bratseg.demo.default_weights.augment import draw_patch
from bratseg.demo.default_weights.pool import load_sample, make_samples
from bratseg.demo.default_weights.recipe import FOLD, OUTPUTS, PATCHES, RECIPE, Settings, describe, seeds_of
from bratseg.demo.default_weights.training_state import TrainingState, new_state, resume_state, save_state
from bratseg.inference.config import read_config
from bratseg.models.description import write_description
from bratseg.models.member import Network
from bratseg.models.stored_tensors import stored_state
from bratseg.weights.folder import DESCRIPTION, MANIFEST, add_member, read_manifest, write_manifest
from bratseval.files.atomic import write_bytes

_STATE: Final = "state.safetensors"

log = logging.getLogger(__name__)


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

    A training that was interrupted continues from its last saved state.

    Args:
        output: weights folder; a member of the network's name is added or replaced.
        minutes: how long, unless `iterations` is given.
        seed: of the network's first weights and of every draw.
        work: keeps phantoms and the state of the training; may be deleted afterwards.

    Returns:
        The member's folder.
    """
    settings = Settings(network, seed=seed, minutes=minutes, iterations=iterations, patch_size=PATCHES[network])
    return train(output, settings, work)


def train(output: Path, settings: Settings, work: Path) -> Path:
    """The same as `train_default_weights`, with all settings."""
    path = work / f"{settings.network}-{settings.seed}" / _STATE
    path.parent.mkdir(parents=True, exist_ok=True)
    state = new_state(settings)
    if path.exists():
        resume_state(state, path)
        log.info("continuing after iteration %d with seed %d", state.iteration, settings.seed)
    start = time.monotonic() - state.seconds
    make_samples(work, seeds_of(settings, state.iteration), RECIPE, processes=settings.processes)
    state.network.train()
    while (progress := _progress(state, settings)) < 1:
        _step(state, settings, work, progress)
        state.seconds = time.monotonic() - start
        if state.iteration % 10 == 0:
            log.info("iteration %d, %.0f s, loss %.3f", state.iteration, state.seconds, state.loss)
        if state.iteration % settings.save_every == 0:
            save_state(state, path, settings)
            export(output, state, settings)
    save_state(state, path, settings)
    return export(output, state, settings)


def export(output: Path, state: TrainingState, settings: Settings) -> Path:
    """Write the averaged network as a member of a weights folder, in float16; returns the member's folder."""
    member = output / settings.network
    member.mkdir(parents=True, exist_ok=True)
    write_bytes(member / FOLD, save({name: tensor.half().contiguous() for name, tensor in state.average.items()}))
    write_description(member / DESCRIPTION, describe(settings, state.iteration, state.seconds))
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


def _progress(state: TrainingState, settings: Settings) -> float:
    """0 at the start, 1 or more at the end."""
    if settings.iterations is not None:
        return state.iteration / settings.iterations
    return state.seconds / (60 * settings.minutes)


def _step(state: TrainingState, settings: Settings, work: Path, progress: float) -> None:
    """One iteration: draw a batch, lower the loss, average the weights."""
    data, target = _draw_batch(state, settings, work)
    rate = _learning_rate(state.iteration, settings, progress)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    loss = region_loss(state.network(data.contiguous(memory_format=torch.channels_last_3d)), target)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
    state.optimizer.step()
    state.iteration += 1
    _average(state, settings)
    value = loss.item()
    state.loss = value if np.isnan(state.loss) else 0.95 * state.loss + 0.05 * value


def _draw_batch(state: TrainingState, settings: Settings, work: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (b, modalities, z, y, x) and their regions (b, regions, z, y, x), 0 or 1."""
    rng = np.random.default_rng([settings.seed, state.iteration])
    seeds = seeds_of(settings, state.iteration)
    patches = []
    for number in range(settings.batch):
        newest = number == 0 and state.iteration % settings.steps_a_phantom == 0
        chosen = seeds[-1] if newest else int(rng.choice(seeds))
        patches.append(draw_patch(rng, load_sample(work, chosen, RECIPE), settings.patch_size))
    labels = np.stack([patch.labels for patch in patches])
    regions = np.stack([np.isin(labels, region) for region in OUTPUTS.labels], axis=1)
    return torch.from_numpy(np.stack([patch.data for patch in patches])), torch.from_numpy(regions).float()


def _learning_rate(iteration: int, settings: Settings, progress: float) -> float:
    """It rises over 40 iterations and falls as a cosine with the progress of the training."""
    rising, falling = min(1, (iteration + 1) / 40), 0.5 * (1 + np.cos(np.pi * min(progress, 1)))
    return float(max(settings.learning_rate * rising * falling, 1e-6))


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


def _average(state: TrainingState, settings: Settings) -> None:
    """Move the average of the weights, which is what is kept in the end, towards the weights."""
    keep = min(settings.ema, (1 + state.iteration) / (10 + state.iteration))
    with torch.no_grad():
        for name, tensor in stored_state(state.network).items():
            state.average[name].lerp_(tensor, 1 - keep)
