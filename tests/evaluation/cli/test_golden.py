"""The official numbers of every lesion-wise edition through the installed program, from files to scores.json.

The same numbers as in the golden tests of the functions, read and written as an organiser does it: labels of any type,
scaled values, spacings of header and affine. Origin: tests/golden/README.md.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from factories.golden import edition_name, recorded, write_pair

Expected = dict[str, dict[str, dict[str, float]]]  # case, region, name


def real(shared: Path, key: str) -> Any:
    """What was recorded of the real pairs."""
    return json.loads((shared / "golden/official_real.json").read_text())[key]


def write_case(case: dict[str, Any], folder: Path) -> None:
    name = f"{case['name']}.nii.gz"
    write_pair(case, folder / "predictions" / name, folder / "references" / name)


def through_the_program(folder: Path, edition: str, expected: Expected) -> int:
    """How many numbers there were, all equal."""
    got = {case["scan_id"]: case["regions"] for case in scores_of(folder, edition)["cases"]}
    assert got == expected
    return sum(len(values) for regions in got.values() for values in regions.values())


def scores_of(folder: Path, edition: str) -> Any:
    """What the installed program writes about the folder's predictions."""
    folders = [str(folder / "predictions"), str(folder / "references")]
    line = ["score", *folders, "--edition", edition, "-o", str(folder / "out")]
    done = subprocess.run([sys.executable, "-m", "bratseval.cli", *line], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    written = json.loads((folder / "out" / "scores.json").read_text())
    assert written["edition"] == edition
    return written


def test_every_number_of_2023(tmp_path: Path) -> None:
    by_edition: dict[str, Expected] = {}
    for case in recorded("official_2023.json")["cases"]:
        if "expect" in case:
            name = edition_name(case["challenge"])
            write_case(case, tmp_path / name)
            by_edition.setdefault(name, {})[case["name"]] = case["expect"]
    checked = sum(through_the_program(tmp_path / name, name, expected) for name, expected in by_edition.items())
    assert checked == 46 * 3 * 10  # cases, regions, values


def test_every_number_of_2023_on_real_pairs(shared: Path, tmp_path: Path) -> None:
    by_edition: dict[str, Expected] = {}
    for number, case in enumerate(real(shared, "official_2023")):
        name = edition_name(case["challenge"])
        for side, place in (("pred", "predictions"), ("gt", "references")):
            (tmp_path / name / place).mkdir(parents=True, exist_ok=True)
            shutil.copy(shared / "data/segmentations" / case[side], tmp_path / name / place / f"real-{number}.nii.gz")
        by_edition.setdefault(name, {})[f"real-{number}"] = case["expect"]
    checked = sum(through_the_program(tmp_path / name, name, expected) for name, expected in by_edition.items())
    assert checked == 3 * 3 * 10  # cases, regions, values


@pytest.mark.parametrize(
    ("name", "regions"),
    [
        ("gli-2025", 6),
        ("ssa-2025", 3),
        ("met-2025-lesionwise", 4),
        ("ped-2025", 6),
        ("men-2025", 3),
        ("men-rt-2025", 1),
    ],
)
def test_every_number_of_2025(tmp_path: Path, name: str, regions: int) -> None:
    volumes = {case["name"]: case for case in recorded("official_2023.json")["cases"]}
    cases = [case for case in recorded("official_2025_lesionwise.json")["editions"][name] if "expect" in case]
    for case in cases:
        write_case(volumes[case["name"]], tmp_path)
    expected = {case["name"]: case["expect"] for case in cases}
    assert through_the_program(tmp_path, name, expected) == 46 * regions * 14


@pytest.mark.parametrize(("config", "name", "regions"), [("gli", "gli-2026", 6), ("mets", "met-2026", 4)])
def test_every_number_of_panoptica_on_real_pairs(
    shared: Path, tmp_path: Path, config: str, name: str, regions: int
) -> None:
    recorded = real(shared, "official_2025_brats_evaluation_0_0_8_panoptica_2_1_7")
    cases = [case for case in recorded if case["config"] == config]
    for number, case in enumerate(cases):
        for side, place in (("pred", "predictions"), ("gt", "references")):
            (tmp_path / place).mkdir(exist_ok=True)
            shutil.copy(shared / "data/segmentations" / case[side], tmp_path / place / f"real-{number}.nii.gz")
    written = scores_of(tmp_path, name)
    assert len(cases) == len(written["cases"]) > 0
    for expected, case in zip(cases, written["cases"], strict=True):
        got = {region.lower(): values for region, values in case["evaluator"].items()}
        assert len(got) == regions
        # as text, in which NaN equals NaN; null stands for NaN
        assert {region: _as_text(values) for region, values in got.items()} == {
            region: _as_text(values) for region, values in expected["expect"].items()
        }


def _as_text(values: dict[str, float | None]) -> dict[str, str]:
    return {name: "nan" if value is None else repr(float(value)) for name, value in values.items()}
