"""bratseval check: every fault is found in one run and named; the platform's own verdict stands beside."""

import gzip
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bratseval.challenge import edition
from bratseval.cli import main
from bratseval.errors import InputError
from bratseval.files.nifti import grid_of, write_image
from bratseval.submission.check import SubmissionCheck, check_submission
from factories.boxes import labels_of
from factories.submissions import AFFINE, CUBE, SHAPE, write, write_prediction

SSA = edition("ssa-2023")
GLI_2026 = edition("goat-2026")


def name(number: int) -> str:
    return f"BraTS-SSA-{number:05d}-000"


def write_case(root: Path, number: int) -> None:
    """One image is enough to tell a case and its grid."""
    case = root / "cases" / name(number)
    case.mkdir(parents=True)
    write_image(case / f"{name(number)}-t1c.nii.gz", np.ones(SHAPE, np.float32), grid_of(SHAPE, AFFINE))


def prediction(root: Path, number: int) -> Path:
    """A good one, different from all others."""
    corner = number % 14
    return write_prediction(root, name(number), (4, 8, 4, 8, corner, corner + 4, 1 + number % 3))


def foreign(path: Path, voxels: np.ndarray, change: Callable[[nib.Nifti1Header], None] = lambda _: None) -> None:
    image = nib.Nifti1Image(voxels, AFFINE)
    image.header.set_qform(AFFINE, 1)
    change(image.header)
    nib.save(image, path)


def found(checked: SubmissionCheck) -> set[tuple[str, str]]:
    return {(problem.file, problem.rule) for problem in checked.problems}


def test_a_good_submission_has_no_problem(tmp_path: Path) -> None:
    for number in (1, 2):
        write_case(tmp_path, number)
        prediction(tmp_path, number)
    checked = check_submission(tmp_path / "predictions", tmp_path / "cases", GLI_2026)
    assert (checked.problems, checked.valid, checked.files, checked.cases) == ((), True, 2, 2)
    assert (checked.verdict.status, checked.verdict.message) == ("VALIDATED", "")


def test_more_than_twenty_faults_in_one_folder_are_each_found_by_name(tmp_path: Path) -> None:
    for number in range(1, 24):
        write_case(tmp_path, number)
        prediction(tmp_path, number)
    folder = tmp_path / "predictions"

    def path(number: int) -> Path:
        return folder / f"{name(number)}.nii.gz"

    labels = labels_of(SHAPE, CUBE)
    path(1).unlink()
    shutil.copy(path(2), folder / "00002-000.nii.gz")
    write_prediction(tmp_path, name(99), (0, 3, 0, 3, 0, 3, 2))
    path(3).rename(folder / "patient three.nii.gz")
    (folder / "notes.txt").write_text("hello")
    (folder / "sub").mkdir()
    path(4).rename(folder / "sub" / path(4).name)
    path(5).write_bytes(path(5).read_bytes()[:-9])
    path(6).write_bytes(gzip.compress(b"<html>" * 100))
    path(7).write_bytes(b"")
    path(8).write_bytes(gzip.decompress(path(8).read_bytes()))
    write(path(9), labels_of((40, 24, 19), CUBE))
    foreign(path(10), labels[..., None])
    foreign(path(11), np.stack([labels, labels], axis=-1))
    write(path(12), labels, AFFINE @ np.diag([-1.0, 1, 1, 1]))
    foreign(path(13), labels, lambda header: header["pixdim"].__setitem__(slice(1, 4), (2, 2, 2)))
    foreign(path(14), labels.astype(np.float64))
    with_nan = labels.astype(np.float32)
    with_nan[0, 0, 0] = np.nan
    foreign(path(15), with_nan)
    foreign(path(16), labels.astype(np.float32) * np.float32(0.9))
    write(path(17), labels_of(SHAPE, (4, 8, 4, 8, 4, 8, 4)))
    foreign(path(18), labels_of(SHAPE, CUBE, (0, 1, 0, 1, 0, 1, 7)).astype(np.int16) * -1)
    write(path(19), labels_of(SHAPE))
    shutil.copy(path(20), path(21))
    path(22).unlink()
    path(22).symlink_to(tmp_path / "cases" / name(22) / f"{name(22)}-t1c.nii.gz")
    path(23).unlink()
    os.mkfifo(path(23))
    (folder / "._junk.nii.gz").write_bytes(b"")

    def at(number: int) -> str:
        return path(number).name

    assert found(check_submission(folder, tmp_path / "cases", SSA)) == {
        (at(1), "missing"),
        (at(2), "duplicate"),
        ("00002-000.nii.gz", "duplicate"),
        (at(2), "same content"),
        (at(99), "unknown case"),
        (at(3), "missing"),
        ("patient three.nii.gz", "name"),
        ("notes.txt", "file"),
        (f"sub/{at(4)}", "sub-folder"),
        (at(5), "unreadable"),  # cut short
        (at(6), "unreadable"),  # no NIfTI inside
        (at(7), "unreadable"),  # empty
        (at(8), "unreadable"),  # not gzip
        (at(9), "shape"),
        (at(10), "dimensions"),
        (at(11), "unreadable"),  # two volumes
        (at(12), "affine"),
        (at(13), "spacing"),
        (at(13), "header"),  # so qform and sform differ as well
        (at(14), "dtype"),
        (at(15), "dtype"),
        (at(15), "values"),  # NaN
        (at(16), "dtype"),
        (at(16), "values"),  # 2.7
        (at(17), "labels"),  # 4
        (at(18), "dtype"),
        (at(18), "labels"),  # -3 and -7
        (at(19), "empty"),
        (at(21), "same content"),
        (at(22), "link"),
        (at(23), "link"),  # a pipe, never opened
    }


