"""A case's images in memory: read, checked against each other, and turned to the common orientation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import MODALITIES, Modality
from bratseval.errors import InputError
from bratseval.files.cases import Case
from bratseval.files.nifti import Image, VoxelGrid, read_image
from bratseval.files.orientation import reoriented_spacing_mm, to_lps
from bratseval.files.sha256 import sha256_of_file

MAX_AFFINE_DIFFERENCE_MM: Final = 1e-3  # between the modalities of a case; BraTS co-registers them
MAX_BRAIN_SHARE: Final = 0.6  # of a volume that is not 0: 16 % in BraTS space, 100 % with skull and air noise


@dataclass(frozen=True)
class Volume:
    """A case in memory: float32 images (x, y, z) as stored, the grid they share, what was odd about them."""

    images: Mapping[Modality, NDArray[np.float32]]
    grid: VoxelGrid
    sha256: Mapping[Modality, str]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class LpsCase:
    """A case's images (x, y, z) on LPS axes, and the edges of their voxels along those axes."""

    images: Mapping[Modality, NDArray[np.float32]]
    spacing_mm: tuple[float, float, float]


def case_in_lps(volume: Volume) -> LpsCase:
    """The images of a case turned to LPS; they share memory with those of `volume`."""
    images = {modality: to_lps(image, volume.grid.affine) for modality, image in volume.images.items()}
    return LpsCase(images, reoriented_spacing_mm(volume.grid))


def hash_case(case: Case) -> Mapping[Modality, str]:
    """The sha256 of each image file.

    Raises:
        InputError: a file can't be read.
    """
    try:
        return {modality: sha256_of_file(case.images[modality]) for modality in MODALITIES}
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}). Check its permissions.") from None


def read_case(case: Case, sha256: Mapping[Modality, str] | None = None) -> Volume:
    """A case's four images, checked against each other.

    Args:
        sha256: of each image file, where `hash_case` found it already; None hashes them here.

    Raises:
        InputError: with all that is wrong: an unsound file, shapes or affines that
            differ, one file given for two modalities.
    """
    images: dict[Modality, Image[np.float32]] = {}
    problems: list[str] = []
    warnings: list[str] = []
    for modality in MODALITIES:
        try:
            images[modality] = read_image(case.images[modality])
            warnings += images[modality].warnings
        except InputError as error:
            problems.append(str(error))
    sha256 = hash_case(case) if sha256 is None else sha256
    for i, modality in enumerate(MODALITIES):
        for other in MODALITIES[:i]:
            if sha256[modality] == sha256[other]:
                problems.append(
                    f"{case.images[modality]}: is the same file as {other}. Give each modality its own image."
                )
    if images:
        grids = {modality: image.grid for modality, image in images.items()}
        problems += _grid_problems(case, grids)
    if problems:
        raise InputError("\n".join(problems))
    voxels = {modality: image.voxels for modality, image in images.items()}
    return Volume(voxels, images["t1c"].grid, sha256, (*warnings, *_oddities(voxels)))


def _grid_problems(case: Case, grids: Mapping[Modality, VoxelGrid]) -> list[str]:
    problems = []
    first = next(iter(grids))
    for modality, grid in grids.items():
        path = case.images[modality]
        if grid.shape != grids[first].shape:
            problems.append(
                f"{path}: is {_times(grid.shape)} voxels, expected {_times(grids[first].shape)} like {first}. "
                "Co-register the modalities."
            )
        elif (off := grid.difference(grids[first])) > MAX_AFFINE_DIFFERENCE_MM:
            problems.append(
                f"{path}: its affine differs from that of {first} by up to {off:.3g} mm, expected the same. "
                "Co-register the modalities."
            )
    return problems


def _oddities(images: Mapping[Modality, NDArray[np.float32]]) -> list[str]:
    brain = np.logical_or.reduce([image != 0 for image in images.values()])
    share = np.count_nonzero(brain) / brain.size
    if share > MAX_BRAIN_SHARE:
        return [f"{share:.0%} of the voxels are not 0: the skull is probably still there; BraTS strips it"]
    return []


def _times(shape: Sequence[int]) -> str:
    return "x".join(str(side) for side in shape)
