"""One training case of the tuning: its out-of-fold predictions mixed, measured and scored at every threshold."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from bratseg.inference.out_of_fold import OutOfFoldPrediction, read_prediction
from bratseg.postprocess.thresholds import Fill, Mode
from bratseg.radiomics.feature_names import FEATURE_NAMES, PRESETS
from bratseg.radiomics.features import NoFeatures, extract_features
from bratseg.tuning.grid import Grid
from bratseg.tuning.search import CaseTable, Objective, score_grid
from bratseg.tuning.shares import Shares, mix, score_shares
from bratseval.challenge import Edition
from bratseval.errors import InputError
from bratseval.files.case_images import case_in_lps, read_case
from bratseval.files.cases import Case
from bratseval.files.nifti import VoxelGrid, read_grid, read_labels
from bratseval.files.orientation import from_lps, to_lps
from bratseval.files.spacing import spacing_mm
from bratseval.process_map import map_in_order

GRID: Final = Grid()

Result = TypeVar("Result")


@dataclass(frozen=True)
class Rules:
    """How cases are scored and thresholds applied.

    Attributes:
        preset: of radiomics, by name.
    """

    edition: Edition
    objective: Objective
    mode: Mode
    fill: Fill
    preset: str


@dataclass(frozen=True, eq=False)
class Row:
    """What tuning needs of a case.

    Attributes:
        features: in the order of FEATURE_NAMES; None where it has none, and `reason` tells why.
    """

    case: str
    table: CaseTable
    features: NDArray[np.float64] | None
    reason: str


def each_case(
    work: Callable[[Case], Result], cases: Sequence[Case], jobs: int, failed: dict[str, str]
) -> Iterator[tuple[Case, Result]]:
    """The result of every case that has one, in their order; the others are named in `failed`.

    Args:
        jobs: processes; each takes one case at a time.

    Raises:
        ChildProcessError: a process was killed from outside, most likely for its memory.
    """
    yield from _without_failed(cases, map_in_order(partial(_result_or_reason, work), cases, jobs), failed)


def shares_of_case(
    case: Case, *, output: Path, members: Sequence[str], rules: Rules, tried: Sequence[Shares]
) -> NDArray[np.float64]:
    """(tried,), what a case scores without any threshold for each share of the members."""
    grid = read_grid(case.images["t1c"])
    reference = _reference(case, grid)
    predictions = _predictions(case, output, members, grid)
    return score_shares(predictions, reference, spacing_mm(grid, rules.edition), rules.edition, tried, rules.objective)


def row_of_case(case: Case, *, output: Path, members: Sequence[str], rules: Rules, shares: Shares) -> Row:
    """A case's features and scores, of the segmentation that the members make with these shares."""
    volume = read_case(case)
    grid = volume.grid
    labels = mix(_predictions(case, output, members, grid), shares)
    table = score_grid(
        labels,
        _reference(case, grid),
        spacing_mm(grid, rules.edition),
        rules.edition,
        GRID,
        mode=rules.mode,
        fill=rules.fill,
    )
    turned = case_in_lps(volume)
    try:
        found = extract_features(to_lps(labels, grid.affine), turned.images, turned.spacing_mm, PRESETS[rules.preset])
    except NoFeatures as reason:
        return Row(case.id, table, None, str(reason))
    return Row(case.id, table, np.array([found[name] for name in FEATURE_NAMES], dtype=np.float64), "")


def _predictions(case: Case, output: Path, members: Sequence[str], grid: VoxelGrid) -> list[OutOfFoldPrediction]:
    """The members' predictions on the case's own axes, in which it is scored."""
    stored = [read_prediction(output, member, case.id) for member in members]
    return [OutOfFoldPrediction(from_lps(each.probabilities, grid.affine), each.outputs) for each in stored]


def _reference(case: Case, grid: VoxelGrid) -> NDArray[np.uint8]:
    if case.reference is None:
        raise InputError(f"{case.id}: has no reference, expected a file that ends in -seg.nii.gz. Add it.")
    image = read_labels(case.reference)
    if image.grid.shape != grid.shape:
        raise InputError(
            f"{case.reference}: is {image.grid.shape} voxels, expected {grid.shape} like its images. "
            "Take the right file."
        )
    return image.voxels


# What a single case can raise for reasons of its own, as in `bratseg.inference.run`.
_CASE_FAILURES: Final = (OSError, MemoryError, ArithmeticError, ValueError, LookupError, RuntimeError)


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


def _without_failed(
    cases: Sequence[Case], results: Iterator[Result | _Failed], failed: dict[str, str]
) -> Iterator[tuple[Case, Result]]:
    for case, result in zip(cases, results, strict=True):
        if isinstance(result, _Failed):
            failed[case.id] = result.reason
        else:
            yield case, result
