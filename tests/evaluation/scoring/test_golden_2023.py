"""Every number that the official 2023 script gave, equal to the last bit.

Origin: BraTS-2023-Metrics@43c9052, run with numpy 1.24.3, scipy 1.11.1, cc3d 3.12.1,
nibabel 5.1.0, pandas 1.5.3 (tests/golden/official_2023.json). Ledger of changes: none.
"""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bratseval.challenge import edition
from bratseval.errors import InputError
from bratseval.scoring.case import score_case
from bratseval.scoring.result import ScoredCase
from factories.golden import edition_name, recorded, write_pair

SYNTHETIC_VALUES = 46 * 3 * 10  # cases with a score, regions, values
REAL_VALUES = 3 * 3 * 10


def score_files(prediction: Path, reference: Path, name: str) -> ScoredCase:
    """As the official script reads: voxels by nibabel, spacing from the prediction's header."""
    predicted, expected = nib.load(prediction), nib.load(reference)
    spacing = tuple(float(mm) for mm in predicted.header.get_zooms()[:3])
    return score_case(np.asanyarray(predicted.dataobj), np.asanyarray(expected.dataobj), spacing, edition(name))


def equal_values(score: ScoredCase, expected: dict[str, dict[str, float]]) -> int:
    for region, values in expected.items():
        for name, value in values.items():
            got = score.regions[region][name]
            assert got == value or (np.isnan(got) and np.isnan(value)), f"{region} {name}: {got!r}, official {value!r}"
    return sum(len(values) for values in expected.values())


@pytest.fixture
def golden(tmp_path: Path) -> tuple[list[dict[str, Any]], Path]:
    """The cases, and the folder where their volumes were built."""
    cases = recorded("official_2023.json")["cases"]
    for case in cases:
        write_pair(case, tmp_path / f"{case['name']}-pred.nii.gz", tmp_path / f"{case['name']}-gt.nii.gz")
    return cases, tmp_path


def test_every_official_number_of_the_synthetic_cases(golden: tuple[list[dict[str, Any]], Path]) -> None:
    cases, folder = golden
    checked = 0
    for case in cases:
        if "expect" in case:
            name = case["name"]
            score = score_files(
                folder / f"{name}-pred.nii.gz", folder / f"{name}-gt.nii.gz", edition_name(case["challenge"])
            )
            checked += equal_values(score, case["expect"])
    assert checked == SYNTHETIC_VALUES


def test_what_the_official_script_refuses_is_refused(golden: tuple[list[dict[str, Any]], Path]) -> None:
    cases, folder = golden
    # its ValueError for different shapes; its UnboundLocalError for a challenge it does not know is ours to name
    refusals = {"shape_mismatch": ValueError, "unknown_challenge": InputError}
    refused = [case for case in cases if "error" in case]
    assert {case["name"] for case in refused} == set(refusals)
    for case in refused:
        name = case["name"]
        with pytest.raises(refusals[name]):
            score_files(folder / f"{name}-pred.nii.gz", folder / f"{name}-gt.nii.gz", edition_name(case["challenge"]))


def test_every_official_number_of_the_real_cases(shared: Path) -> None:
    checked = 0
    for case in json.loads((shared / "golden/official_real.json").read_text())["official_2023"]:
        folder = shared / "data/segmentations"
        score = score_files(folder / case["pred"], folder / case["gt"], edition_name(case["challenge"]))
        checked += equal_values(score, case["expect"])
    assert checked == REAL_VALUES