def test_old_labels_are_explained(tmp_path: Path) -> None:
    write_case(tmp_path, 1)
    write_prediction(tmp_path, name(1), (4, 8, 4, 8, 4, 8, 4), (20, 24, 4, 8, 4, 8, 1))
    (problem,) = check_submission(tmp_path / "predictions", tmp_path / "cases", SSA).problems
    assert problem.text == (
        f"{tmp_path}/predictions/{name(1)}.nii.gz: contains 4, expected 0, 1, 2, 3. Save the edition's labels. "
        "4 was ET in BraTS up to 2022; since 2023 it is 3."
    )


def test_a_warning_costs_nothing(tmp_path: Path) -> None:
    write_case(tmp_path, 1)
    write_prediction(tmp_path, name(1), (0, 1, 0, 1, 0, 1, 0))
    checked = check_submission(tmp_path / "predictions", tmp_path / "cases", SSA)
    assert [(problem.rule, problem.severity) for problem in checked.problems] == [("empty", "warning")]
    assert checked.valid


def test_a_sub_folder_is_a_warning_in_an_archive_and_an_error_in_an_output(tmp_path: Path) -> None:
    write_case(tmp_path, 1)
    prediction(tmp_path, 1)
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "predictions")
    packed = check_submission(Path(archive), tmp_path / "cases", SSA)
    assert [(problem.file, problem.severity) for problem in packed.problems] == [
        (f"predictions/{name(1)}.nii.gz", "warning")
    ]
    (tmp_path / "output").mkdir()
    (tmp_path / "predictions").rename(tmp_path / "output" / "predictions")
    assert not check_submission(tmp_path / "output", tmp_path / "cases", SSA).valid


@pytest.mark.parametrize(("content", "reported"), [(b"hello", "is not an archive"), (b"PK\x03\x04", "is damaged")])
def test_what_is_no_archive_is_one_problem(tmp_path: Path, content: bytes, reported: str) -> None:
    write_case(tmp_path, 1)
    (tmp_path / "x.zip").write_bytes(content)
    checked = check_submission(tmp_path / "x.zip", tmp_path / "cases", SSA)
    assert [(problem.file, problem.rule) for problem in checked.problems] == [("x.zip", "archive")]
    assert reported in checked.problems[0].text
    assert checked.verdict.message == (
        "Submission must be a tarball or zipped archive containing at least one NIfTI file."
    )


def test_references_stand_in_for_cases_and_none_at_all_is_refused(tmp_path: Path) -> None:
    prediction(tmp_path, 1)
    write(tmp_path / "references" / f"{name(1)}-seg.nii.gz", labels_of(SHAPE, CUBE))
    assert check_submission(tmp_path / "predictions", tmp_path / "references", SSA).problems == ()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="contains no reference"):
        check_submission(tmp_path / "predictions", tmp_path / "empty", SSA)


# The platform's verdict: the messages are its own, word for word (validate.py, validate2024.py)


def verdict(root: Path, edition_name: str) -> tuple[str, str]:
    checked = check_submission(root / "predictions", root / "cases", edition(edition_name))
    return checked.verdict.status, checked.verdict.message


NAMES = (
    "Not all filenames in the archive follow the expected naming format. Please check the Submission Tutorial of the "
    "task you're submitting to for more details."
)


