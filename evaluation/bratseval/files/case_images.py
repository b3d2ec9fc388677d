"""A case's images in memory: read, checked against each other, and reoriented to LPS."""

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

MAX_AFFINE_DIFFERENCE_MM: Final = 1e-3  # between the affines of a case's modalities, which BraTS co-registers
MAX_BRAIN_SHARE: Final = 0.6  # of voxels that are not 0: 16 % in BraTS space, up to 100 % with skull and air


@dataclass(frozen=True)
class Volume:
    """A case in memory.

    Attributes:
        images: (x, y, z) each, float32, with axes as stored.
        grid: where their voxels lie, the same for all.
        sha256: of each image file.
        warnings: what is unusual about the images, one message each.
    """

    images: Mapping[Modality, NDArray[np.float32]]
    grid: VoxelGrid
    sha256: Mapping[Modality, str]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class LpsCase:
    """A case's images (x, y, z) on LPS axes, and their voxel edges in mm along these axes."""

    images: Mapping[Modality, NDArray[np.float32]]
    spacing_mm: tuple[float, float, float]


def case_in_lps(volume: Volume) -> LpsCase:
    """The images of a case, reoriented to LPS; they share memory with those of `volume`."""
    images = {modality: to_lps(image, volume.grid.affine) for modality, image in volume.images.items()}
    return LpsCase(images, reoriented_spacing_mm(volume.grid))


def hash_case(case: Case) -> Mapping[Modality, str]:
    """The sha256 of each image file.

    Raises:
        InputError: a file cannot be read.
    """
    try:
        return {modality: sha256_of_file(case.images[modality]) for modality in MODALITIES}
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}). Check its permissions.") from None


def read_case(case: Case, sha256: Mapping[Modality, str] | None = None) -> Volume:
    """A case's four images, checked against each other.

    Args:
        case: with a file of each modality.
        sha256: of each image file, if `hash_case` computed them before; None computes them here.

    Raises:
        InputError: a file is not an intact image, shapes or affines differ, or one file is given
            for two modalities; all problems in one message.
    """
    images: dict[Modality, Image[np.float32]] = {}
    problems: list[str] = []
    for modality in MODALITIES:
        try:
            images[modality] = read_image(case.images[modality])
        except InputError as error:
            problems.append(str(error))
    sha256 = hash_case(case) if sha256 is None else sha256
    problems += _duplicates(case, sha256)
    problems += _grid_problems(case, {modality: image.grid for modality, image in images.items()})
    if problems:
        raise InputError("\n".join(problems))
    voxels = {modality: image.voxels for modality, image in images.items()}
    warnings = [warning for image in images.values() for warning in image.warnings]
    return Volume(voxels, images["t1c"].grid, sha256, (*warnings, *_skull_warnings(voxels)))


def _duplicates(case: Case, sha256: Mapping[Modality, str]) -> list[str]:
    return [
        f"{case.images[modality]}: is the same file as {other}. Give each modality its own image."
        for i, modality in enumerate(MODALITIES)
        for other in MODALITIES[:i]
        if sha256[modality] == sha256[other]
    ]


def _grid_problems(case: Case, grids: Mapping[Modality, VoxelGrid]) -> list[str]:
    """How the grids differ from that of the first modality; nothing if there are none."""
    problems = []
    for modality, grid in grids.items():
        first = next(iter(grids))
        path = case.images[modality]
        if grid.shape != grids[first].shape:
            problems.append(
                f"{path}: has {_times(grid.shape)} voxels, expected {_times(grids[first].shape)} as {first} has. "
                "Co-register the modalities."
            )
        elif (off := grid.difference(grids[first])) > MAX_AFFINE_DIFFERENCE_MM:
            problems.append(
                f"{path}: affine differs from that of {first} by up to {off:.3g} mm, expected the same affine. "
                "Co-register the modalities."
            )
    return problems


def _skull_warnings(images: Mapping[Modality, NDArray[np.float32]]) -> list[str]:
    brain = np.logical_or.reduce([image != 0 for image in images.values()])
    share = np.count_nonzero(brain) / brain.size
    if share > MAX_BRAIN_SHARE:
        return [f"{share:.0%} of the voxels are not 0: the images probably contain the skull, which BraTS removes"]
    return []


def _times(shape: Sequence[int]) -> str:
    return "x".join(str(side) for side in shape)
