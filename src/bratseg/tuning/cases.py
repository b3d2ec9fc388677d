"""One training case of the tuning: its out-of-fold predictions averaged, measured, and scored at every threshold."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from bratseg.inference.out_of_fold import OutOfFoldPrediction, read_prediction
from bratseg.radiomics.feature_names import FEATURE_NAMES, PRESETS
from bratseg.radiomics.features import NoFeatures, extract_features
from bratseg.tuning.search import CaseTable, score_grid
from bratseg.tuning.settings import TuningSettings
from bratseg.tuning.shares import Shares, paint_mean, score_shares
from bratseval.errors import InputError
from bratseval.files.case_images import case_in_lps, read_case
from bratseval.files.cases import Case
from bratseval.files.nifti import VoxelGrid, read_grid, read_labels
from bratseval.files.orientation import from_lps, to_lps
from bratseval.files.spacing import spacing_mm
from bratseval.process_map import map_in_order

Result = TypeVar("Result")
# What a single case can raise for reasons of its own, as in `bratseg.inference.run`.
_CASE_FAILURES: Final = (OSError, MemoryError, ArithmeticError, ValueError, LookupError, RuntimeError)


@dataclass(frozen=True)
class StoredPredictions:
    """The out-of-fold predictions of some members in a folder of `predict_out_of_fold`."""

    folder: Path
    members: tuple[str, ...]

    def read(self, case: str, grid: VoxelGrid) -> list[OutOfFoldPrediction]:
        """A case's predictions, one for each member, on its own axes, on which it is scored.

        Raises:
            InputError: one of them is missing or cannot be read.
        """
        predictions = [read_prediction(self.folder, member, case) for member in self.members]
        return [OutOfFoldPrediction(from_lps(one.probabilities, grid.affine), one.outputs) for one in predictions]


@dataclass(frozen=True, eq=False)
class MeasuredCase:
    """The scores and the features of a case's segmentation.

    Attributes:
        features: in the order of FEATURE_NAMES; None where it has none, and `reason` says why.
    """

    case: str
    table: CaseTable
    features: NDArray[np.float64] | None
    reason: str


def each_case(
    work: Callable[[Case], Result], cases: Sequence[Case], jobs: int, failed: dict[str, str]
) -> Iterator[tuple[Case, Result]]:
    """The result of every case that has one, in their order; the others are added to `failed` with the reason.

    Args:
        jobs: processes; each takes one case at a time.

    Raises:
        ChildProcessError: a process was killed from outside, most likely because of its memory.
    """
    for case, result in zip(cases, map_in_order(partial(_result_or_reason, work), cases, jobs), strict=True):
        if isinstance(result, _Failed):
            failed[case.id] = result.reason
        else:
            yield case, result


def score_case_shares(
    case: Case, *, stored: StoredPredictions, settings: TuningSettings, tried: Sequence[Shares]
) -> NDArray[np.float64]:
    """(tried,), the objective of a case without any threshold, for each share of the members."""
    grid = read_grid(case.images["t1c"])
    reference = _reference(case, grid)
    predictions, edition = stored.read(case.id, grid), settings.edition
    return score_shares(predictions, reference, spacing_mm(grid, edition), edition, tried, settings.objective)


def measure_case(case: Case, *, stored: StoredPredictions, settings: TuningSettings, shares: Shares) -> MeasuredCase:
    """The scores and features of the segmentation that the members make with these shares."""
    volume = read_case(case)
    grid, edition = volume.grid, settings.edition
    labels = paint_mean(stored.read(case.id, grid), shares)
    table = score_grid(labels, _reference(case, grid), spacing_mm(grid, edition), edition, settings.grid)
    turned, preset = case_in_lps(volume), PRESETS[settings.preset]
    try:
        found = extract_features(to_lps(labels, grid.affine), turned.images, turned.spacing_mm, preset)
    except NoFeatures as reason:
        return MeasuredCase(case.id, table, None, str(reason))
    return MeasuredCase(case.id, table, np.array([found[name] for name in FEATURE_NAMES], dtype=np.float64), "")


def _reference(case: Case, grid: VoxelGrid) -> NDArray[np.uint8]:
    if case.reference is None:
        raise InputError(f"{case.id}: has no reference, expected a file that ends in -seg.nii.gz. Add it.")
    image = read_labels(case.reference)
    if image.grid.shape != grid.shape:
        raise InputError(
            f"{case.reference}: is {image.grid.shape} voxels, expected {grid.shape} like its images. "
            "Use the reference of this case."
        )
    return image.voxels


@dataclass(frozen=True)
class _Failed:
    reason: str


def _result_or_reason(work: Callable[[Case], Result], case: Case) -> Result | _Failed:
    try:
        return work(case)
    except InputError as error:
        return _Failed(str(error))
    except _CASE_FAILURES as error:
        return _Failed(f"{type(error).__name__}: {error}")
