"""Folders become cases by their files' names; what makes no case is named with its reason."""

from pathlib import Path

import pytest

from bratseval.challenge import MODALITIES
from bratseval.errors import InputError
from bratseval.files.cases import case_of_files, find_cases


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def images(stem: str) -> list[str]:
    return [f"{stem}-{modality}.nii.gz" for modality in MODALITIES]


def test_a_case_is_called_after_its_whole_folder(tmp_path: Path) -> None:
    touch(tmp_path / "Site 3 ünö.case-7", *images("BraTS-GLI-00001-000"))
    found = find_cases(tmp_path)
    assert [case.id for case in found.cases] == ["Site 3 ünö.case-7"]
    assert found.problems == {}


def test_the_names_of_2021_and_uncompressed_files_are_understood(tmp_path: Path) -> None:
    touch(tmp_path / "a", "a_t1.nii", "a_t1ce.nii.gz", "a_t2.nii.gz", "a_flair.nii.gz", "a_seg.nii.gz")
    (case,) = find_cases(tmp_path).cases
    assert {modality: path.name for modality, path in case.images.items()} == {
        "t1n": "a_t1.nii",
        "t1c": "a_t1ce.nii.gz",
        "t2w": "a_t2.nii.gz",
        "t2f": "a_flair.nii.gz",
    }
    assert case.reference is not None
    assert case.reference.name == "a_seg.nii.gz"


def test_a_folder_of_one_case_is_that_case(tmp_path: Path) -> None:
    folder = touch(tmp_path / "mine", *images("x"))
    assert [case.id for case in find_cases(folder).cases] == ["mine"]


def test_a_mounted_case_is_called_after_what_its_files_share(tmp_path: Path) -> None:
    folder = touch(tmp_path / "input", *images("BraTS-GLI-00001-000"))
    assert [case.id for case in find_cases(folder, mounted=True).cases] == ["BraTS-GLI-00001-000"]


def test_four_files_are_a_case(tmp_path: Path) -> None:
    folder = touch(tmp_path, *images("p1"))
    case = case_of_files([folder / name for name in images("p1")])
    assert case.id == "p1"
    assert set(case.images) == set(MODALITIES)


def test_hidden_files_and_folders_without_images_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path / "a", *images("a"), "._a-t1n.nii.gz", ".DS_Store", "notes.txt")
    touch(tmp_path / "docs", "readme.txt")
    touch(tmp_path / ".cache", *images("c"))
    found = find_cases(tmp_path)
    assert [case.id for case in found.cases] == ["a"]
    assert found.problems == {}


def test_missing_and_double_modalities_are_problems_of_their_case_alone(tmp_path: Path) -> None:
    touch(tmp_path / "good", *images("good"))
    touch(tmp_path / "few", "few-t1n.nii.gz", "few-t2f.nii.gz")
    touch(tmp_path / "twice", *images("twice"), "other_t1ce.nii.gz")
    found = find_cases(tmp_path)
    assert [case.id for case in found.cases] == ["good"]
    assert "has no t1c and no t2w" in found.problems["few"]
    assert "is a second t1c beside" in found.problems["twice"]


def test_a_link_that_leads_out_of_the_input_is_a_problem(tmp_path: Path) -> None:
    outside = touch(tmp_path / "elsewhere", "secret.nii.gz") / "secret.nii.gz"
    folder = touch(tmp_path / "in" / "a", *images("a"))
    (folder / "a-t1n.nii.gz").unlink()
    (folder / "a-t1n.nii.gz").symlink_to(outside)
    found = find_cases(tmp_path / "in")
    assert found.cases == ()
    assert "links to a file outside" in found.problems["a"]


def test_a_link_within_the_input_is_fine(tmp_path: Path) -> None:
    touch(tmp_path / "pool", "x.bin")
    folder = touch(tmp_path / "a", *images("a"))
    (folder / "a-t1n.nii.gz").unlink()
    (folder / "a-t1n.nii.gz").symlink_to(tmp_path / "pool" / "x.bin")
    assert [case.id for case in find_cases(tmp_path).cases] == ["a"]


def test_a_folder_without_any_case_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contains no case"):
        find_cases(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        find_cases(tmp_path / "absent")


def test_files_that_make_no_case_are_refused(tmp_path: Path) -> None:
    folder = touch(tmp_path, *images("p1"), "scan.nii.gz")
    with pytest.raises(InputError, match="does not end in a modality"):
        case_of_files([folder / "scan.nii.gz"])
    with pytest.raises(InputError, match="has no t2f"):
        case_of_files([folder / name for name in images("p1")[:3]])
    with pytest.raises(InputError, match="is not a file"):
        case_of_files([folder / "absent-t1n.nii.gz"])
