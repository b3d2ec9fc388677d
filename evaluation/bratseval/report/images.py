"""A case's images and segmentations for its page, read again from the files that were scored."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bratseval.cases import Case
from bratseval.challenge import Modality
from bratseval.errors import InputError
from bratseval.nifti import Image, read_image, read_labels


@dataclass(frozen=True)
class CaseFiles:
    """What there is to show of a case.

    Attributes:
        images: the files of its modalities.
        reference: of the labels; its sha256 when it was scored is checked where known.
        predictions: the file of each submission, None where there is none.
        sha256: what the scores say of each of these files, by their place in
            (reference, *predictions); empty where unknown.
    """

    images: Mapping[Modality, Path]
    reference: Path
    predictions: Sequence[Path | None]
    sha256: Sequence[str]


@dataclass(frozen=True)
class CaseVolumes:
    """Voxels (x, y, z) of a case on the reference's grid.

    Attributes:
        predictions: of each submission; None where it can't be shown.
        problems: why it can't, or what is odd.
    """

    images: Mapping[Modality, NDArray[np.float32]]
    affine: NDArray[np.float64]
    reference: NDArray[np.uint8]
    predictions: tuple[NDArray[np.uint8] | None, ...]
    problems: tuple[str, ...]


def read_volumes(files: CaseFiles) -> CaseVolumes:
    """Everything that can be shown of a case; predictions that can't are left out, with the reason.

    Raises:
        InputError: an image or the reference can't be read, or lies on another grid of voxels.
    """
    reference = read_labels(files.reference)
    images = {modality: read_image(path) for modality, path in files.images.items()}
    for modality, image in images.items():
        _check_shape(files.images[modality], image, reference)
    predictions: list[NDArray[np.uint8] | None] = []
    problems = [_changed(files.reference, files.sha256[0])]
    for path, digest in zip(files.predictions, files.sha256[1:], strict=True):
        predictions.append(None)
        if path is None:
            continue
        try:
            read = read_labels(path)
            _check_shape(path, read, reference)
        except InputError as error:
            problems.append(str(error))
            continue
        predictions[-1] = read.voxels
        problems.append(_changed(path, digest))
    return CaseVolumes(
        {modality: image.voxels for modality, image in images.items()},
        reference.grid.affine,
        reference.voxels,
        tuple(predictions),
        tuple(filter(None, problems)),
    )


def images_of(case: Case, modalities: Sequence[Modality]) -> Mapping[Modality, Path]:
    """The files of the modalities that are wanted."""
    return {modality: case.images[modality] for modality in modalities}


def _check_shape(path: Path, image: Image[np.float32] | Image[np.uint8], reference: Image[np.uint8]) -> None:
    if image.grid.shape != reference.grid.shape:
        got, expected = ("x".join(map(str, one.grid.shape)) for one in (image, reference))
        raise InputError(f"{path}: has {got} voxels, expected {expected} as the reference. It can't be shown over it.")


def _changed(path: Path, digest: str) -> str:
    """What is odd about a file that is not the one that was scored; empty when it is, or when that is unknown."""
    if not digest:
        return ""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return "" if found == digest else f"{path.name}: is not the file that was scored (its sha256 differs)"
