"""A second MedNeXt, written from the paper and the official names alone: tensors, and what they compute.

`create_mednext_v1`'s sizes: Roy et al., MICCAI 2023, and github.com/MIC-DKFZ/MedNeXt.
"""

from collections.abc import Mapping

import torch
from torch.nn import functional

SIZES: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = {  # blocks and expansion of the nine stages
    "S": ((2,) * 9, (2,) * 9),
    "B": ((2,) * 9, (2, 3, 4, 4, 4, 4, 4, 3, 2)),
    "M": ((3, 4, 4, 4, 4, 4, 4, 4, 3), (2, 3, 4, 4, 4, 4, 4, 3, 2)),
    "L": ((3, 4, 8, 8, 8, 8, 8, 4, 3), (3, 4, 8, 8, 8, 8, 8, 4, 3)),
}
STAGES = (*(f"enc_block_{i}" for i in range(4)), "bottleneck", *(f"dec_block_{i}" for i in (3, 2, 1, 0)))
State = dict[str, torch.Tensor]


def official_state(
    size: str, kernel: int, *, channels: int = 32, inputs: int = 4, outputs: int = 3, heads: bool = True
) -> State:
    """Random tensors under the official names, deep supervision's heads and the dummy included if wanted."""
    blocks, expansion = SIZES[size]
    torch.manual_seed(0)
    state: State = {}

    def convolution(name: str, rows: int, columns: int, edge: int, bias: int) -> None:
        state[f"{name}.weight"] = torch.randn(rows, columns, edge, edge, edge) / (columns * edge**3) ** 0.5
        state[f"{name}.bias"] = 0.1 * torch.randn(bias)

    def block(name: str, width: int, ratio: int, out: int, residual: str = "") -> None:
        convolution(f"{name}.conv1", width, 1, kernel, width)
        state[f"{name}.norm.weight"] = 1 + 0.1 * torch.randn(width)
        state[f"{name}.norm.bias"] = 0.1 * torch.randn(width)
        convolution(f"{name}.conv2", ratio * width, width, 1, ratio * width)
        convolution(f"{name}.conv3", out, ratio * width, 1, out)
        if residual:  # a transposed convolution keeps its inputs first
            rows, columns = (out, width) if residual == "down" else (width, out)
            convolution(f"{name}.res_conv", rows, columns, 1, out)

    convolution("stem", channels, inputs, 1, channels)
    for stage, count, ratio in zip(STAGES, blocks, expansion, strict=True):
        level = 4 if stage == "bottleneck" else int(stage[-1])
        for number in range(count):
            block(f"{stage}.{number}", channels * 2**level, ratio, channels * 2**level)
    for level in range(4):
        width = channels * 2**level
        block(f"down_{level}", width, expansion[level + 1], 2 * width, "down")
        block(f"up_{level}", 2 * width, expansion[8 - level], width, "up")
    for level in range(5 if heads else 1):
        convolution(f"out_{level}.conv_out", channels * 2**level, outputs, 1, outputs)
    if heads:
        state["dummy_tensor"] = torch.ones(1)
    return state


def official_forward(state: State, image: torch.Tensor) -> torch.Tensor:
    """Logits of a batch (b, c, z, y, x), from official names, by functions only."""

    def tensors(name: str) -> tuple[torch.Tensor, torch.Tensor]:
        return state[f"{name}.weight"], state[f"{name}.bias"]

    def inner(name: str, x: torch.Tensor) -> torch.Tensor:
        width = x.shape[1]
        x = functional.group_norm(x, width, *tensors(f"{name}.norm"), eps=1e-5)
        return functional.conv3d(
            functional.gelu(functional.conv3d(x, *tensors(f"{name}.conv2"))), *tensors(f"{name}.conv3")
        )

    def depthwise(name: str, x: torch.Tensor, stride: int) -> torch.Tensor:
        weight, bias = tensors(f"{name}.conv1")
        return functional.conv3d(x, weight, bias, stride=stride, padding=weight.shape[-1] // 2, groups=x.shape[1])

    def stage(name: str, x: torch.Tensor) -> torch.Tensor:
        number = 0
        while f"{name}.{number}.conv1.weight" in state:
            x = x + inner(f"{name}.{number}", depthwise(f"{name}.{number}", x, 1))
            number += 1
        return x

    def down(name: str, x: torch.Tensor) -> torch.Tensor:
        return inner(name, depthwise(name, x, 2)) + functional.conv3d(x, *tensors(f"{name}.res_conv"), stride=2)

    def up(name: str, x: torch.Tensor) -> torch.Tensor:
        weight, bias = tensors(f"{name}.conv1")
        padding = weight.shape[-1] // 2
        wide = functional.conv_transpose3d(x, weight, bias, stride=2, padding=padding, groups=x.shape[1])
        main = functional.pad(inner(name, wide), (1, 0) * 3)  # 2n - 1 voxels become 2n
        rest = functional.conv_transpose3d(x, *tensors(f"{name}.res_conv"), stride=2)
        return main + functional.pad(rest, (1, 0) * 3)

    x = functional.conv3d(image, *tensors("stem"))
    skips = []
    for level in range(4):
        skips.append(stage(f"enc_block_{level}", x))
        x = down(f"down_{level}", skips[-1])
    x = stage("bottleneck", x)
    for level in (3, 2, 1, 0):
        x = stage(f"dec_block_{level}", skips[level] + up(f"up_{level}", x))
    return functional.conv_transpose3d(x, *tensors("out_0.conv_out"))
