"""Which prediction answers which reference."""

from pathlib import Path

import pytest

from bratseval.challenge import edition
from bratseval.errors import InputError
from bratseval.submission.archive import open_submission
from bratseval.submission.pairing import find_references, pair_files

SSA = edition("ssa-2023")


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def answers(root: Path, predictions: list[str], references: list[str]) -> dict[str, list[str]]:
    with open_submission(touch(root / "p", *predictions)) as submission:
        paired = pair_files(submission, find_references(touch(root / "r", *references), SSA), SSA)
    found = {pair.case: [file.inner_path for file in pair.predictions] for pair in paired.pairs}
    return found | {"": [file.inner_path for file in paired.unknown]}


def test_the_whole_name_or_its_platform_id_tells_the_case(tmp_path: Path) -> None:
    found = answers(
        tmp_path,
        ["BraTS-SSA-00002-000.nii.gz", "00001-000.nii.gz", "team-00003-000.nii.gz", "00009-000.nii.gz"],
        [f"BraTS-SSA-0000{n}-000/BraTS-SSA-0000{n}-000-seg.nii.gz" for n in (1, 2, 3, 4)],
    )
    assert found == {
        "BraTS-SSA-00001-000": ["00001-000.nii.gz"],
        "BraTS-SSA-00002-000": ["BraTS-SSA-00002-000.nii.gz"],
        "BraTS-SSA-00003-000": ["team-00003-000.nii.gz"],
        "BraTS-SSA-00004-000": [],
        "": ["00009-000.nii.gz"],
    }


def test_case_ids_are_opaque(tmp_path: Path) -> None:
    found = answers(tmp_path, ["patient A.nii.gz", "日本.nii.gz"], ["patient A-seg.nii.gz", "日本_seg.nii.gz"])
    assert found == {"patient A": ["patient A.nii.gz"], "日本": ["日本.nii.gz"], "": []}


def test_a_platform_id_that_two_cases_share_is_no_answer_to_either(tmp_path: Path) -> None:
    found = answers(
        tmp_path,
        ["00001-000.nii.gz", "GLI-00001-000.nii.gz"],
        ["GLI-00001-000-seg.nii.gz", "SSA-00001-000-seg.nii.gz"],
    )
    assert found == {
        "GLI-00001-000": ["GLI-00001-000.nii.gz"],
        "SSA-00001-000": [],
        "": ["00001-000.nii.gz"],
    }


def test_two_files_for_one_case_are_both_told(tmp_path: Path) -> None:
    found = answers(tmp_path, ["00001-000.nii.gz", "X-00001-000.nii.gz"], ["X-00001-000-seg.nii.gz"])
    assert found["X-00001-000"] == ["00001-000.nii.gz", "X-00001-000.nii.gz"]


def test_files_of_one_name_in_two_sub_folders_are_both_told(tmp_path: Path) -> None:
    found = answers(tmp_path, ["one/A.nii.gz", "two/A.nii.gz"], ["A-seg.nii.gz"])
    assert found == {"A": ["one/A.nii.gz", "two/A.nii.gz"], "": []}


def test_hidden_files_and_other_names_are_passed_over(tmp_path: Path) -> None:
    found = answers(tmp_path, ["._A.nii.gz", "A.txt"], ["A/A-seg.nii.gz", "A/A-t1n.nii.gz"])
    assert found == {"A": [], "": []}


def test_references_may_be_files_called_after_their_cases(tmp_path: Path) -> None:
    assert list(find_references(touch(tmp_path, "B.nii.gz", "A.nii.gz"), SSA)) == ["A", "B"]


def test_every_folder_without_one_reference_is_named_in_one_message(tmp_path: Path) -> None:
    touch(tmp_path, "A/A-t1n.nii.gz", "B/B-seg.nii.gz", "B/C-seg.nii.gz", "D/D-seg.nii.gz", "D-seg.nii.gz")
    with pytest.raises(InputError) as refused:
        find_references(tmp_path, SSA)
    told = str(refused.value).splitlines()
    assert [line.split(": ")[0] for line in told] == [str(tmp_path / name) for name in ("A", "B", "D-seg.nii.gz")]
    assert "contains no files that end in -seg.nii.gz" in told[0]
    assert "contains 2 files" in told[1]
    assert "second reference of D" in told[2]


@pytest.mark.parametrize("made", [True, False])
def test_a_folder_without_references_is_refused(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "r"
    if made:
        folder.mkdir()
    with pytest.raises(InputError, match="contains no reference" if made else "is not a folder"):
        find_references(folder, SSA)
