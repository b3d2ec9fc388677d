"""What the four files say."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bratseval.challenge import edition
from bratseval.challenge.metrics import platform_names
from bratseval.results.parallel import score_pairs
from bratseval.results.summary import column, columns, summary
from bratseval.results.tables import write_tables
from bratseval.scoring.result import Lesion, ScoredCase
from factories.scores import submission_of
from factories.submissions import CUBE, OTHER, pairs_of, write, write_prediction, write_reference

SSA = edition("ssa-2023")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def made(name: str, dice: float, corrected: float | None = None) -> ScoredCase:
    """A case in which every official value is `dice`."""
    regions = {region: dict.fromkeys(platform_names(SSA), dice) for region in SSA.regions}
    own = {} if corrected is None else {region: {"Sensitivity_corrected": corrected} for region in SSA.regions}
    return ScoredCase(name, regions=regions, corrected=own)


@pytest.mark.parametrize(("name", "has_nsd"), [("ssa-2023", False), ("ssa-2025", True)])
def test_the_columns_are_the_platforms_in_its_order(shared: Path, name: str, has_nsd: bool) -> None:
    ours = columns([], edition(name))
    with (shared / "data/leaderboard/brats-africa-2024-validation/9754423.csv").open() as file:
        platform = [column for column in next(csv.reader(file)) if column and (has_nsd or "NSD" not in column)]
    assert len(platform) == (21 if has_nsd else 15)
    assert list(ours[: len(platform)]) == platform
    assert ours[len(platform)] == "Dice_ET"


def test_since_2026_regions_are_in_small_letters() -> None:
    # brats-parse-metrics: global_dsc_et
    assert column("global_dsc", "ET", edition("goat-2026")) == "global_dsc_et"
    assert column("Dice", "ET", SSA) == "Dice_ET"


def test_mean_deviation_quartiles_and_n_by_hand() -> None:
    described = summary([made(str(n), value) for n, value in enumerate((0.0, 1.0, 0.5, 0.7))], SSA)
    first = {name: row[0] for name, row in described.items()}
    # sorted 0, .5, .7, 1: mean 2.2 / 4; quartiles linear at positions .75, 1.5, 2.25;
    # squares of the deviations .3025 + .0025 + .0225 + .2025 = .53, over 3
    assert first == {
        "mean": pytest.approx(0.55),
        "std": pytest.approx(math.sqrt(0.53 / 3)),
        "25quantile": pytest.approx(0.375),
        "median": pytest.approx(0.6),
        "75quantile": pytest.approx(0.775),
        "n": 4.0,
    }


def test_nan_is_left_out_of_the_mean_and_n_says_so() -> None:
    described = summary([made("a", 0.5), made("b", math.nan), made("c", 1.0)], SSA)
    assert (described["mean"][0], described["n"][0]) == (0.75, 2.0)
    described = summary([made("a", math.nan)], SSA)
    assert math.isnan(described["mean"][0])
    assert described["n"][0] == 0.0


def test_corrected_values_stand_behind_the_official_ones_under_their_own_names(tmp_path: Path) -> None:
    cases = [made("a", 0.5, corrected=0.25), made("b", 0.5)]
    write_tables(tmp_path, submission_of(cases, SSA.name), SSA)
    first, second = rows(tmp_path / "cases.csv")
    assert (first["Sensitivity_ET"], first["Sensitivity_corrected_ET"]) == ("0.5", "0.25")
    assert second["Sensitivity_corrected_ET"] == ""
    (mean, *_) = rows(tmp_path / "summary.csv")
    assert mean["Sensitivity_corrected_ET"] == "0.25"


def test_a_folder_of_cases_as_tables(tmp_path: Path) -> None:
    a, b, c = (f"BraTS-SSA-0000{n}-000" for n in (1, 2, 3))
    write_reference(tmp_path, a, CUBE, OTHER)
    write_prediction(tmp_path, a, CUBE, (34, 35, 20, 21, 16, 17, 3))
    write_reference(tmp_path, b)
    write_prediction(tmp_path, b)
    write_reference(tmp_path, c)
    write_tables(tmp_path / "out", submission_of(score_pairs(pairs_of(tmp_path), SSA), SSA.name, "stray.nii.gz"), SSA)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "cases.csv",
        "lesions.csv",
        "scores.json",
        "summary.csv",
    ]

    cases = {row["scan_id"]: row for row in rows(tmp_path / "out" / "cases.csv")}
    assert [cases[name]["state"] for name in (a, b, c)] == ["scored", "scored", "failed"]
    # one of two found, one spurious: 1 of 3; the missing prediction: 0
    assert [float(cases[name]["LesionWise_Dice_ET"]) for name in (a, b, c)] == [1 / 3, 1.0, 0.0]
    assert cases[c]["reason"] == f"{c}: has no prediction, expected {c}.nii.gz. Add the file."

    found = [row for row in rows(tmp_path / "out" / "lesions.csv") if row["scan_id"] == a and row["region"] == "ET"]
    assert [(row["outcome"], row["volume_mm3"], row["dice"], row["hd95_mm"]) for row in found] == [
        ("detected", "64.0", "1.0", "0.0"),
        ("missed", "64.0", "0.0", "374.0"),
        ("spurious", "1.0", "0.0", "374.0"),
    ]
    # voxel (5.5, 5.5, 5.5) through the affine: x = -5.5, y = 239 - 5.5, z = 5.5
    centre = [found[0][name] for name in ("x_voxels", "y_voxels", "z_voxels", "x_mm", "y_mm", "z_mm")]
    assert centre == ["5.5", "5.5", "5.5", "-5.5", "233.5", "5.5"]

    summed = {row[""]: row for row in rows(tmp_path / "out" / "summary.csv")}
    assert float(summed["mean"]["LesionWise_Dice_ET"]) == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert summed["n"]["LesionWise_Dice_ET"] == "3.0"

    everything = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert (everything["edition"], everything["family"]) == ("ssa-2023", "lesionwise-2023")
    assert everything["summary"]["LesionWise_Dice_ET"]["mean"] == float(summed["mean"]["LesionWise_Dice_ET"])
    assert everything["cases"][0]["regions"]["ET"]["LesionWise_Score_Dice"] == 1 / 3
    assert everything["cases"][0]["lesions"][0]["centroid_mm"][1] == pytest.approx(233.5)
    assert everything["predictions_of_no_case"] == ["stray.nii.gz"]
    assert everything["versions"]["numpy"] == np.__version__
    assert all(len(digest) == 64 for case in everything["cases"] for digest in case["sha256"].values())


def test_json_has_null_where_a_number_is_undefined(tmp_path: Path) -> None:
    lesion = Lesion("ET", 1, "missed", True, 64.0, (0.0, 0.0, 0.0), math.nan, math.inf)
    case = made("a", math.nan)
    case = replace(case, lesions=(lesion,))
    write_tables(tmp_path, submission_of([case], SSA.name), SSA)
    everything = json.loads((tmp_path / "scores.json").read_text(), parse_constant=pytest.fail)
    assert everything["cases"][0]["lesions"][0]["dice"] is None
    assert everything["cases"][0]["lesions"][0]["hd95_mm"] == "Infinity"
    assert everything["cases"][0]["regions"]["ET"]["Num_TP"] is None


def test_since_2026_a_refused_case_leaves_the_official_mean_and_a_missing_one_does_not(tmp_path: Path) -> None:
    a, b, c = (f"BraTS-GoAT-0000{n}-000" for n in (1, 2, 3))
    for name in (a, b, c):
        write_reference(tmp_path, name)
    write_prediction(tmp_path, a)
    write_prediction(tmp_path, b, (4, 8, 4, 8, 4, 8, 4))  # a label that GoAT does not have
    rules = edition("goat-2026")
    scores = submission_of(score_pairs(pairs_of(tmp_path, rules.name), rules), rules.name)
    write_tables(tmp_path / "out", scores, rules)

    cases = {row["scan_id"]: row for row in rows(tmp_path / "out" / "cases.csv")}
    assert [cases[name]["state"] for name in (a, b, c)] == ["scored", "scored", "failed"]
    assert cases[b]["warnings"].startswith("an official run skips this case: the prediction contains the label 4")
    assert [cases[name]["global_dsc_et"] for name in (a, b, c)] == ["1.0", "0.0", "0.0"]
    summed = {row[""]: row for row in rows(tmp_path / "out" / "summary.csv")}
    # ours: 1, 0 (labels that count as background) and 0 (missing); officially: 1 and 0
    assert float(summed["mean"]["global_dsc_et"]) == pytest.approx(1 / 3)
    assert float(summed["official_mean"]["global_dsc_et"]) == 0.5
    assert float(summed["official_std"]["global_dsc_et"]) == pytest.approx(math.sqrt(0.5))
    assert float(summed["official_median"]["global_hd95_et"]) == 373 / 2
    # an official run has no corrected columns
    assert summed["official_mean"]["global_hd95_mm_et"] == ""
    assert float(summed["mean"]["global_hd95_mm_et"]) == pytest.approx((0 + 373 + 373) / 3)


def test_a_prediction_of_another_shape_is_left_out_by_an_official_run(tmp_path: Path) -> None:
    case = "BraTS-GoAT-00001-000"
    write_reference(tmp_path, case)
    write(tmp_path / "predictions" / f"{case}.nii.gz", np.zeros((40, 24, 19), np.uint8))
    for name, refused in (("goat-2026", True), ("ssa-2025", False)):
        (scored,) = score_pairs(pairs_of(tmp_path, name), edition(name))
        assert scored.status == "failed"
        assert bool(scored.skipped_by_platform) == refused


def test_a_name_is_never_run_by_a_spreadsheet(tmp_path: Path) -> None:
    write_tables(tmp_path, submission_of([made("=HYPERLINK(1)", 0.5)], SSA.name), SSA)
    assert rows(tmp_path / "cases.csv")[0]["scan_id"] == "'=HYPERLINK(1)"


def test_a_name_need_not_be_text(tmp_path: Path) -> None:
    write_tables(tmp_path, submission_of([made("a\udcff", 0.5)], SSA.name), SSA)
    assert rows(tmp_path / "cases.csv")[0]["scan_id"] == "a\\udcff"
    assert json.loads((tmp_path / "scores.json").read_text())["cases"][0]["scan_id"] == "a\udcff"


def test_the_rows_are_those_of_pandas_to_the_last_bit() -> None:
    # the platform's tables are pandas.DataFrame.describe()
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(7)
    for _ in range(200):
        dices = random.random(int(random.integers(1, 300)))
        dices[random.random(len(dices)) < random.choice([0.0, 0.2])] = np.nan
        ours = summary([made(str(number), dice) for number, dice in enumerate(dices)], SSA)
        theirs = pandas.Series(dices).describe()
        expected = [theirs[name] for name in ("mean", "std", "25%", "50%", "75%", "count")]
        assert np.array_equal([row[0] for row in ours.values()], expected, equal_nan=True)
