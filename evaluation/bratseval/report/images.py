"""A case's images and segmentations for its page, read again from the files that were scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import MODALITIES, Modality
from bratseval.errors import InputError
from bratseval.files.cases import Case, find_cases
from bratseval.files.nifti import Image, read_image, read_labels
from bratseval.files.sha256 import sha256_of_file
from bratseval.report.contents import Contents
from bratseval.scoring.result import ScoredCase
from bratseval.submission.pairing import find_references


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


def find_files(
    contents: Contents,
    folder: Path,
    *,
    references: Path | None = None,
    predictions: Sequence[Path] = (),
    modalities: Sequence[Modality] = MODALITIES,
) -> Mapping[str, CaseFiles]:
    """What there is to show of each case; a case without images or without a reference is left out.

    Args:
        folder: the cases with their images.
        references: where the references are; None takes those that were scored, where
            they still lie there, else those beside the images.
        predictions: a folder for each submission, with files called after their cases;
            none takes those that were scored, where they still lie there (in no archive).
        modalities: those to show where a case has them, the one below the slices first.

    Raises:
        InputError: a folder can't be read, or there are more or fewer folders than submissions.
    """
    if predictions and len(predictions) != len(contents.submissions):
        raise InputError(
            f"--predictions: names {len(predictions)} folders, expected {len(contents.submissions)}, one a submission. "
            "Name each or none."
        )
    edition = contents.edition
    images = {case.id: case for case in find_cases(folder, needed=edition.needed, separator=edition.separator).cases}
    given = find_references(references, edition) if references else {}
    found = {}
    for case in (case for case in contents.cases if case in images):
        scored = [contents.case(submission, case) for submission in contents.submissions]
        first = scored[0]
        reference = given.get(case) or _unchanged(first.reference, first.reference_sha256) or images[case].reference
        if reference is not None:
            paths, digests = _predictions(case, scored, predictions)
            digests = (first.reference_sha256, *digests)
            found[case] = CaseFiles(_shown(images[case], modalities), reference, paths, digests)
    return found


def _predictions(
    case: str, scored: Sequence[ScoredCase], folders: Sequence[Path]
) -> tuple[Sequence[Path | None], tuple[str, ...]]:
    """For each submission the file of its prediction, None where there is none, and the sha256 that was scored."""
    known = [_scored_prediction(one) for one in scored]
    named = [folder / f"{case}.nii.gz" for folder in folders]
    paths = [path if path.is_file() else None for path in named] or [_unchanged(*file) for file in known]
    return paths, tuple(digest for _, digest in known)


def _shown(case: Case, wanted: Sequence[Modality]) -> Mapping[Modality, Path]:
    """Those of the wanted modalities that the case has; all that it has where it has none of them."""
    return {modality: case.images[modality] for modality in wanted if modality in case.images} or case.images


def _scored_prediction(scored: ScoredCase) -> tuple[str, str]:
    """The path and the sha256 of a case's prediction; both empty where there is none."""
    others = [(path, digest) for path, digest in scored.files.items() if path != scored.reference]
    return others[0] if len(others) == 1 else ("", "")


def _unchanged(path: str, sha256: str) -> Path | None:
    """The file that was scored, if it still lies there.

    Scores, and the paths in them, may come from anyone: only a file whose content their
    author knew is opened and shown.
    """
    place = Path(path)
    return place if path and place.is_file() and sha256_of_file(place) == sha256 else None


def _check_shape(path: Path, image: Image[np.float32] | Image[np.uint8], reference: Image[np.uint8]) -> None:
    if image.grid.shape != reference.grid.shape:
        got, expected = ("x".join(map(str, one.grid.shape)) for one in (image, reference))
        raise InputError(f"{path}: has {got} voxels, expected {expected} as the reference. It can't be shown over it.")


def _changed(path: Path, digest: str) -> str:
    """What is odd about a file that is not the one that was scored; empty when it is, or when that is unknown."""
    if not digest:
        return ""
    return (
        "" if sha256_of_file(path) == digest else f"{path.name}: is not the file that was scored (its sha256 differs)"
    )
