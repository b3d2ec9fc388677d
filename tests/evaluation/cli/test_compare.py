"""Two submissions case by case: counted by hand, and what must not be compared."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from bratseval.challenge import edition
from bratseval.challenge.metrics import platform_names
from bratseval.cli import main
from bratseval.leaderboard import Leaderboard, SubmissionScores
from bratseval.ranking import ComparisonSettings, compare
from bratseval.scoring.result import CaseStatus, ScoredCase
from factories.scores import VERSIONS, scores_file

SSA = edition("ssa-2023")
BOTH = ("LesionWise_Dice", "LesionWise_Hausdorff95")


def submission(*cases: tuple[float, float], name: str = "ssa-2023") -> SubmissionScores:
    """A case for each pair of Dice and HD95, the same in all regions."""
    made = []
    for number, (dice, hd95) in enumerate(cases):
        values = dict.fromkeys(platform_names(edition(name)), dice) | {"LesionWise_Score_HD95": hd95}
        made.append(ScoredCase(f"case-{number}", regions=dict.fromkeys(edition(name).regions, values)))
    return SubmissionScores(name, "edition", VERSIONS, tuple(made))


def test_wins_losses_and_differences_by_hand() -> None:
    a = submission((0.9, 1.0), (0.5, 8.0), (0.7, 2.0), (0.6, 3.0))
    b = submission((0.8, 2.0), (0.6, 4.0), (0.7, 2.0), (0.5, 2.0))
    found = compare(a, b, SSA, ComparisonSettings(BOTH, "worst", 1000, 0))
    dice, hd95 = (
        next(c for c in found.columns if c.column.name == name)
        for name in ("LesionWise_Dice_ET", "LesionWise_Hausdorff95_WT")
    )
    assert (dice.won, dice.lost, dice.tied) == (2, 1, 1)
    assert (dice.first, dice.second) == (pytest.approx(2.7 / 4), pytest.approx(2.6 / 4))
    # a smaller distance is better
    assert (hd95.won, hd95.lost, hd95.tied) == (1, 2, 1)
    assert (hd95.first, hd95.second) == (14 / 4, 10 / 4)
    # case 1 is lost in all six columns, case 0 won; case 3 has three of each, case 2 none
    assert [(case.case, case.won, case.lost) for case in found.cases] == [
        ("case-1", 0, 6),
        ("case-2", 0, 0),
        ("case-3", 3, 3),
        ("case-0", 6, 0),
    ]
    assert (found.won, found.lost) == (1, 1)
    assert found.cases[0].differences["LesionWise_Hausdorff95_ET"] == 4.0
    assert found.cases[0].differences["LesionWise_Dice_ET"] == pytest.approx(-0.1)


def test_p_of_a_comparison_is_two_sided() -> None:
    better = submission(*[(0.9, 1.0)] * 6)
    worse = submission(*[(0.8, 1.0)] * 6)
    for pair in ((better, worse), (worse, better)):
        found = compare(*pair, SSA, ComparisonSettings(("LesionWise_Dice",), "worst", 50_000, 1))
        # six cases of one sign: 2 of 2^6 rows of signs
        assert found.columns[0].p == pytest.approx(2 / 64, abs=0.004)
        assert found.p == pytest.approx(2 / 64, abs=0.004)
    same = compare(better, better, SSA, ComparisonSettings(BOTH, "worst", 100, 1))
    assert {column.p for column in same.columns} == {same.p} == {1.0}


def test_a_case_without_a_value_in_one_of_them_is_not_counted_where_it_is_left_out() -> None:
    a, b = submission((0.9, 1.0), (math.nan, math.nan)), submission((0.8, 1.0), (0.9, 1.0))
    left_out = compare(a, b, SSA, ComparisonSettings(("LesionWise_Dice",), "left-out", 100, 0)).columns[0]
    assert (left_out.won, left_out.lost, left_out.tied, left_out.first, left_out.second) == (1, 0, 0, 0.9, 0.8)
    worst = compare(a, b, SSA, ComparisonSettings(("LesionWise_Dice",), "worst", 100, 0)).columns[0]
    assert (worst.won, worst.lost, worst.first) == (1, 1, 0.45)


# The command


def test_two_files_in_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = scores_file(tmp_path / "a", [0.5, 0.75, 0.5])
    b = scores_file(tmp_path / "b", [0.5, 0.5, 0.75])
    assert main(["compare", str(a), str(b), "--metrics", "LesionWise_Dice", "--permutations", "99"]) == 0
    printed = capsys.readouterr().out
    assert f"A: {a}\nB: {b}\nBraTS 2023 Africa (ssa-2023), 3 cases; missing values: worst; p: two-sided, 99" in printed
    assert "0.5833  0.5833  +0.0000    1     1     1  1.00000  LesionWise_Dice_ET" in printed
    assert "A is better in most columns in 1 of 3 cases, worse in 1; p of the case ranks: 1.00000" in printed
    lines = printed.splitlines()
    assert lines[-2].split() == ["0", "3", "-0.2500", "-0.2500", "-0.2500", "BraTS-SSA-00003-000"]
    assert lines[-1].split() == ["3", "0", "+0.2500", "+0.2500", "+0.2500", "BraTS-SSA-00002-000"]


def test_many_cases_are_shown_from_both_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = scores_file(tmp_path / "a", [n / 100 for n in range(30)])
    b = scores_file(tmp_path / "b", [0.145] * 30)
    assert main(["compare", str(a), str(b)]) == 0
    printed = capsys.readouterr().out
    assert "10 cases in between not shown; use --all" in printed
    assert printed.count("BraTS-SSA-") == 20
    assert main(["compare", str(a), str(b), "--all"]) == 0
    assert capsys.readouterr().out.count("BraTS-SSA-") == 30
    assert main(["compare", str(a), str(a)]) == 0
    assert "no case differs" in capsys.readouterr().out


def test_two_entries_of_a_leaderboard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Leaderboard(tmp_path / "board", create=True) as leaderboard:
        leaderboard.add(submission((0.9, 1.0)), "A/1")
        leaderboard.add(submission((0.8, 1.0)), "B/1")
    assert main(["compare", "1", "B/1", "--leaderboard", str(tmp_path / "board")]) == 0
    assert "A: A/1\nB: B/1\n" in capsys.readouterr().out
    assert main(["compare", "1", "B/2", "--leaderboard", str(tmp_path / "board")]) == 3


def test_what_differs_in_rules_or_references_is_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = scores_file(tmp_path / "a", [0.5, 0.75])
    other = scores_file(tmp_path / "b", [0.5], "ssa-2024")
    assert main(["compare", str(a), str(other)]) == 3
    printed = capsys.readouterr().err
    assert f"{other}: has the edition ssa-2024, expected ssa-2023 as {a}" in printed
    assert f"{other}: has other cases than {a} (BraTS-SSA-00002-000)" in printed  # all at once
    changed = scores_file(tmp_path / "c", [0.5, 0.75])
    content = json.loads(changed.read_text())
    content["cases"][0]["sha256"][content["cases"][0]["reference"]] = "0" * 64
    content["versions"]["surface-distance"] = "0.2"
    changed.write_text(json.dumps(content))
    assert main(["compare", str(a), str(changed)]) == 3
    printed = capsys.readouterr().err
    assert f"{changed}: has other references than {a} (BraTS-SSA-00001-000). Score" in printed
    assert f"{changed}: has the evaluator brats-harness" in printed
    assert main(["compare", str(a), str(tmp_path / "absent.json")]) == 3


def test_a_failed_case_counts_as_printed() -> None:
    a = submission((0.9, 1.0), (0.0, 374.0))
    failed = replace(a, cases=(a.cases[0], replace(a.cases[1], status=CaseStatus.FAILED)))
    b = submission((0.8, 1.0), (0.1, 9.0))
    assert compare(failed, b, SSA, ComparisonSettings(("LesionWise_Dice",), "worst", 10, 0)).columns[0].lost == 1
    assert compare(failed, b, SSA, ComparisonSettings(("LesionWise_Dice",), "left-out", 10, 0)).columns[0].lost == 0
