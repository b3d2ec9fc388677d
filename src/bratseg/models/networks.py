"""The networks, built from the installed libraries' blocks."""

from collections.abc import Mapping
from typing import Any, Final

import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from dynamic_network_architectures.building_blocks.residual import BasicBlockD, BottleneckD
from monai.networks.blocks.mednext_block import MedNeXtDownBlock
from monai.networks.nets.mednext import MedNeXt

from bratseg.models.member import MedNeXtArchitecture, MemberDescription
from bratseval.errors import InputError

# Every class that a plans file may name, under its public and its defining module.
_CLASSES: Final[Mapping[str, type]] = {
    f"{module}.{cls.__name__}": cls
    for cls in (
        torch.nn.Conv3d,
        torch.nn.InstanceNorm3d,
        torch.nn.BatchNorm3d,
        torch.nn.Dropout,
        torch.nn.Dropout3d,
        torch.nn.LeakyReLU,
        torch.nn.ReLU,
        torch.nn.PReLU,
        torch.nn.ELU,
        torch.nn.GELU,
        torch.nn.SiLU,
        torch.nn.Mish,
        BasicBlockD,
        BottleneckD,
    )
    for module in {cls.__module__, "torch.nn" if cls.__module__.startswith("torch.nn") else cls.__module__}
}
_CLASS_KEYS: Final = ("conv_op", "norm_op", "dropout_op", "nonlin", "block")
_COMMON_KEYS: Final = frozenset(
    {
        "n_stages",
        "features_per_stage",
        "conv_op",
        "kernel_sizes",
        "strides",
        "n_conv_per_stage_decoder",
        "conv_bias",
        "norm_op",
        "norm_op_kwargs",
        "dropout_op",
        "dropout_op_kwargs",
        "nonlin",
        "nonlin_kwargs",
    }
)
_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "PlainConvUNet": _COMMON_KEYS | {"n_conv_per_stage", "nonlin_first"},
    "ResidualEncoderUNet": _COMMON_KEYS | {"n_blocks_per_stage", "block", "bottleneck_channels", "stem_channels"},
}


def build_unet(architecture: Mapping[str, object], inputs: int, outputs: int) -> torch.nn.Module:
    """A plain or residual-encoder U-Net of nnU-Net v2, with fresh weights and its full-resolution head only.

    Args:
        architecture: `class` (PlainConvUNet or ResidualEncoderUNet) and `kwargs`, as
            plans files give them; torch classes by name.
        inputs: input channels.
        outputs: output channels.

    Returns:
        A module from (b, inputs, z, y, x) to logits (b, outputs, z, y, x).

    Raises:
        InputError: an unknown class or keyword, or sizes that make no network.
    """
    name, kwargs = _class_and_keywords(architecture)
    arguments = {key: _class(value) if key in _CLASS_KEYS else value for key, value in kwargs.items()}
    builder = PlainConvUNet if name == "PlainConvUNet" else ResidualEncoderUNet
    try:
        network = builder(input_channels=inputs, num_classes=outputs, deep_supervision=False, **arguments)
    except (TypeError, ValueError, AssertionError, IndexError) as error:
        raise InputError(
            f"architecture: makes no {name}, {error or 'sizes that do not fit together'}. Convert the checkpoint again."
        ) from error
    heads: torch.nn.ModuleList = network.decoder.seg_layers
    for level in range(len(heads) - 1):  # deep supervision's, unused in inference
        heads[level] = torch.nn.Identity()
    module: torch.nn.Module = network
    return module


def _class_and_keywords(architecture: Mapping[str, object]) -> tuple[str, Mapping[str, Any]]:
    """The U-Net's class and its keywords, all of them known."""
    name, kwargs = architecture.get("class"), architecture.get("kwargs")
    if set(architecture) != {"class", "kwargs"} or not isinstance(name, str) or not isinstance(kwargs, Mapping):
        raise InputError(
            f"architecture: has the keys {', '.join(architecture)}, expected class and kwargs. "
            "Convert the checkpoint again."
        )
    if name not in _KEYS:
        raise InputError(
            f"architecture: {name} is not supported, expected {' or '.join(_KEYS)}. Convert another model."
        )
    unknown = sorted(set(kwargs) - _KEYS[name])
    if unknown:
        raise InputError(
            f"architecture: {name} has no keyword {', '.join(unknown)}, expected some of "
            f"{', '.join(sorted(_KEYS[name]))}. Convert the checkpoint again."
        )
    return name, kwargs


def build_mednext(architecture: MedNeXtArchitecture, inputs: int, outputs: int) -> torch.nn.Module:
    """A MedNeXt with fresh weights and its full-resolution head only.

    MONAI gives each down block its own stage's expansion ratio; the official network gives
    it the next stage's. The down blocks are replaced here, because B, M and L could not
    load official weights otherwise.

    Args:
        architecture: the sizes; four encoder stages, a bottleneck, four decoder stages.
        inputs: input channels.
        outputs: output channels.

    Returns:
        A module from (b, inputs, z, y, x), edges multiples of 16, to logits (b, outputs, z, y, x).
    """
    blocks, expansion = architecture.blocks, architecture.expansion
    network = MedNeXt(
        spatial_dims=3,
        init_filters=architecture.channels,
        in_channels=inputs,
        out_channels=outputs,
        encoder_expansion_ratio=expansion[:4],
        bottleneck_expansion_ratio=expansion[4],
        decoder_expansion_ratio=expansion[5:],
        kernel_size=architecture.kernel,
        deep_supervision=False,
        use_residual_connection=True,
        blocks_down=blocks[:4],
        blocks_bottleneck=blocks[4],
        blocks_up=blocks[5:],
        norm_type="group",
        global_resp_norm=False,
    )
    for level in range(4):
        width = architecture.channels * 2**level
        network.down_blocks[level] = MedNeXtDownBlock(
            width, 2 * width, expansion[level + 1], architecture.kernel, use_residual_connection=True
        )
    return network


def build_network(description: MemberDescription) -> torch.nn.Module:
    """A description's network, in evaluation mode, on `meta`: names and shapes without values.

    Raises:
        InputError: the architecture makes no network.
    """
    inputs, outputs = len(description.inputs), len(description.outputs.labels)
    architecture = description.architecture
    with torch.device("meta"):
        if isinstance(architecture, MedNeXtArchitecture):
            network = build_mednext(architecture, inputs, outputs)
        else:
            network = build_unet(architecture, inputs, outputs)
    return network.eval().requires_grad_(False)


def _class(name: object) -> type | None:
    if name is None:
        return None
    found = _CLASSES.get(name) if isinstance(name, str) else None
    if found is None:
        raise InputError(
            f"architecture: names the class {name}, expected one of "
            f"{', '.join(sorted({cls.__name__ for cls in _CLASSES.values()}))}. Convert another model."
        )
    return found
