"""What `bratseval` offers to programs: two files, two folders or two arrays in, scores out."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bratseval
from bratseval import InputError, Leaderboard, check, edition, editions, rank, score
from factories.submissions import CUBE, OTHER, write_prediction, write_reference

A, B = "BraTS-SSA-00001-000", "BraTS-SSA-00002-000"


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    """Two references, each with a prediction that finds one of its lesions: all of A, half of B."""
    write_reference(tmp_path, A, CUBE)
    write_prediction(tmp_path, A, CUBE)
    write_reference(tmp_path, B, CUBE, OTHER)
    write_prediction(tmp_path, B)
    return tmp_path


def lesionwise_dice(scores: bratseval.SubmissionScores) -> list[float]:
    return [case.regions["ET"]["LesionWise_Score_Dice"] for case in scores.cases]


def test_two_folders(submission: Path) -> None:
    done: list[tuple[str, int]] = []
    scores = score(
        submission / "predictions",
        submission / "references",
        "ssa-2023",
        on_case=lambda case, total: done.append((case.case, total)),
    )
    assert lesionwise_dice(scores) == [1.0, 0.5]
    assert done == [(A, 2), (B, 2)]


def test_two_files_score_what_they_score_in_their_folders(submission: Path) -> None:
    (prediction,) = (submission / "predictions").rglob(f"{B}*.nii.gz")
    (reference,) = (submission / "references").rglob(f"{B}*.nii.gz")
    of_files = score(str(prediction), reference, edition("ssa-2023"))
    of_folders = score(submission / "predictions", submission / "references", "ssa-2023")
    assert [case.case for case in of_files.cases] == [B]
    assert of_files.cases[0].regions == of_folders.cases[1].regions
    # as text, where NaN equals NaN
    assert repr(of_files.cases[0].lesions) == repr(of_folders.cases[1].lesions)


def test_two_arrays() -> None:
    reference = np.zeros((20, 20, 20), np.uint8)
    reference[2:6, 2:6, 2:6] = 3
    # half of the cube's 64 voxels: 2 * 32 / (32 + 64)
    prediction = reference.copy()
    prediction[4:6] = 0
    scores = score(prediction, reference, "ssa-2023", spacing_mm=(1.0, 1.0, 2.0))
    assert lesionwise_dice(scores) == [pytest.approx(2 / 3)]
    assert scores.cases[0].regions["ET"]["GT_Complete_Volume"] == 128.0
    with pytest.raises(ValueError, match="spacing_mm is missing"):
        score(prediction, reference, "ssa-2023")
    with pytest.raises(TypeError, match="two arrays or two paths"):
        score(prediction, "reference.nii.gz", "ssa-2023")


def test_a_missing_file_is_a_failed_case_or_an_error(submission: Path) -> None:
    (reference,) = (submission / "references").rglob(f"{A}*.nii.gz")
    scores = score(submission / "absent.nii.gz", reference, "ssa-2023")
    assert scores.cases[0].failed
    assert "absent.nii.gz" in scores.cases[0].reason
    assert lesionwise_dice(scores) == [0.0]
    with pytest.raises(InputError, match="is not an edition"):
        score(reference, reference, "ssa-1999")


def test_scores_print_as_a_table_and_become_dicts_and_a_frame(submission: Path) -> None:
    scores = score(submission / "predictions", submission / "references", "ssa-2023")
    lines = str(scores).splitlines()
    assert lines[0] == "BraTS 2023 Africa (ssa-2023): mean of 2 cases"
    assert lines[1].split() == ["ET", "TC", "WT"]
    assert lines[2].split() == ["LesionWise_Dice", "0.7500", "0.7500", "0.7500"]
    first, second = scores.to_dicts()
    assert (first["scan_id"], first["LesionWise_Dice_ET"], first["state"]) == (A, 1.0, "scored")
    assert second["LesionWise_Dice_WT"] == 0.5
    frame = scores.to_frame()
    assert frame.loc[B, "LesionWise_Dice_TC"] == 0.5
    assert list(frame.columns) == [name for name in first if name != "scan_id"]


def test_check_finds_what_is_missing(submission: Path) -> None:
    checked = check(submission / "predictions", submission / "references", "ssa-2023")
    assert checked.cases == 2
    (submission / "predictions" / f"{A}.nii.gz").unlink()
    checked = check(submission / "predictions", submission / "references", "ssa-2023")
    assert [problem.rule for problem in checked.problems if problem.rule == "missing"] == ["missing"]


def test_rank_puts_the_better_submission_first_and_refuses_what_differs(submission: Path) -> None:
    references = submission / "references"
    worse = score(submission / "predictions", references, "ssa-2023")
    write_prediction(submission, B, CUBE, OTHER)
    better = score(submission / "predictions", references, "ssa-2023")
    ranking = rank({"worse": worse, "better": better})
    assert [(standing.name, standing.place) for standing in ranking.standings] == [("better", 1), ("worse", 2)]
    other = score(submission / "predictions", references, "ssa-2025")
    with pytest.raises(InputError, match=r"other: edition, evaluator, .* differ from those of better"):
        rank({"better": better, "other": other})
    with pytest.raises(InputError, match="has no submission"):
        rank({})


def test_a_leaderboard_keeps_scores(submission: Path) -> None:
    scores = score(submission / "predictions", submission / "references", "ssa-2023")
    with Leaderboard(submission / "board.db", create=True) as board:
        added = board.add(scores, "team/first")
        kept = board.scores(added.entry.number)
    assert [case.regions for case in kept.cases] == [dict(case.regions) for case in scores.cases]
    assert str(kept) == str(scores)


def test_editions_are_found_by_name() -> None:
    assert editions()["ssa-2024"] is edition("ssa-2024")


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys, bratseval; sys.exit(any(name in sys.modules for name in ('numpy', 'nibabel', 'argparse')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(AttributeError, match="has no attribute 'scores'"):
        bratseval.scores  # noqa: B018 - the access is what is tested
    assert set(bratseval.__all__) <= set(dir(bratseval))
