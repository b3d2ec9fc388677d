"""What is wrong with one file of a submission: its name, its grid, its values."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition
from bratseval.errors import InputError
from bratseval.files.case_images import MAX_AFFINE_DIFFERENCE_MM
from bratseval.files.nifti import Image, VoxelGrid, read_values
from bratseval.files.spacing import spacing_mm
from bratseval.submission.archive import NIFTI_END, SubmissionFile
from bratseval.submission.pairing import platform_id_of

Rule = Literal[
    "archive", "file", "link", "name", "unknown case", "missing", "duplicate", "sub-folder", "unreadable", "dimensions",
    "shape", "affine", "spacing", "header", "dtype", "values", "labels", "empty", "same content",
]  # fmt: skip
_OLD_ET: Final = 4  # enhancing tumour in BraTS up to 2022; 3 since 2023
_MAX_VALUES_SHOWN: Final = 5


class Severity(StrEnum):
    """What a problem costs: an error the score of a case or the whole submission, a warning nothing."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Problem:
    """One broken rule.

    Attributes:
        file: its path inside the submission; a missing file's expected name; or the submission's own name.
        rule: which rule is broken.
        severity: error or warning.
        text: what is wrong, expected, got, and what to do.
    """

    file: str
    rule: Rule
    severity: Severity
    text: str


def error_in(file: SubmissionFile, rule: Rule, text: str) -> Problem:
    """An error of a file; its text starts with the file's name."""
    return Problem(file.inner_path, rule, Severity.ERROR, f"{file.display_name}: {text}")


def warning_in(file: SubmissionFile, rule: Rule, text: str) -> Problem:
    """A warning about a file; its text starts with the file's name."""
    return Problem(file.inner_path, rule, Severity.WARNING, f"{file.display_name}: {text}")


def file_problems(file: SubmissionFile, case: VoxelGrid | None, edition: Edition) -> Iterator[Problem]:
    """What is wrong with one file; `case` is the grid of the case it predicts, None if it belongs to no case."""
    if not file.name.endswith(NIFTI_END):
        if file.problem:
            yield Problem(file.inner_path, "file", Severity.ERROR, file.problem)
        else:
            yield error_in(file, "file", "is not a .nii.gz file; the platform rejects the whole submission. Remove it.")
        return
    if platform_id_of(file.name.removesuffix(NIFTI_END), edition) is None:
        text = "the platform finds no case id in the file name, expected <id>.nii.gz with an id that matches"
        yield error_in(file, "name", f"{text} {edition.case_id}. Rename it.")
    if file.path is None:
        yield Problem(file.inner_path, "link", Severity.ERROR, file.problem)
        return
    try:
        image = read_values(file.path)
    except InputError as error:
        text = str(error).replace(str(file.path), file.display_name)
        yield Problem(file.inner_path, "unreadable", Severity.ERROR, text)
        return
    if case is not None:
        yield from _grid_problems(file, image.grid, case, edition)
    yield from _value_problems(file, image, edition)


def _grid_problems(file: SubmissionFile, grid: VoxelGrid, case: VoxelGrid, edition: Edition) -> Iterator[Problem]:
    rank = int(nib.Nifti1Header(grid.header, check=False)["dim"][0])
    if rank != len(case.shape):
        yield error_in(file, "dimensions", f"has {rank} dimensions, expected 3. Save it as a 3-D image.")
    if grid.shape != case.shape:
        got, expected = ("x".join(map(str, shape)) for shape in (grid.shape, case.shape))
        yield error_in(
            file, "shape", f"has {got} voxels, expected {expected} as its case has. Save it on the case's grid."
        )
    off = grid.difference(case)
    if off > MAX_AFFINE_DIFFERENCE_MM:
        text = f"affine differs from its case's affine by up to {off:.3g} mm. Save it with the case's affine."
        yield error_in(file, "affine", text)
    got_mm, expected_mm = spacing_mm(grid, edition), spacing_mm(case, edition)
    if not np.allclose(got_mm, expected_mm, rtol=0, atol=MAX_AFFINE_DIFFERENCE_MM):
        got, expected = ("x".join(f"{edge:g}" for edge in edges) for edges in (got_mm, expected_mm))
        text = f"has voxels of {got} mm, expected {expected} mm as its case has. Save it with the case's header."
        yield error_in(file, "spacing", text)


def _value_problems(file: SubmissionFile, image: Image[np.generic], edition: Edition) -> Iterator[Problem]:
    for text in image.warnings:
        yield Problem(file.inner_path, "header", Severity.WARNING, text)
    if image.voxels.dtype != np.uint8:
        yield warning_in(file, "dtype", f"is stored as {image.voxels.dtype}, expected uint8. Save it as uint8.")
    found = _values(image.voxels)
    unknown = found[~np.isin(found, [0, *edition.labels])]
    fractions = unknown[~_is_integer(unknown)]
    if len(fractions):
        text = f"contains {_listed(fractions)}, expected whole numbers. Save labels, not probabilities."
        yield error_in(file, "values", text)
    labels = unknown[_is_integer(unknown)]
    if len(labels):
        expected = ", ".join(str(label) for label in (0, *edition.labels))
        old = " 4 was ET in BraTS up to 2022; since 2023 it is 3." if _OLD_ET in labels and 3 not in found else ""
        text = f"contains {_listed(labels)}, expected {expected}. Save the edition's labels.{old}"
        yield error_in(file, "labels", text)
    if not found.any():
        yield warning_in(file, "empty", "is empty: every voxel is 0. Check that the case has no tumour.")


def _values(voxels: NDArray[np.generic]) -> NDArray[np.generic]:
    """The values that occur, ascending."""
    if voxels.dtype != np.uint8:
        return np.unique(voxels)
    occurs = np.zeros(256, np.bool_)
    occurs[voxels] = True
    return np.flatnonzero(occurs)


def _is_integer(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    whole: NDArray[np.bool_] = np.isfinite(values) & (values == np.floor(values))
    return whole


def _listed(values: NDArray[np.generic]) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:_MAX_VALUES_SHOWN])
    more = len(values) - _MAX_VALUES_SHOWN
    if more < 1:
        return shown
    return f"{shown} and {more} other {'value' if more == 1 else 'values'}"
