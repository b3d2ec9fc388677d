"""Phantoms as a network sees them, kept on disk between steps of a training and between trainings."""

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

import bratseg.phantoms
from bratseg.inference.preprocessing import preprocess
from bratseg.models.member import Preprocessing
from bratseg.phantoms.phantom import make_phantom
from bratseval.challenge import MODALITIES

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
    if processes == 1 or len(missing) <= 1:
        for seed in missing:
            make(seed)
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            for _ in pool.map(make, missing):
                pass
    return len(missing)


def _path(folder: Path, seed: int, recipe: Preprocessing) -> Path:
    digest = hashlib.sha256(repr(recipe).encode())
    room = Path(bratseg.phantoms.__file__).parent
    for source in (*(room / name for name in _SOURCES), Path(__file__)):
        digest.update(source.read_bytes())
    return folder / digest.hexdigest()[:12] / f"{seed}.npz"


def _make(path: Path, seed: int, recipe: Preprocessing) -> None:
    spacing = recipe.spacing_mm
    x, y, z = (round(edge / mm) for edge, mm in zip(_BOX_MM, reversed(spacing), strict=True))
    phantom = make_phantom(
        seed, shape=(x, y, z), spacing_mm=(spacing[2], spacing[1], spacing[0]), orientation=recipe.orientation
    )
    channels = np.stack([phantom.images[modality].transpose(2, 1, 0) for modality in MODALITIES])
    prepared = preprocess(channels, spacing, recipe)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_path = path.with_name(f".{path.name}.{os.getpid()}.part.npz")
    labels = phantom.labels.transpose(2, 1, 0)[prepared.crop]
    np.savez(partial_path, data=prepared.data.astype(np.float16), labels=labels)
    partial_path.replace(path)
