"""What the files of a case score, and which warnings it gets."""

import gzip
import hashlib
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bratseval.challenge import edition
from bratseval.errors import InputError
from bratseval.results.parallel import score_pairs
from bratseval.results.score_files import keep_regions, score_pair
from bratseval.scoring.result import ScoredCase
from factories.boxes import labels_of
from factories.submissions import AFFINE, CUBE, SHAPE, pairs_of, write, write_prediction, write_reference

SSA = edition("ssa-2023")
A = "BraTS-SSA-00001-000"


def scored(root: Path) -> ScoredCase:
    (pair,) = pairs_of(root)
    return score_pair(pair, SSA)


def foreign(path: Path, voxels: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    """As somebody else's program writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, affine), path)
    return path


def test_a_perfect_prediction_scores_1_and_there_is_no_warning(tmp_path: Path) -> None:
    reference, prediction = write_reference(tmp_path, A), write_prediction(tmp_path, A)
    case = scored(tmp_path)
    assert (case.case, case.status, case.reason, case.warnings) == (A, "scored", "", ())
    assert [values["LesionWise_Score_Dice"] for values in case.regions.values()] == [1.0, 1.0, 1.0]
    assert case.files == {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in (reference, prediction)}


def test_spacing_is_the_predictions_and_the_difference_is_a_warning(tmp_path: Path) -> None:
    # 64 voxels of 2 x 2 x 2 mm: 512 mm3, though the reference says 64
    write_reference(tmp_path, A)
    write(tmp_path / "predictions" / f"{A}.nii.gz", labels_of(SHAPE, CUBE), AFFINE @ np.diag([2.0, 2, 2, 1]))
    case = scored(tmp_path)
    assert case.regions["ET"]["GT_Complete_Volume"] == 512.0
    assert case.status == "scored"
    assert [text for text in case.warnings if "voxels are 2x2x2 mm, the reference's are 1x1x1 mm" in text]


def test_an_affine_that_points_elsewhere_is_a_warning_and_costs_nothing(tmp_path: Path) -> None:
    write_reference(tmp_path, A)
    flipped = np.diag([-1.0, 1, 1, 1]) @ AFFINE
    write(tmp_path / "predictions" / f"{A}.nii.gz", labels_of(SHAPE, CUBE), flipped)
    case = scored(tmp_path)
    assert case.warnings == (f"{A}.nii.gz: affine differs from the reference's by up to 2 mm; scored voxel by voxel",)
    assert case.regions["ET"]["LesionWise_Score_Dice"] == 1.0


def test_values_that_are_no_label_are_background_and_a_warning(tmp_path: Path) -> None:
    write_reference(tmp_path, A)
    voxels = labels_of(SHAPE, CUBE).astype(np.float32)
    voxels[20, 0, :7] = [4, 5, 6, 2.5, -1, 9, np.nan]
    foreign(tmp_path / "predictions" / f"{A}.nii.gz", voxels)
    case = scored(tmp_path)
    assert case.warnings == (
        f"{A}.nii.gz: values -1, 2.5, 4, 5, 6 and 2 more are no label of ssa-2023; scored as background",
    )
    assert case.regions["ET"]["LesionWise_Score_Dice"] == 1.0


def test_the_old_label_4_is_never_guessed_to_be_enhancing_tumour(tmp_path: Path) -> None:
    write_reference(tmp_path, A)
    write_prediction(tmp_path, A, (4, 8, 4, 8, 4, 8, 4))
    case = scored(tmp_path)
    assert case.warnings == (f"{A}.nii.gz: value 4 is no label of ssa-2023; scored as background",)
    assert case.regions["ET"]["LesionWise_Score_Dice"] == 0.0


def nothing(_path: Path) -> None:
    pass


def two(path: Path) -> None:
    write(path, labels_of(SHAPE, CUBE))
    write(path.with_name("00001-000.nii.gz"), labels_of(SHAPE, CUBE))


def cut_short(path: Path) -> None:
    write(path, labels_of(SHAPE, CUBE))
    path.write_bytes(path.read_bytes()[:-9])


def not_an_image(path: Path) -> None:
    path.write_bytes(gzip.compress(b"<html>" * 100))


def other_shape(path: Path) -> None:
    write(path, labels_of((40, 24, 19), CUBE))


def four_axes(path: Path) -> None:
    foreign(path, labels_of(SHAPE, CUBE)[..., None])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (nothing, f"{A}: has no prediction, expected {A}.nii.gz"),
        (two, f"has 2 predictions (00001-000.nii.gz, {A}.nii.gz), expected one"),
        (cut_short, "the gzip data is cut short"),
        (not_an_image, "is not a NIfTI-1 file"),
        (other_shape, "has 40x24x19 voxels, expected 40x24x20 as the reference"),
        (four_axes, "has 4 dimensions, expected 3"),
    ],
)
def test_a_prediction_that_cannot_be_used_has_the_worst_values_and_the_reason(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    write_reference(tmp_path, A)
    (tmp_path / "predictions").mkdir()
    make(tmp_path / "predictions" / f"{A}.nii.gz")
    case = scored(tmp_path)
    assert case.status == "failed"
    assert reason in case.reason
    for values in case.regions.values():
        assert (values["LesionWise_Score_Dice"], values["LesionWise_Score_HD95"]) == (0.0, 374.0)
        assert (values["Legacy_Dice"], values["Legacy_HD95"], values["Num_FN"]) == (0.0, 374.0, 1.0)


def test_all_unreadable_references_are_named_and_nothing_is_scored(tmp_path: Path) -> None:
    references = [write_reference(tmp_path, f"BraTS-SSA-0000{n}-000") for n in (1, 2, 3)]
    (tmp_path / "predictions").mkdir()
    for path in references[::2]:
        path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError) as refused:
        score_pairs(pairs_of(tmp_path), SSA)
    assert [line.split(": ")[0] for line in str(refused.value).splitlines()] == [str(path) for path in references[::2]]


def test_cases_come_in_the_order_of_their_names_and_each_is_reported_once(tmp_path: Path) -> None:
    names = [f"BraTS-SSA-0000{n}-000" for n in (3, 1, 2)]
    for name in names:
        write_reference(tmp_path, name)
        write_prediction(tmp_path, name)
    reported: list[str] = []
    cases = score_pairs(pairs_of(tmp_path), SSA, on_case=lambda case: reported.append(case.case))
    assert [case.case for case in cases] == sorted(names)
    assert sorted(reported) == sorted(names)


def test_legacy_labels_are_read_as_todays_when_it_is_said(tmp_path: Path) -> None:
    write_reference(tmp_path, A, (4, 8, 4, 8, 4, 8, 4), (20, 24, 4, 8, 4, 8, 1))
    write_prediction(tmp_path, A, (4, 8, 4, 8, 4, 8, 4), (20, 24, 4, 8, 4, 8, 1))
    (pair,) = pairs_of(tmp_path)
    case = score_pair(pair, SSA, "legacy")
    assert case.warnings == ()
    assert case.regions["ET"]["GT_Complete_Volume"] == 64.0
    assert case.regions["TC"]["GT_Complete_Volume"] == 128.0
    assert case.regions["ET"]["LesionWise_Score_Dice"] == 1.0


def test_a_file_with_labels_3_and_4_is_not_legacy(tmp_path: Path) -> None:
    write_reference(tmp_path, A)
    write_prediction(tmp_path, A, CUBE, (20, 24, 4, 8, 4, 8, 4))
    (pair,) = pairs_of(tmp_path)
    case = score_pair(pair, SSA, "legacy")
    assert case.status == "failed"
    assert f"{A}.nii.gz: contains labels 3 and 4, expected 1, 2 and 4" in case.reason
    mixed = write_reference(tmp_path, A, CUBE, (20, 24, 4, 8, 4, 8, 4))
    with pytest.raises(InputError, match="contains labels 3 and 4") as refused:
        score_pair(pair, SSA, "legacy")
    assert str(mixed) in str(refused.value)


def test_regions_that_are_kept_score_what_they_score_among_all(tmp_path: Path) -> None:
    write_reference(tmp_path, A, CUBE, (20, 24, 4, 8, 4, 8, 1))
    write_prediction(tmp_path, A)
    case = scored(tmp_path)
    kept = keep_regions(case, ("ET",))
    assert kept.regions == {"ET": case.regions["ET"]}
    assert [lesion.region for lesion in kept.lesions] == ["ET"]
    assert [lesion.region for lesion in case.lesions] == ["WT", "WT", "TC", "TC", "ET"]


def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    for number in range(16):  # 8 for each
        write_reference(tmp_path, f"BraTS-SSA-{number:05d}-000")
        if number:
            write_prediction(tmp_path, f"BraTS-SSA-{number:05d}-000", (4, 8, 4, 8, 4, 8 + number % 3, 3))
    reported: list[str] = []
    pairs = pairs_of(tmp_path)
    on_two = score_pairs(pairs, SSA, jobs=2, on_case=lambda case: reported.append(case.case))
    assert repr(on_two) == repr(score_pairs(pairs, SSA))  # as text, where NaN equals NaN
    assert reported == [pair.case for pair in pairs]
    assert len(multiprocessing.active_children()) == 0
