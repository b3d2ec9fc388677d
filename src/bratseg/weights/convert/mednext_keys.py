"""MedNeXt checkpoints in the wild: the names of their tensors, and the sizes that their shapes give.

Dialects: the official v1 package (`enc_block_0.0.conv1.weight`, heads out_0 to out_4, a
`dummy_tensor`); the same split into `encoder.` and `decoder.`; MONAI's. Official names:
github.com/MIC-DKFZ/MedNeXt; the networks here have MONAI's.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol, TypeVar

from bratseg.models.member import MedNeXtArchitecture
from bratseval.errors import InputError

# Put before every name by wrappers: data-parallel, compiled, lightning modules, split networks.
_WRAPPERS: Final = re.compile(r"^(?:(?:module|_orig_mod|network|net|model|encoder|decoder)\.)+")
_OFFICIAL: Final = re.compile(r"^(enc_block|dec_block|down|up)_([0-3])\.(.+)$")
# Only used in training: heads of deep supervision (official, MONAI), a tensor for checkpointing.
_TRAINING: Final = re.compile(r"^(?:out_[1-4]\.|out_blocks\.[0-3]\.|dummy_tensor$)")
_STAGES: Final = (*(f"enc_stages.{i}" for i in range(4)), "bottleneck", *(f"dec_stages.{i}" for i in range(4)))


class Shaped(Protocol):
    """Whatever has a shape: a tensor, for one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sides."""
        ...


Tensor = TypeVar("Tensor")


def is_mednext(names: Mapping[str, object]) -> bool:
    """Whether a checkpoint's tensors are a MedNeXt's, by their names."""
    found = [_renamed(name) for name in names]
    return any(re.match(r"^(?:enc_stages|down_blocks)\.0\.", name) for name in found)


def without_wrappers(name: str) -> str:
    """A tensor's name without what data-parallel and compiled modules put before it."""
    return re.sub(r"^(?:(?:module|_orig_mod)\.)+", "", name)


def monai_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A MedNeXt's tensors under MONAI's names, without those that only training needs.

    A tensor that a split network lists twice is taken once.
    """
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        plain = _renamed(name)
        if not _TRAINING.match(plain):
            renamed.setdefault(plain, tensor)
    return renamed


def _renamed(name: str) -> str:
    plain = _WRAPPERS.sub("", name)
    match = _OFFICIAL.match(plain)
    if match is None:
        return plain
    kind, level, rest = match[1], int(match[2]), match[3]
    place = {
        "enc_block": f"enc_stages.{level}",
        "down": f"down_blocks.{level}",
        "up": f"up_blocks.{3 - level}",
        "dec_block": f"dec_stages.{3 - level}",
    }[kind]
    return f"{place}.{rest}"


def topology_of(state: Mapping[str, Shaped], source: Path) -> tuple[MedNeXtArchitecture, int, int]:
    """A MedNeXt's sizes and its numbers of inputs and outputs, from the shapes of its tensors.

    Args:
        state: under MONAI's names.
        source: the checkpoint, for messages.

    Raises:
        InputError: a stage has no blocks, or the network is a variant with global response
            normalisation, without residual up and down blocks, or 2-D.
    """
    for part, what in (("grn_", "global response normalisation"), ("global_resp_", "global response normalisation")):
        if any(part in name for name in state):
            raise _unsupported(source, f"has {what}")
    if "down_blocks.0.conv1.weight" in state and "down_blocks.0.res_conv.weight" not in state:
        raise _unsupported(source, "has no residual connection in its down blocks")
    try:
        stem, head = state["stem.weight"].shape, state["out_0.conv_out.weight"].shape
        kernel = state["enc_stages.0.0.conv1.weight"].shape
        widths = [state[f"{stage}.0.conv2.weight"].shape for stage in _STAGES]
    except KeyError as error:
        raise _unsupported(source, f"has no tensor {error.args[0]}") from None
    if len(kernel) != 5:
        raise _unsupported(source, "is not 3-D")
    blocks = tuple(_count(state, stage) for stage in _STAGES)
    expansion = tuple(max(1, width[0] // width[1]) for width in widths)
    return MedNeXtArchitecture(stem[0], kernel[-1], blocks, expansion), stem[1], head[1]


def _count(state: Mapping[str, Shaped], stage: str) -> int:
    count = 0
    while f"{stage}.{count}.conv1.weight" in state:
        count += 1
    return count


def _unsupported(source: Path, what: str) -> InputError:
    return InputError(
        f"{source}: {what}, expected a MedNeXt as create_mednext_v1 makes it: 3-D, group norm, residual blocks. "
        "Convert another model."
    )
