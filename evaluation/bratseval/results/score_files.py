"""What the files of a case score: its prediction against its reference."""

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final, Literal

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition
from bratseval.errors import InputError
from bratseval.files.case_images import MAX_AFFINE_DIFFERENCE_MM
from bratseval.files.nifti import Image, VoxelGrid, read_labels, read_values
from bratseval.files.sha256 import sha256_of_file
from bratseval.files.spacing import spacing_mm
from bratseval.scoring.case import score_case, worst_score
from bratseval.scoring.result import CaseStatus, Lesion, ScoredCase
from bratseval.scoring.skipped_by_platform import skip_reason
from bratseval.submission.pairing import Pair

_MAX_VALUES_SHOWN: Final = 5

# Labels as the edition has them, or those of the editions up to 2022, where enhancing tumour was 4 and not 3
Labelling = Literal["edition", "legacy"]


def score_pair(pair: Pair, edition: Edition, labelling: Labelling = "edition") -> ScoredCase:
    """Read and score one case; a prediction that cannot be used scores the worst values.

    The spacing is the prediction's, as in the official code. A difference between the affines,
    and values that are no label of the edition, are reported as warnings. Such values count
    as they do officially, mostly as background.

    Args:
        labelling: "legacy" turns label 4 into 3 in both files.

    Raises:
        InputError: the reference is unreadable.
    """
    reference = read_labels(pair.reference)
    labels = _in_labelling(str(pair.reference), reference.voxels, labelling)
    files = _sha256(pair)
    of_case = ScoredCase(pair.case, files=files, reference=next(iter(files), ""))
    try:
        prediction = _read_prediction(pair, reference.grid)
        predicted = _in_labelling(pair.predictions[0].display_name, prediction.voxels, labelling)
    except InputError as error:
        worst = worst_score(labels, spacing_mm(reference.grid, edition), edition)
        # officially, too, a missing prediction gets the worst values; one that cannot be used is skipped since 2026
        skipped = str(error) if pair.predictions and edition.family == "instances-2026" else ""
        failed = replace(of_case, status=CaseStatus.FAILED, reason=str(error), skipped_by_platform=skipped)
        return _with_values(replace(failed, warnings=reference.warnings), worst, reference.grid)
    values = score_case(predicted, labels, spacing_mm(prediction.grid, edition), edition)
    skipped = _skipped_by_platform(predicted, labels, (prediction.grid, reference.grid), edition)
    warnings = (
        *([f"an official run skips this case: {skipped}"] if skipped else []),
        *reference.warnings,
        *prediction.warnings,
        *_grid_warnings(pair, prediction.grid, reference.grid, edition),
        *_value_warnings(pair.predictions[0].name, predicted, edition),
        *_value_warnings(pair.reference.name, labels, edition),
    )
    return _with_values(replace(of_case, skipped_by_platform=skipped, warnings=warnings), values, reference.grid)


def _with_values(case: ScoredCase, scored: ScoredCase, grid: VoxelGrid) -> ScoredCase:
    """The case with what its arrays scored; each lesion gets its centroid in mm, RAS+ by the reference's affine."""
    lesions = tuple(replace(lesion, centroid_mm=_centroid_mm(grid.affine, lesion)) for lesion in scored.lesions)
    return replace(
        case, regions=scored.regions, corrected=scored.corrected, evaluator=scored.evaluator, lesions=lesions
    )


def _centroid_mm(affine: NDArray[np.float64], lesion: Lesion) -> tuple[float, float, float]:
    x, y, z = affine[:3, :3] @ np.array(lesion.centroid_voxels) + affine[:3, 3]
    return float(x), float(y), float(z)


def keep_regions(result: ScoredCase, regions: Collection[str]) -> ScoredCase:
    """The result with only some of its regions; their scores do not change."""
    return replace(
        result,
        regions={name: values for name, values in result.regions.items() if name in regions},
        corrected={name: values for name, values in result.corrected.items() if name in regions},
        evaluator={name: values for name, values in result.evaluator.items() if name in regions},
        lesions=tuple(lesion for lesion in result.lesions if lesion.region in regions),
    )


def _skipped_by_platform(
    prediction: NDArray[np.generic],
    reference: NDArray[np.generic],
    grids: tuple[VoxelGrid, VoxelGrid],
    edition: Edition,
) -> str:
    """Why an official run skips the case; empty if it does not, as in the families before 2026."""
    return skip_reason(prediction, reference, grids, edition) or "" if edition.family == "instances-2026" else ""


