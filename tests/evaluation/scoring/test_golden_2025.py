"""Every number that the official scripts of 2024 and 2025 gave, equal to the last bit.

Origin: BraTS-2024-Metrics@f1131e3 (whose lesion-wise numbers are those of 9e8879a), unmodified, run with numpy
1.24.3, scipy 1.11.1, cc3d 3.12.1, pandas 1.5.3, medpy 0.5.2
(tests/golden/official_2025_lesionwise.json). Ledger of changes: none.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bratseval.challenge import edition
from bratseval.scoring.case import score_case
from bratseval.scoring.result import ScoredCase
from factories.golden import recorded, write_pair

REGIONS = {"gli": 6, "ssa": 3, "met": 4, "ped": 6, "men": 3, "men-rt": 1}
EDITIONS = ("gli-2025", "ssa-2025", "met-2025-lesionwise", "ped-2025", "men-2025", "men-rt-2025")
CASES = 46  # with a score; one more is refused
# "The 2024 state (9a0ab9c) of GLI, SSA, PED and MEN_RT gives the same numbers without NSD."
YEAR_BEFORE = {"gli-2025": "gli-2024", "ssa-2025": "ssa-2024", "ped-2025": "ped-2024", "men-rt-2025": "men-rt-2024"}


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where the volumes of all cases were built."""
    folder = tmp_path_factory.mktemp("golden")
    for case in recorded("official_2023.json")["cases"]:
        write_pair(case, folder / f"{case['name']}-pred.nii.gz", folder / f"{case['name']}-gt.nii.gz")
    return folder


@pytest.fixture(scope="module")
def golden() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = recorded("official_2025_lesionwise.json")["editions"]
    return found


def score_files(folder: Path, case: str, name: str) -> ScoredCase:
    """As the official scripts read: voxels by nibabel, spacing from the prediction's header or affine."""
    predicted, expected = (nib.load(folder / f"{case}-{side}.nii.gz") for side in ("pred", "gt"))
    spacing = predicted.header.get_zooms()[:3]
    if edition(name).spacing_from == "affine":
        spacing = nib.affines.voxel_sizes(predicted.affine).astype(np.float32)
    x, y, z = (float(mm) for mm in spacing)
    return score_case(np.asanyarray(predicted.dataobj), np.asanyarray(expected.dataobj), (x, y, z), edition(name))


def equal_values(score: ScoredCase, expected: dict[str, dict[str, float]]) -> int:
    assert list(score.regions) == list(expected)
    for region, values in expected.items():
        assert set(score.regions[region]) == set(values)
        for name, value in values.items():
            got = score.regions[region][name]
            assert got == value or (np.isnan(got) and np.isnan(value)), f"{region} {name}: {got!r}, official {value!r}"
    return sum(len(values) for values in expected.values())


@pytest.mark.parametrize("name", EDITIONS)
def test_every_official_number_of_2025(golden: dict[str, list[dict[str, Any]]], volumes: Path, name: str) -> None:
    checked: Counter[str] = Counter()
    for case in golden[name]:
        if "expect" in case:
            checked["cases"] += 1
            checked["values"] += equal_values(score_files(volumes, case["name"], name), case["expect"])
    challenge = name.removesuffix("-lesionwise").removesuffix("-2025")
    assert checked == {"cases": CASES, "values": CASES * REGIONS[challenge] * 14}


@pytest.mark.parametrize("name", YEAR_BEFORE)
def test_every_official_number_of_2024(golden: dict[str, list[dict[str, Any]]], volumes: Path, name: str) -> None:
    checked = 0
    for case in golden[name]:
        if "expect" in case:
            expected = {
                region: {key: value for key, value in values.items() if "NSD" not in key}
                for region, values in case["expect"].items()
            }
            checked += equal_values(score_files(volumes, case["name"], YEAR_BEFORE[name]), expected)
    assert checked == CASES * REGIONS[name.removesuffix("-2025")] * 10


@pytest.mark.parametrize("name", EDITIONS)
def test_what_the_official_scripts_refuse_is_refused(
    golden: dict[str, list[dict[str, Any]]], volumes: Path, name: str
) -> None:
    refused = [case["name"] for case in golden[name] if "error" in case]
    assert refused == ["shape_mismatch"]
    with pytest.raises(ValueError, match="one 3-D shape"):
        score_files(volumes, refused[0], name)
