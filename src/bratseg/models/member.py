"""What a member of the ensemble is: its description, and the Protocol that every engine keeps.

Free of torch, so that an engine on another runtime can stand beside `torch_engine`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from bratseg.models.fields import Fields, read_json
from bratseval.challenge import LABEL_NAMES, MODALITIES, Modality

FORMAT: Final = 1
Network = Literal["nnunet", "mednext"]
FoldMean = Literal["logits", "probabilities"]
Scheme = Literal[
    "ZScoreNormalization",
    "CTNormalization",
    "NoNormalization",
    "RescaleTo01Normalization",
    "RGBTo01Normalization",
]

_Choice = TypeVar("_Choice", bound=str)


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
        """Use less memory from now on; says how, in words, or None when nothing is left to give."""
        ...

    def close(self) -> None:
        """Give the device's memory back; the member is not used again."""
        ...


def read_description(path: Path) -> MemberDescription:
    """The description in a member.json.

    Raises:
        InputError: the file is missing, no JSON, of another format, or any
            key is missing, unknown or out of range.
    """
    fields = Fields(path, read_json(path))
    number = fields.integer("format", 1)
    if number != FORMAT:
        raise fields.error("is not supported", str(FORMAT), number, "format")
    network: Network = _choice(fields, "network", get_args(Network))
    description = MemberDescription(
        network=network,
        architecture=_architecture(fields, network),
        inputs=_inputs(fields),
        outputs=_outputs(fields.table("outputs")),
        patch_size=fields.integers("patch_size", 3, 1),
        preprocessing=_preprocessing(fields.table("preprocessing")),
        mirror_axes=fields.integers("mirror_axes"),
        fold_mean=_choice(fields, "fold_mean", get_args(FoldMean)),
        folds=fields.texts("folds"),
        provenance=_mapping(fields, "provenance"),
    )
    fields.done()
    _check(fields, description)
    return description


def _check(fields: Fields, description: MemberDescription) -> None:
    """Refuse what the keys, one by one, cannot show."""
    scaled, wanted = len(description.preprocessing.normalization), len(description.inputs)
    if scaled != wanted:
        raise fields.error("does not match the inputs", f"{wanted} schemes", scaled, "preprocessing")
    axes = description.mirror_axes
    if len(set(axes)) != len(axes) or any(axis > 2 for axis in axes):
        raise fields.error("is impossible", "different axes out of 0, 1, 2", axes, "mirror_axes")
    folds = description.folds
    if not folds or len(set(folds)) != len(folds):
        raise fields.error("is impossible", "at least one file, each once", folds, "folds")
    for name in folds:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise fields.error("names no weights", "file names that end in .safetensors", name, "folds")


def _choice(fields: Fields, key: str, choices: tuple[_Choice, ...]) -> _Choice:
    value = fields.text(key, choices)
    return next(choice for choice in choices if choice == value)


def _mapping(fields: Fields, key: str) -> Mapping[str, object]:
    value = fields.value(key)
    if not isinstance(value, dict):
        raise fields.error("is not a table", "a table", value, key)
    return value


def _architecture(fields: Fields, network: Network) -> Mapping[str, object] | MedNeXtArchitecture:
    if network == "nnunet":
        return _mapping(fields, "architecture")
    table = fields.table("architecture")
    architecture = MedNeXtArchitecture(
        channels=table.integer("channels", 1),
        kernel=table.integer("kernel", 1),
        blocks=table.integers("blocks", 9, 1),
        expansion=table.integers("expansion", 9, 1),
    )
    table.done()
    return architecture


def _inputs(fields: Fields) -> tuple[Modality, ...]:
    names = fields.texts("inputs")
    unknown = [name for name in names if name not in MODALITIES]
    if unknown or not names or len(set(names)) != len(names):
        raise fields.error("is impossible", f"different ones of {', '.join(MODALITIES)}", names, "inputs")
    return tuple(modality for name in names for modality in MODALITIES if modality == name)


def _outputs(table: Fields) -> Outputs:
    kind: Literal["regions", "labels"] = _choice(table, "kind", ("regions", "labels"))
    labels = table.integer_lists("labels")
    paint = table.integers("paint", len(labels), 1) if kind == "regions" else ()
    table.done()
    known = {0, *LABEL_NAMES}
    if not labels or any(not row or not set(row) <= known for row in labels):
        raise table.error("is impossible", f"lists of the labels {sorted(known)}", labels, "labels")
    if kind == "labels" and labels[0] != (0,):
        raise table.error("does not begin with the background", "[0] first", labels, "labels")
    if not set(paint) <= known:
        raise table.error("is impossible", f"labels out of {sorted(known)}", paint, "paint")
    return Outputs(kind, labels, paint)


def _preprocessing(table: Fields) -> Preprocessing:
    recipe = Preprocessing(
        orientation=table.text("orientation"),
        transpose=table.integers("transpose", 3),
        spacing_mm=table.numbers("spacing_mm", 3),
        normalization=tuple(_normalization(row) for row in table.tables("normalization")),
        resample_image=_resampling(table.table("resample_image")),
        resample_output=_resampling(table.table("resample_output")),
    )
    table.done()
    if sorted(recipe.transpose) != [0, 1, 2]:
        raise table.error("is impossible", "0, 1 and 2 in some order", recipe.transpose, "transpose")
    if min(recipe.spacing_mm) <= 0:
        raise table.error("is impossible", "positive numbers", recipe.spacing_mm, "spacing_mm")
    pairs = ("LR", "PA", "SI")
    if sorted(next((p for p in pairs if letter in p), "") for letter in recipe.orientation) != sorted(pairs):
        raise table.error("is impossible", "three letters such as LPS", recipe.orientation, "orientation")
    return recipe


def _normalization(table: Fields) -> Normalization:
    scheme: Scheme = _choice(table, "scheme", get_args(Scheme))
    use_mask = table.flag("use_mask")
    intensities = _intensities(table.table("intensities")) if scheme == "CTNormalization" else None
    table.done()
    return Normalization(scheme, use_mask, intensities)


def _intensities(table: Fields) -> Intensities:
    names = ("mean", "std", "percentile_00_5", "percentile_99_5")
    intensities = Intensities(*(table.number(name) for name in names))
    table.done()
    return intensities


def _resampling(table: Fields) -> Resampling:
    order, order_z = table.integer("order"), table.integer("order_z")
    force = table.value("force_separate_z")
    if force is not None and not isinstance(force, bool):
        raise table.error("is no choice", "true, false or null", force, "force_separate_z")
    table.done()
    if max(order, order_z) > 5:
        raise table.error("has an order that is too high", "0 to 5", (order, order_z))
    return Resampling(order, order_z, force)