def _read_prediction(pair: Pair, reference: VoxelGrid) -> Image[np.generic]:
    """The one prediction of a case, with the reference's shape.

    Raises:
        InputError: there is none or several, it is unreadable, or its shape is another.
    """
    if not pair.predictions:
        raise InputError(f"{pair.case}: has no prediction, expected {pair.case}.nii.gz. Add the file.")
    file, *others = pair.predictions
    if others:
        names = ", ".join(file.inner_path for file in pair.predictions)
        raise InputError(
            f"{pair.case}: has {len(pair.predictions)} predictions ({names}), expected one. Keep one of them."
        )
    if file.path is None:
        raise InputError(file.problem)
    try:
        prediction = read_values(file.path)
    except InputError as error:  # an unpacked file is called by its place in the archive
        raise InputError(str(error).replace(str(file.path), file.display_name)) from None
    rank = int(nib.Nifti1Header(prediction.grid.header, check=False)["dim"][0])
    if rank != len(reference.shape):  # the official code refuses a fourth axis even of length 1
        raise InputError(f"{file.display_name}: has {rank} dimensions, expected 3. Save it as a 3-D image.")
    if prediction.grid.shape != reference.shape:
        got, expected = ("x".join(map(str, shape)) for shape in (prediction.grid.shape, reference.shape))
        raise InputError(
            f"{file.display_name}: has {got} voxels, expected {expected} as the reference has. "
            "Save it on the grid of its case."
        )
    return prediction


def _grid_warnings(pair: Pair, prediction: VoxelGrid, reference: VoxelGrid, edition: Edition) -> list[str]:
    name = pair.predictions[0].name
    warnings = []
    off = prediction.difference(reference)
    if off > MAX_AFFINE_DIFFERENCE_MM:
        warnings.append(f"{name}: affine differs from the reference's by up to {off:.3g} mm; scored voxel by voxel")
    spacings = spacing_mm(prediction, edition), spacing_mm(reference, edition)
    if not np.allclose(*spacings, rtol=0, atol=MAX_AFFINE_DIFFERENCE_MM):
        got, expected = ("x".join(f"{edge:g}" for edge in spacing) for spacing in spacings)
        warnings.append(f"{name}: voxels are {got} mm, the reference's are {expected} mm; the prediction's are used")
    return warnings


def _in_labelling(name: str, voxels: NDArray[np.generic], labelling: Labelling) -> NDArray[np.generic]:
    """The voxels with the edition's labels.

    Raises:
        InputError: a legacy file contains both 3 and 4, so its labels are not the old ones.
    """
    if labelling == "edition":
        return voxels
    old = voxels == 4
    if (voxels == 3).any() and old.any():
        raise InputError(f"{name}: contains labels 3 and 4, expected 1, 2 and 4. Remove --labels legacy.")
    return np.where(old, voxels.dtype.type(3), voxels)


def _value_warnings(name: str, voxels: NDArray[np.generic], edition: Edition) -> list[str]:
    """A warning about values that are no label of the edition; none if all are."""
    known = [0, *sorted(edition.labels)]
    if known == list(range(len(known))) and voxels.dtype == np.uint8 and int(voxels.max()) <= known[-1]:
        return []  # the usual file, checked in one fast pass
    unknown = np.unique(voxels[~np.isin(voxels, known)])
    if not len(unknown):
        return []
    shown = ", ".join(f"{value:g}" for value in unknown[:_MAX_VALUES_SHOWN])
    more = f" and {len(unknown) - _MAX_VALUES_SHOWN} more" if len(unknown) > _MAX_VALUES_SHOWN else ""
    noun, verb = ("value", "is") if len(unknown) == 1 else ("values", "are")
    between = [region for region, rules in edition.regions.items() if rules.in_between]
    but = f", or in {' and '.join(between)} where it lies between two labels" if between else ""
    return [f"{name}: {noun} {shown}{more} {verb} no label of {edition.name}; scored as background{but}"]


def _sha256(pair: Pair) -> Mapping[str, str]:
    """The sha256 of each file of a case by its name in messages; unreadable files are left out."""
    digests = {}
    files = [(str(pair.reference), pair.reference), *((file.display_name, file.path) for file in pair.predictions)]
    for name, path in files:
        if path is not None and path.is_file():
            with contextlib.suppress(OSError):
                digests[name] = sha256_of_file(path)
    return digests
