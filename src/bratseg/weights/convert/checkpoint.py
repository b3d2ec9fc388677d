"""A foreign checkpoint's tensors, by name; see `new_member` for what becomes of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from bratseg.weights.convert.mednext_keys import is_mednext, monai_names, without_wrappers
from bratseval.errors import InputError

StateDict = dict[str, torch.Tensor]
# nnU-Net lists its tensors up to three times; deep supervision's heads are not used in inference.
_UNET_EXTRA: Final = re.compile(r"\.all_modules\.\d+\.|^decoder\.encoder\.|^decoder\.seg_layers\.\d+\.")
_UNET_HEAD: Final = re.compile(r"^decoder\.seg_layers\.(\d+)\.")


@dataclass(frozen=True, eq=False)
class CheckpointWeights:
    """The weights in a checkpoint.

    Attributes:
        kind: where they come from, in words.
        v1: whether nnU-Net v1 wrote them.
        mednext: whether their names are a MedNeXt's; a U-Net's otherwise.
        state: under the names of `stored_tensors.stored_state`.
    """

    kind: str
    v1: bool
    mednext: bool
    state: StateDict


def find_weights(checkpoint: Mapping[str, Any], path: Path) -> CheckpointWeights:
    """The weights in a checkpoint's table.

    Raises:
        InputError: it holds no weights, or values that are not finite.
    """
    v1 = False
    if "network_weights" in checkpoint:
        found, kind = checkpoint["network_weights"], "nnU-Net v2 checkpoint"
    elif "state_dict" in checkpoint:
        v1 = "plot_stuff" in checkpoint or path.suffix == ".model"
        found, kind = checkpoint["state_dict"], "nnU-Net v1 checkpoint" if v1 else "state_dict"
    else:
        found, kind = checkpoint, "plain state dict"
    if not isinstance(found, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in found.values()):
        raise InputError(
            f"{path}: holds no network's weights, expected network_weights or state_dict. Take another file."
        )
    for name, tensor in found.items():
        if not torch.isfinite(tensor).all():
            raise InputError(f"{path}: {name} has values that are not finite. Take an earlier checkpoint.")
    mednext = is_mednext(found)
    state = monai_names(found) if mednext else _unet_names(found)
    return CheckpointWeights(kind, v1, mednext, state)


def _unet_names(found: Mapping[str, torch.Tensor]) -> StateDict:
    """A U-Net's tensors, each once, with the full-resolution head only."""
    state = {without_wrappers(str(name)): tensor for name, tensor in found.items()}
    heads = [int(match[1]) for match in map(_UNET_HEAD.match, state) if match]
    last = f"decoder.seg_layers.{max(heads, default=0)}."
    return {name: state[name] for name in state if name.startswith(last) or not _UNET_EXTRA.search(name)}
