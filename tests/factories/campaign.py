"""A small cross-validation for tests: cases, splits, and members that really see a tumour."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from bratseg.models.description import write_description
from bratseg.models.member import MemberDescription, Normalization
from bratseg.models.networks import build_network
from bratseg.models.stored_tensors import save_state, stored_state
from bratseg.phantoms import Phantom, make_phantom, write_phantom
from bratseg.weights.folder import add_member
from bratseval.challenge import MODALITIES
from factories.members import REGIONS, description

SHAPE = (40, 48, 36)
ARCHITECTURE = {
    "class": "PlainConvUNet",
    "kwargs": {
        "n_stages": 2,
        "features_per_stage": [12, 16],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[3, 3, 3], [3, 3, 3]],
        "strides": [[1, 1, 1], [2, 2, 2]],
        "n_conv_per_stage": [1, 1],
        "n_conv_per_stage_decoder": [1],
        "conv_bias": True,
        "norm_op": None,
        "norm_op_kwargs": None,
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    },
}


def small_phantom(seed: int) -> Phantom:
    """A whole brain of 40x48x36 voxels, which its affine calls 1 mm: a few thousand voxels of tumour at most."""
    coarse = make_phantom(seed, shape=SHAPE, spacing_mm=(4.2, 4.2, 4.2))
    affine = coarse.affine.copy()
    affine[:3, :3] /= 4.2
    return replace(coarse, affine=affine)


def make_cases(folder: Path, count: int) -> list[str]:
    """Case folders with references; their names."""
    names = [f"BraTS-SSA-{number:05d}-000" for number in range(count)]
    for number, name in enumerate(names):
        write_phantom(folder, name, small_phantom(7000 + number))
    return names


def make_splits(path: Path, names: Sequence[str], folds: int) -> None:
    """nnU-Net's splits_final.json: every `folds`-th case is in val of one fold."""
    splits = [
        {"train": [n for i, n in enumerate(names) if i % folds != fold], "val": list(names[fold::folds])}
        for fold in range(folds)
    ]
    path.write_text(json.dumps(splits))


def make_weights(folder: Path, members: Sequence[str], folds: int) -> None:
    """A weights folder of tiny U-Nets: random filters, and a head that was fitted on three phantoms for each fold."""
    for seed, name in enumerate(members):
        member = folder / name
        member.mkdir(parents=True)
        about = _description(tuple(f"fold_{fold}.safetensors" for fold in range(folds)))
        write_description(member / "member.json", about)
        for fold in range(folds):
            save_state(member / f"fold_{fold}.safetensors", _fitted(about, 10 * seed + fold))
        add_member(folder, name, 1.0, source="made here", licence="CC0")


def _description(folds: tuple[str, ...]) -> MemberDescription:
    about = description(patch=(36, 48, 40))
    recipe = replace(about.preprocessing, normalization=(Normalization("ZScoreNormalization", use_mask=True),) * 4)
    return replace(about, architecture=ARCHITECTURE, preprocessing=recipe, folds=folds)


def _fitted(about: MemberDescription, seed: int) -> dict[str, torch.Tensor]:
    """Filters drawn at random, and the head that comes nearest to logits of 4 and -4 where regions are and are not."""
    torch.manual_seed(seed)
    network = build_network(about).to_empty(device="cpu")
    for tensor in stored_state(network).values():
        torch.nn.init.normal_(tensor, 0, 0.3)
    head = network.decoder.seg_layers[-1]  # type: ignore[union-attr,index]
    seen: list[torch.Tensor] = []
    hook = head.register_forward_hook(lambda _module, given, _out: seen.append(given[0]))  # type: ignore[union-attr]
    features, wanted = [], []
    for phantom in (small_phantom(8000 + 10 * seed + number) for number in range(3)):
        network(torch.from_numpy(_image(phantom))[None])
        labels = np.ascontiguousarray(phantom.labels.transpose(2, 1, 0)).ravel()
        rows = seen.pop()[0].flatten(1).T.double()
        chosen = np.flatnonzero(labels)
        rest = np.random.default_rng(seed).choice(np.flatnonzero(labels == 0), 3 * len(chosen), replace=False)
        chosen = np.concatenate([chosen, rest])
        features.append(torch.cat([rows[chosen], torch.ones(len(chosen), 1, dtype=torch.float64)], dim=1))
        wanted.append(
            torch.tensor(
                np.stack([np.where(np.isin(labels[chosen], region), 4.0, -4.0) for region in REGIONS.labels], 1)
            )
        )
    hook.remove()
    solution = torch.linalg.lstsq(torch.cat(features), torch.cat(wanted)).solution.float()
    state = stored_state(network)
    (weight,) = (name for name in state if name.startswith("decoder.seg_layers") and name.endswith("weight"))
    state[weight] = solution[:-1].T.reshape(state[weight].shape)
    state[weight.replace("weight", "bias")] = solution[-1]
    return state


def _image(phantom: Phantom) -> np.ndarray:
    channels = np.stack([np.round(phantom.images[modality]).transpose(2, 1, 0) for modality in MODALITIES])
    inside = channels != 0
    mean = np.array([c[i].mean() for c, i in zip(channels, inside, strict=True)]).reshape(4, 1, 1, 1)
    std = np.array([c[i].std() for c, i in zip(channels, inside, strict=True)]).reshape(4, 1, 1, 1)
    return np.where(inside, (channels - mean) / std, 0).astype(np.float32)
