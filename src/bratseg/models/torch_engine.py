"""A member on torch: its folds on a device, their outputs averaged, less memory when there is none left."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from bratseg.models.description import read_description
from bratseg.models.member import (
    Member,
    MemberDescription,
    OutOfDeviceMemory,
)
from bratseg.models.networks import build_network
from bratseg.models.stored_tensors import fill, load_state
from bratseval.errors import InputError

# What libraries below torch call a full device; torch passes these on as plain RuntimeErrors.
_FULL: Final = ("CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED", "out of memory")


def resolve_device(wanted: str) -> str:
    """The device that a setting means: `cpu` or `cuda:N`.

    Args:
        wanted: auto (a GPU if there is one), cpu, cuda or cuda:N.

    Raises:
        InputError: another word, or a GPU that is not there.
    """
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return "cpu"
    kind, _, number = wanted.partition(":")
    if wanted != "auto" and (kind != "cuda" or (":" in wanted and not number.isdecimal())):
        raise InputError(f"device: is {wanted}, expected auto, cpu, cuda or cuda:N. Choose one of them.")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = int(number or 0)
    if index >= count:
        raise InputError(
            f"device: is {wanted}, but torch {torch.__version__} sees {count} CUDA devices here. "
            "Use --device cpu or auto, or start the container with its GPUs."
        )
    return f"cuda:{index}"


def load_member(
    folder: Path,
    *,
    device: str,
    mirroring: bool,
    folds: Sequence[str] | None = None,
    description: MemberDescription | None = None,
) -> Member:
    """A member from its folder of a weights folder.

    Args:
        folder: holds member.json and the folds it names.
        device: as `resolve_device` understands it.
        mirroring: average over flips along all subsets of the description's axes,
            for 2 to the power of their number times the work.
        folds: files of the folds to use; None uses all.
        description: what member.json says, where it was read already; None reads it.

    Raises:
        InputError: a file is missing or wrong, the tensors do not fit the network,
            or the device is not there.
    """
    if description is None:
        description = read_description(folder / "member.json")
    networks = [_load_network(description, folder / name) for name in folds or description.folds]
    axes = description.mirror_axes if mirroring else ()
    return TorchMember(folder.name, description, networks, resolve_device(device), axes)


def _load_network(description: MemberDescription, path: Path) -> torch.nn.Module:
    state = load_state(path)
    network = build_network(description).to_empty(device="cpu")
    fill(network, state, path)
    return network


class TorchMember:
    """A network's folds on a device; see `bratseg.models.member.Member`.

    They go to the device with the first patch, all at once; `step_down` then takes
    one fold at a time, then the CPU.
    """

    def __init__(
        self,
        name: str,
        description: MemberDescription,
        networks: Sequence[torch.nn.Module],
        device: str,
        mirror_axes: tuple[int, ...],
    ) -> None:
        self._name = name
        self._description = description
        self._networks = list(networks)
        self._resident = True
        self._use(torch.device(device))
        # axes of (b, c, z, y, x); the empty subset is the image as it is
        self._flips = [
            tuple(axis + 2 for axis in subset)
            for count in range(len(mirror_axes) + 1)
            for subset in itertools.combinations(mirror_axes, count)
        ]

    @property
    def description(self) -> MemberDescription:
        """What the member takes and gives."""
        return self._description

    def predict(self, patch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean over folds and flips of one patch's outputs; float32, half precision inside on CUDA only.

        Args:
            patch: (inputs, z, y, x).

        Returns:
            (outputs, z, y, x): logits, or probabilities where `fold_mean` says so.

        Raises:
            OutOfDeviceMemory: the device is full.
        """
        with torch.inference_mode(), _full_device(self._device), self._precision():
            image = torch.from_numpy(np.ascontiguousarray(patch))[None].to(self._device)
            total: torch.Tensor | None = None
            for network in self._placed():
                for flip in self._flips:
                    outputs = torch.flip(network(torch.flip(image, flip)), flip).float()
                    part = self._as_averaged(outputs)
                    total = part if total is None else total.add_(part)
            if total is None:
                raise ValueError(f"{self._name} is closed")
            total /= len(self._networks) * len(self._flips)
            mean: NDArray[np.float32] = total[0].cpu().numpy()
            return mean

    def step_down(self) -> str | None:
        """Use less memory from now on; says how, or None on the CPU, where nothing is left to give."""
        if self._device.type == "cpu":
            return None
        for network in self._networks:
            network.to("cpu")
        torch.cuda.empty_cache()
        if self._resident and len(self._networks) > 1:
            self._resident = False
            return f"{self._name} keeps one fold at a time on {self._device}"
        self._resident = True
        self._use(torch.device("cpu"))
        return f"{self._name} runs on the CPU"

    def close(self) -> None:
        """Give the device's memory back."""
        self._networks.clear()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _placed(self) -> Iterator[torch.nn.Module]:
        """The folds, each on the device while it is used; all stay there when they are resident."""
        for network in self._networks:
            yield network.to(self._device)
            if not self._resident:
                network.to("cpu")

    def _as_averaged(self, logits: torch.Tensor) -> torch.Tensor:
        if self._description.fold_mean == "logits":
            return logits
        return torch.sigmoid(logits) if self._description.outputs.kind == "regions" else torch.softmax(logits, 1)

    def _use(self, device: torch.device) -> None:
        """Set the device; on a CPU, depth-wise convolutions take half the time with their channels last."""
        self._device = device
        if device.type == "cpu" and self._description.network == "mednext":
            for network in self._networks:
                for parameter in network.parameters():
                    if parameter.ndim == 5:
                        parameter.data = parameter.data.to(memory_format=torch.channels_last_3d)

    def _precision(self) -> AbstractContextManager[object]:
        if self._device.type == "cuda":
            return torch.autocast("cuda", dtype=torch.float16)
        return nullcontext()


@contextmanager
def _full_device(device: torch.device) -> Iterator[None]:
    """A full device as OutOfDeviceMemory; cuDNN may choose its kernels by trial meanwhile: tiles are all alike."""
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=True):
            yield
    except RuntimeError as error:
        if device.type == "cuda" and any(text in str(error) for text in _FULL):
            raise OutOfDeviceMemory(f"{device} is full") from error
        raise