def test_the_platform_misses_missing_cases_labels_and_truncation(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write_case(tmp_path, number)
    write_prediction(tmp_path, name(1), (4, 8, 4, 8, 4, 8, 9))
    cut = prediction(tmp_path, 2)
    cut.write_bytes(cut.read_bytes()[:-9])
    assert verdict(tmp_path, "goat-2026") == ("VALIDATED", "")


def test_the_platform_demands_the_size_of_the_year(tmp_path: Path) -> None:
    write_case(tmp_path, 1)
    foreign(prediction(tmp_path, 1), labels_of(SHAPE, CUBE), lambda header: header.set_qform(np.eye(4), 1))
    reported = "One or more predictions is not a NIfTI file with dimension of "
    assert verdict(tmp_path, "ssa-2023") == ("INVALID", reported + "240x240x155 or origin at [0, -239, 0].")
    assert verdict(tmp_path, "ssa-2024") == ("INVALID", reported + "240x240x155.")
    assert verdict(tmp_path, "gli-2024") == ("INVALID", reported + "182x218x182.")
    assert verdict(tmp_path, "ssa-2025") == ("VALIDATED", "")


def test_in_2023_the_size_alone_could_be_wrong(tmp_path: Path) -> None:
    write_case(tmp_path, 1)
    prediction(tmp_path, 1)  # its qform is that of SRI24
    assert verdict(tmp_path, "ssa-2023") == ("VALIDATED", "")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda folder: foreign(folder / "00001-000.nii.gz", np.zeros((*SHAPE, 1), np.uint8)),
            "One or more predictions is not a 3D image.",
        ),
        (
            lambda folder: (folder / "00001-000.nii.gz").write_bytes(b"no image"),
            "One or more predictions cannot be opened as a NIfTI file.",
        ),
        (
            lambda folder: (folder / "notes.txt").write_text("hello"),
            f"Not all files in the archive are NIfTI files (*.nii.gz).\n{NAMES}",
        ),
        (lambda folder: write(folder / "one.nii.gz", labels_of(SHAPE)), NAMES),
        (
            lambda folder: [write(folder / f"{n}00001-000.nii.gz", labels_of(SHAPE)) for n in ("", "a-")],
            "Duplicate predictions found for one or more cases.",
        ),
        (
            lambda folder: [write(folder / f"0000{n}-000.nii.gz", labels_of(SHAPE)) for n in (9, 8)],
            "Unknown scan IDs found: 00008-000, 00009-000",
        ),
        (lambda folder: None, "Submission must be a tarball or zipped archive containing at least one NIfTI file."),
    ],
)
def test_the_platforms_messages(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    write_case(tmp_path, 1)
    (tmp_path / "predictions").mkdir()
    make(tmp_path / "predictions")
    assert verdict(tmp_path, "goat-2026") == ("INVALID", message)


def test_the_platforms_message_is_cut_at_500_characters(tmp_path: Path) -> None:
    write_case(tmp_path, 1)
    for number in range(100, 200):
        path = tmp_path / "predictions" / f"{number:05d}-000.nii.gz"
        write(path, labels_of((2, 2, 2)))
    status, message = verdict(tmp_path, "goat-2026")
    assert status == "INVALID"
    assert len(message) == 499
    assert message.startswith("Unknown scan IDs found: 00100-000, 00101-000")
    assert message.endswith("...")


# The command


def command(root: Path, *more: str) -> list[str]:
    return ["check", str(root / "predictions"), str(root / "cases"), "--edition", "ssa-2023", *more]


def test_the_command_says_everything_and_its_code_is_that_of_the_worst(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_case(tmp_path, 1)
    prediction(tmp_path, 1)
    assert main(command(tmp_path)) == 0
    assert capsys.readouterr().out == (
        "BraTS 2023 Africa (ssa-2023): 1 file, 1 case, 0 errors, 0 warnings\nthe platform would say: VALIDATED\n"
    )
    write_case(tmp_path, 2)
    assert main(command(tmp_path)) == 1
    assert f"{name(2)}.nii.gz: is missing." in capsys.readouterr().out
    assert main([*command(tmp_path)[:2], str(tmp_path / "nothing"), *command(tmp_path)[3:]]) == 3


def test_the_command_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_case(tmp_path, 1)
    write_prediction(tmp_path, name(1), (0, 1, 0, 1, 0, 1, 9))
    assert main(command(tmp_path, "--json")) == 1
    reported = json.loads(capsys.readouterr().out)
    assert reported["valid"] is False
    assert [(problem["file"], problem["rule"], problem["grave"]) for problem in reported["problems"]] == [
        (f"{name(1)}.nii.gz", "labels", True),
    ]
    assert list(reported["problems"][0]) == ["file", "rule", "grave", "text"]
    assert reported["platform"] == {"status": "VALIDATED", "message": ""}


def test_a_name_that_is_no_text_is_written_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_case(tmp_path, 1)
    prediction(tmp_path, 1)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("\x1b[2J.txt", b"")
    main([*command(tmp_path)[:1], str(tmp_path / "x.zip"), *command(tmp_path)[2:]])
    assert "\\x1b[2J.txt: is not a .nii.gz file" in capsys.readouterr().out
