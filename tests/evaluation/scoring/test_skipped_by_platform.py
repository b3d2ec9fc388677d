"""Which cases an official run skips, and why. Against its own records: tests/evaluation/scoring/test_golden_2026.py."""

import re
from typing import Any

import numpy as np
import pytest

from bratseval.challenge import edition
from bratseval.files.nifti import VoxelGrid, grid_of
from bratseval.scoring.skipped_by_platform import skip_reason
from factories.boxes import labels_of

SHAPE = (10, 9, 8)
AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0])
GRID = grid_of(SHAPE, AFFINE)
REFERENCE = labels_of(SHAPE, (2, 5, 2, 5, 2, 5, 3))


def reason_for(
    prediction: np.ndarray = REFERENCE, grid: VoxelGrid = GRID, reference: np.ndarray = REFERENCE
) -> str | None:
    return skip_reason(prediction, reference, (grid, GRID), edition("goat-2026"))


def moved(x: float = 0, y: float = 0, z: float = 0) -> VoxelGrid:
    affine = AFFINE.copy()
    affine[:3, 3] = (x, y, z)
    return grid_of(SHAPE, affine)


def test_a_fair_pair_is_scored() -> None:
    assert reason_for() is None


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"grid": grid_of((10, 9, 7), AFFINE)}, "the prediction has 10x9x7 voxels, expected 10x9x8"),
        ({"grid": moved(z=50)}, "the prediction's origin is off by 50 mm"),
        (
            {"grid": grid_of(SHAPE, np.diag([-1.0, -1.0, 0.999, 1.0]))},
            "voxels are 1x1x0.999000013 mm, expected exactly 1x1x1",
        ),
        (
            {"prediction": labels_of(SHAPE, (2, 5, 2, 5, 2, 5, 4))},
            "the prediction contains the label 4, expected only 0, 1, 2, 3",
        ),
        ({"reference": labels_of(SHAPE, (2, 5, 2, 5, 2, 5, 4))}, "the reference contains the label 4"),
        ({"prediction": np.full(SHAPE, -1, np.int16)}, "the prediction contains -1, expected no negative value"),
    ],
)
def test_the_reason_says_what_is_wrong(wrong: dict[str, Any], reason: str) -> None:
    assert re.search(re.escape(reason), reason_for(**wrong) or "")


def test_a_case_is_skipped_when_the_differences_of_its_axes_sum_to_more_than_zero() -> None:
    turned = grid_of(SHAPE, np.diag([1.0, -1.0, 1.0, 1.0]))
    assert skip_reason(REFERENCE, REFERENCE, (turned, GRID), edition("goat-2026")) is None
    assert "axes are off by 2" in (skip_reason(REFERENCE, REFERENCE, (GRID, turned), edition("goat-2026")) or "")


def test_origins_may_differ_if_the_differences_add_up_to_nothing_or_less() -> None:
    # the sum is over left, back and up: -x, -y and z of the affine
    assert reason_for(grid=moved(z=-50)) is None
    assert reason_for(grid=moved(x=7, z=7)) is None
    assert reason_for(grid=moved(x=50)) is None
    assert "off by 50 mm" in (reason_for(grid=moved(y=-50)) or "")


def test_a_case_with_label_4_is_skipped_where_no_region_has_it_and_no_where_else() -> None:
    four = labels_of(SHAPE, (2, 5, 2, 5, 2, 5, 4))
    refused = {
        name: skip_reason(four, four, (GRID, GRID), edition(name)) is not None
        for name in ("met-2026", "ped-2026", "gli-2026", "goat-2026", "men-2026", "men-rt-2026")
    }
    assert [name for name in refused if refused[name]] == ["goat-2026", "men-2026", "men-rt-2026"]


def test_fractions_are_truncated_first() -> None:
    assert reason_for(prediction=np.full(SHAPE, 3.9999)) is None
    assert "label 4" in (reason_for(prediction=np.full(SHAPE, 4.0)) or "")
    assert "contains -0.5" in (reason_for(prediction=np.full(SHAPE, -0.5)) or "")


def test_nan_and_infinity_become_background_and_are_not_skipped() -> None:
    assert reason_for(prediction=np.full(SHAPE, np.nan)) is None
    assert reason_for(prediction=np.full(SHAPE, np.inf)) is None
