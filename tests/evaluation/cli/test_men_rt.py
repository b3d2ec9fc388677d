"""A case of MEN-RT has t1c alone and its own names of files: it is found, checked, scored and shown."""

from pathlib import Path

import numpy as np
import pytest

from bratseval.challenge import EDITIONS
from bratseval.cli import main
from bratseval.files.cases import find_cases
from bratseval.files.nifti import grid_of, write_image
from factories.boxes import labels_of
from factories.submissions import AFFINE, SHAPE, write

CASE = "BraTS-MEN-RT-00001-1"
EDITION = "men-rt-2025"
BOX = (4, 10, 4, 10, 4, 10, 1)  # 216 voxels of GTV


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A case with t1c and its GTV, and a prediction of it."""
    folder = tmp_path / "cases" / CASE
    folder.mkdir(parents=True)
    image = np.random.default_rng(1).normal(300, 40, SHAPE).astype(np.float32)
    write_image(folder / f"{CASE}_t1c.nii.gz", image, grid_of(SHAPE, AFFINE))
    write(folder / f"{CASE}_gtv.nii.gz", labels_of(SHAPE, BOX))
    write(tmp_path / "predictions" / f"{CASE}.nii.gz", labels_of(SHAPE, BOX))
    return tmp_path


def test_it_is_found_where_the_edition_says_what_it_needs(root: Path) -> None:
    (case,) = find_cases(root / "cases", needed=EDITIONS[EDITION].needed).cases
    assert (case.id, list(case.images)) == (CASE, ["t1c"])
    assert case.reference == (root / "cases" / CASE / f"{CASE}_gtv.nii.gz").resolve()
    without = find_cases(root / "cases")  # every other challenge has four modalities
    assert "has no t1n and no t2w and no t2f" in without.problems[CASE]


def test_an_optional_modality_may_be_absent() -> None:
    assert EDITIONS["met-2026"].needed == ("t1n", "t1c", "t2f")


def test_it_is_checked_scored_and_shown(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [str(root / "predictions"), str(root / "cases")]
    assert main(["check", *folders, "--edition", EDITION]) == 0
    assert main(["score", *folders, "--edition", EDITION, "-o", str(root / "out")]) == 0
    dice = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("LesionWise_Dice"))
    assert dice.split() == ["LesionWise_Dice", "1.0000"]
    scores, report = str(root / "out" / "scores.json"), root / "report"
    assert main(["report", scores, "--cases", str(root / "cases"), "-o", str(report), "--jobs", "1"]) == 0
    assert "with 1 case page" in capsys.readouterr().out
    page = (report / "report_files" / "case-0000.html").read_text()
    assert "t1c" in page
    assert "t2f" not in page


def test_a_folder_without_a_case_names_the_files_of_the_edition(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["score", str(root / "predictions"), str(root / "cases"), "--edition", EDITION, "-o", str(root / "out")])
    (tmp_path / "empty").mkdir()
    scores = str(root / "out" / "scores.json")
    assert main(["report", scores, "--cases", str(tmp_path / "empty"), "-o", str(root / "report")]) == 3
    assert "expected folders with files that end in _t1c.nii.gz." in capsys.readouterr().err


def test_a_case_of_met_without_t2w_is_checked_scored_and_shown(tmp_path: Path) -> None:
    case = "BraTS-MET-00001-000"
    folder = tmp_path / "cases" / case
    image = np.random.default_rng(1).normal(300, 40, SHAPE).astype(np.float32)
    write(folder / f"{case}-seg.nii.gz", labels_of(SHAPE, BOX))
    write(tmp_path / "predictions" / f"{case}.nii.gz", labels_of(SHAPE, BOX))
    for modality in ("t1n", "t1c", "t2f"):
        write_image(folder / f"{case}-{modality}.nii.gz", image, grid_of(SHAPE, AFFINE))
    folders = [str(tmp_path / "predictions"), str(tmp_path / "cases")]
    assert main(["check", *folders, "--edition", "met-2026"]) == 0
    assert main(["score", *folders, "--edition", "met-2026", "-o", str(tmp_path / "out")]) == 0
    scores, report = str(tmp_path / "out" / "scores.json"), tmp_path / "report"
    assert main(["report", scores, "--cases", folders[1], "-o", str(report), "--jobs", "1"]) == 0
    page = (report / "report_files" / "case-0000.html").read_text()
    assert "t1c" in page
    assert "t2f" in page
