"""What a member of the ensemble is: its description, and the Protocol that every engine keeps.

Free of torch, so that an engine on another runtime can stand beside `torch_engine`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Modality

Network = Literal["nnunet", "mednext"]
FoldMean = Literal["logits", "probabilities"]
Scheme = Literal[
    "ZScoreNormalization",
    "CTNormalization",
    "NoNormalization",
    "RescaleTo01Normalization",
    "RGBTo01Normalization",
]


class OutOfDeviceMemory(Exception):  # noqa: N818 - a state to react to, by stepping down
    """The device has no memory left for this patch; `Member.step_down` may help."""


@dataclass(frozen=True)
class MedNeXtArchitecture:
    """A MedNeXt's sizes (Roy et al., MICCAI 2023; arXiv 2303.09975).

    Attributes:
        channels: features after the stem; doubled four times.
        kernel: edge of the depth-wise convolutions, 3 or 5 in the paper.
        blocks: blocks of the four encoder stages, the bottleneck, the four decoder stages.
        expansion: expansion ratio of the same nine stages.
    """

    channels: int
    kernel: int
    blocks: tuple[int, ...]
    expansion: tuple[int, ...]


@dataclass(frozen=True)
class Resampling:
    """How nnU-Net's default resampling is set: spline orders, and whether the coarse axis goes alone.

    Attributes:
        order: spline order within planes, or in all three axes.
        order_z: spline order along the coarse axis when it goes alone.
        force_separate_z: None leaves it to the spacing (alone above a ratio of 3).
    """

    order: int
    order_z: int
    force_separate_z: bool | None


@dataclass(frozen=True)
class Intensities:
    """What the CT scheme needs to know of the training data."""

    mean: float
    std: float
    percentile_00_5: float
    percentile_99_5: float


@dataclass(frozen=True)
class Normalization:
    """How one channel's intensities are scaled; `use_mask` keeps to voxels inside the non-zero region."""

    scheme: Scheme
    use_mask: bool
    intensities: Intensities | None = None


@dataclass(frozen=True)
class Preprocessing:
    """The recipe between a case's voxels and the network's input; hashable, so equal ones are done once.

    Attributes:
        orientation: of the stored axes in training, such as LPS.
        transpose: order in which (z, y, x) is handed to the network.
        spacing_mm: of the network's grid, in transposed axes.
        normalization: one a channel.
    """

    orientation: str
    transpose: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    normalization: tuple[Normalization, ...]
    resample_image: Resampling
    resample_output: Resampling


@dataclass(frozen=True)
class Outputs:
    """What the network's output channels mean.

    Attributes:
        kind: `regions` take a sigmoid each, `labels` one softmax.
        labels: BraTS labels of each channel; background [0] is first of `labels`.
        paint: BraTS label written where a region is found, in painting order; empty for `labels`.
    """

    kind: Literal["regions", "labels"]
    labels: tuple[tuple[int, ...], ...]
    paint: tuple[int, ...] = ()


@dataclass(frozen=True)
class MemberDescription:
    """The parsed member.json. Axes are nnU-Net's (z, y, x), after the transposition."""

    network: Network
    architecture: Mapping[str, object] | MedNeXtArchitecture
    inputs: tuple[Modality, ...]
    outputs: Outputs
    patch_size: tuple[int, ...]
    preprocessing: Preprocessing
    mirror_axes: tuple[int, ...]
    fold_mean: FoldMean
    folds: tuple[str, ...]
    provenance: Mapping[str, object]


class Member(Protocol):
    """A network with all its folds, ready on a device."""

    @property
    def description(self) -> MemberDescription:
        """What it takes and gives."""
        ...

    def predict(self, patch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean over folds and mirrors of one patch's outputs.

        Args:
            patch: (inputs, z, y, x), preprocessed, of the description's patch size.

        Returns:
            (outputs, z, y, x): logits, or probabilities where `fold_mean` says so.

        Raises:
            OutOfDeviceMemory: call `step_down` and try again.
        """
        ...

    def step_down(self) -> str | None:
        """Use less memory from now on; returns how, in words, or None when no further step is left."""
        ...

    def close(self) -> None:
        """Give the device's memory back; the member is not used again."""
        ...
