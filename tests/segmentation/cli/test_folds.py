"""bratseg folds from case folders to splits, tables and plots."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bratseg.cli import main
from bratseg.cli.folds import read_patients
from bratseval.errors import InputError
from bratseval.files.nifti import grid_of, read_image, write_image, write_labels
from factories.submissions import AFFINE

pytest.importorskip("radiomics", reason="pyradiomics is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

Maker = Callable[..., Path]
SHAPE = (40, 48, 36)


@pytest.fixture
def cohort(make_case: Maker, tmp_path: Path) -> Path:
    """Eight large and six small tumours, one case without any; two of the small ones are one patient."""
    names = [f"BraTS-GLI-{number:05d}-100" for number in range(13)] + ["BraTS-GLI-00012-101", "BraTS-GLI-00050-100"]
    for number, name in enumerate(names):
        folder = make_case(name, seed=number)
        labels = np.zeros(SHAPE, dtype=np.uint8)
        if number < 14:
            half = 8 if number < 8 else 3
            labels[tuple(slice(18 - half, 18 + half + number % 2) for _ in range(3))] = 1 + number % 3
        write_labels(folder / f"{name}-seg.nii.gz", labels, grid_of(SHAPE, AFFINE), "")
    return tmp_path / "cases"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_folds_are_made_from_case_folders(cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "folds"
    line = ["folds", str(cohort), "-o", str(output), "--folds", "3", "--jobs", "2"]
    assert main([*line, "--clusters", "2", "3"]) == 0
    shown = capsys.readouterr()
    assert "BraTS-GLI-00050-100: no features: there is no tumour" in shown.err
    assert "15 cases of 14 patients in 3 folds" in shown.out
    table = rows(output / "folds.csv")
    cases = [path.name for path in sorted(cohort.iterdir())]
    assert [row["case"] for row in table] == cases
    # large and small tumours are the two clusters, the largest cluster first; no tumour is a stratum of its own
    assert [row["cluster"] for row in table] == ["0"] * 8 + ["1"] * 6 + ["none"]
    assert [row["stratum"] for row in table] == [row["cluster"] for row in table]
    fold_of = {row["case"]: row["fold"] for row in table}
    assert fold_of["BraTS-GLI-00012-100"] == fold_of["BraTS-GLI-00012-101"]
    splits = json.loads((output / "splits_final.json").read_text())
    assert len(splits) == 3
    for fold, split in enumerate(splits):
        assert split["val"] == [case for case in cases if fold_of[case] == str(fold)]
        assert split["train"] == [case for case in cases if fold_of[case] != str(fold)]
        assert sum(case in split["val"] for case in cases[:8]) in (2, 3)  # 8 in 3
        assert sum(case in split["val"] for case in cases[8:14]) == 2  # 6 in 3
    balance = {row["stratum"]: row for row in rows(output / "balance.csv")}
    assert [balance["1"][f"fold_{fold}"] for fold in range(3)] == ["2", "2", "2"]
    assert float(balance["1"]["largest_deviation"]) == 0
    made_of = json.loads((output / "clusters_of_folds.json").read_text())
    assert made_of["preset"] == "sane"
    assert made_of["without_features"] == {"BraTS-GLI-00050-100": "there is no tumour"}
    assert [cluster["cases"] for cluster in made_of["clusters"]] == [8, 6]
    assert made_of["patients_in_two_folds"] == 0
    assert made_of["patients_in_two_random_folds"] > 0
    assert set(made_of["silhouettes"]) == {"2", "3"}
    assert len(rows(output / "features.csv")) == 15
    assert len(list((output / "features").iterdir())) == 14
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    for picture in ("silhouette.png", "balance.png"):
        assert (output / picture).read_bytes().startswith(b"\x89PNG")


def test_the_paper_s_preset_and_a_table_of_patients(cohort: Path, tmp_path: Path) -> None:
    cases = [path.name for path in sorted(cohort.iterdir())]
    groups = tmp_path / "patients.csv"
    groups.write_text("case,patient\n" + "".join(f"{case},p{i // 2}\n" for i, case in enumerate(cases)))
    output = tmp_path / "folds"
    line = ["folds", str(cohort), "-o", str(output), "--folds", "4", "--jobs", "1", "--cache", str(tmp_path / "kept")]
    assert main([*line, "--preset", "paper", "--groups", str(groups), "--components", "3", "--seed", "7"]) == 0
    first = rows(output / "folds.csv")
    assert all(len({row["fold"] for row in first if row["patient"] == f"p{i}"}) == 1 for i in range(8))
    made_of = json.loads((output / "clusters_of_folds.json").read_text())
    assert (made_of["preset"], made_of["components"], made_of["seed"], made_of["patients"]) == ("paper", 3, 7, 8)
    assert not (output / "features").exists()
    written = (output / "splits_final.json").read_bytes()
    assert main([*line, "--preset", "paper", "--groups", str(groups), "--components", "3", "--seed", "7"]) == 0
    assert (output / "splits_final.json").read_bytes() == written  # and from kept features


def test_no_folds_are_made_while_a_case_can_not_be_read(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = cohort / "BraTS-GLI-00003-100" / "BraTS-GLI-00003-100-t2w.nii.gz"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-50])
    line = ["folds", str(cohort), "-o", str(tmp_path / "folds"), "--jobs", "1"]
    assert main(line) == 3
    assert "no folds were made, 1 cases can't be read:\nBraTS-GLI-00003-100: " in capsys.readouterr().err
    assert not (tmp_path / "folds" / "splits_final.json").exists()
    assert len(list((tmp_path / "folds" / "features").iterdir())) == 13  # the others are measured and kept


def test_cases_without_a_reference_are_named(cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for case in ("BraTS-GLI-00001-100", "BraTS-GLI-00004-100"):
        (cohort / case / f"{case}-seg.nii.gz").unlink()
    assert main(["folds", str(cohort), "-o", str(tmp_path / "folds")]) == 3
    shown = capsys.readouterr().err
    assert shown.count("has no reference") == 2
    assert "BraTS-GLI-00004-100: has no reference, expected BraTS-GLI-00004-100-seg.nii.gz" in shown
    assert not (tmp_path / "folds").exists()


def test_more_folds_than_patients_are_refused_before_anything_is_measured(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["folds", str(cohort), "-o", str(tmp_path / "folds"), "--folds", "15"]) == 2
    assert "folds: 15 of 14 patients can't be made" in capsys.readouterr().err
    assert not (tmp_path / "folds").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected rows with the columns case and patient"),
        ("case,person\na,p\n", "expected rows with the columns case and patient"),
        ("case,patient\na,p\n", r"names no patient of b \(1 in all\)"),
        ("case,patient\na,p\nb,\n", "names no patient of b"),
        ("case,patient\na,p\nb,q\na,q\n", "names two patients of a"),
    ],
)
def test_a_table_of_patients_that_is_not_complete_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "patients.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        read_patients(path, ["a", "b"])
    path.write_text("patient,case\nq,b\np,a\nr,c\n")
    assert read_patients(path, ["a", "b"]) == ["p", "q"]
    with pytest.raises(InputError, match="cannot be read as CSV"):
        read_patients(tmp_path / "absent.csv", ["a"])


def test_a_flat_image_is_a_case_that_can_not_be_read(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = cohort / "BraTS-GLI-00002-100" / "BraTS-GLI-00002-100-t1n.nii.gz"
    image = read_image(path)
    write_image(path, np.zeros_like(image.voxels), image.grid)
    assert main(["folds", str(cohort), "-o", str(tmp_path / "folds"), "--jobs", "1"]) == 3
    assert "every voxel is 0" in capsys.readouterr().err
