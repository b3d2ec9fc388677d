"""Phantoms as a network sees them, kept on disk between steps of a training and between trainings."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

import bratseg.phantoms
from bratseg.inference.preprocessing import preprocess
from bratseg.models.member import Preprocessing
from bratseg.phantoms.phantom import make_phantom
from bratseval.challenge import MODALITIES
from bratseval.files.atomic import replacing
from bratseval.files.sha256 import sha256_of_bytes
from bratseval.process_map import map_in_order

_BOX_MM: Final = (164.0, 204.0, 156.0)  # a volume that holds every phantom's brain
# The files that decide, with this one, what a phantom looks like; a change in one of them makes new phantoms.
_SOURCES: Final = ("fields.py", "anatomy.py", "tumour.py", "appearance.py", "phantom.py")


@dataclass(frozen=True, eq=False)
class Sample:
    """A network's input, (c, z, y, x), and the labels, (z, y, x), of the same shape."""

    data: NDArray[np.float32]
    labels: NDArray[np.uint8]


def load_sample(folder: Path, seed: int, recipe: Preprocessing) -> Sample:
    """The phantom of a seed, preprocessed; made and kept in `folder` when it is not there yet."""
    path = _path(folder, seed, recipe)
    if not path.exists():
        _make(path, seed, recipe)
    with np.load(path, allow_pickle=False) as kept:
        return Sample(kept["data"].astype(np.float32), kept["labels"])


def make_samples(folder: Path, seeds: Iterable[int], recipe: Preprocessing, *, processes: int) -> int:
    """Make what is missing of the phantoms of some seeds, several at a time; gives how many were made."""
    missing = [seed for seed in seeds if not _path(folder, seed, recipe).exists()]
    make = partial(load_sample, folder, recipe=recipe)
    for _ in map_in_order(make, missing, min(processes, len(missing))):
        pass
    return len(missing)


def _path(folder: Path, seed: int, recipe: Preprocessing) -> Path:
    room = Path(bratseg.phantoms.__file__).parent
    sources = (*(room / name for name in _SOURCES), Path(__file__))
    made_from = [repr(recipe).encode(), *(source.read_bytes() for source in sources)]
    return folder / sha256_of_bytes(b"".join(made_from))[:12] / f"{seed}.npz"


def _make(path: Path, seed: int, recipe: Preprocessing) -> None:
    spacing = recipe.spacing_mm
    x, y, z = (round(edge / mm) for edge, mm in zip(_BOX_MM, reversed(spacing), strict=True))
    phantom = make_phantom(
        seed, shape=(x, y, z), spacing_mm=(spacing[2], spacing[1], spacing[0]), orientation=recipe.orientation
    )
    channels = np.stack([phantom.images[modality].transpose(2, 1, 0) for modality in MODALITIES])
    prepared = preprocess(channels, spacing, recipe)
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = phantom.labels.transpose(2, 1, 0)[prepared.crop]
    with replacing(path) as partial_path, partial_path.open("wb") as file:
        np.savez(file, data=prepared.data.astype(np.float16), labels=labels)
