"""What strangers' files may say: a scores.json, a file of the platform; and the published results."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bratseval.challenge import EDITIONS, edition
from bratseval.challenge.metrics import metric_of_column, platform_names
from bratseval.errors import InputError
from bratseval.files import strict_json as findings
from bratseval.leaderboard import Leaderboard, read_platform_file, read_scores, table_of
from bratseval.leaderboard.published import published_beside, published_results
from bratseval.results.parallel import score_pairs
from bratseval.results.tables import write_tables
from factories.scores import scores_file, submission_of
from factories.submissions import CUBE, OTHER, pairs_of, write_prediction, write_reference

Content = dict[str, Any]
AFRICA = "data/leaderboard/brats-africa-2024-validation"


@pytest.mark.parametrize("name", ["ssa-2023", "ssa-2025", "met-2026"])
def test_what_bratseval_score_writes_is_read_whole(tmp_path: Path, name: str) -> None:
    prefix = "BraTS-SSA" if "ssa" in name else "BraTS-MET"
    a, b = (f"{prefix}-0000{n}-000" for n in (1, 2))
    write_reference(tmp_path, a, CUBE, OTHER)
    write_prediction(tmp_path, a, CUBE, (34, 35, 20, 21, 16, 17, 3))
    write_reference(tmp_path, b)
    cases = score_pairs(pairs_of(tmp_path, name), edition(name))
    write_tables(tmp_path / "out", submission_of(cases, name, "stray.nii.gz"), edition(name))
    read = read_scores(tmp_path / "out" / "scores.json")
    assert (read.edition, read.labels, read.unknown) == (name, "edition", ("stray.nii.gz",))
    for ours, theirs in zip(read.cases, cases, strict=True):
        assert (ours.case, ours.status, ours.reason, ours.warnings) == (
            theirs.case,
            theirs.status,
            theirs.reason,
            theirs.warnings,
        )
        assert repr(dict(ours.regions)) == repr({r: dict(theirs.regions[r]) for r in EDITIONS[name].regions}) or all(
            np.array_equal(ours.regions[r][k], theirs.regions[r][k], equal_nan=True)
            for r in EDITIONS[name].regions
            for k in platform_names(EDITIONS[name])
        )
        assert repr(list(ours.lesions)) == repr(list(theirs.lesions))
        assert ours.reference.endswith(f"{ours.case}-seg.nii.gz")
        assert ours.reference_sha256 == theirs.files[ours.reference]
    assert [case.status for case in read.cases] == ["scored", "failed"]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return scores_file(tmp_path / "good", [0.5, math.nan])


def edited(path: Path, edit: Callable[[Content], object]) -> Path:
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    return path


CHANGES: dict[str, tuple[Callable[[Content], object], str]] = {
    "no edition": (lambda c: c.pop("edition"), "edition is no such text"),
    "unknown edition": (
        lambda c: c.update(edition="ssa-1999"),
        r"edition is unknown, expected one of .*got 'ssa-1999'",
    ),
    "another family": (lambda c: c.update(family="x"), "family does not score ssa-2023, expected lesionwise-2023"),
    "no version": (lambda c: c["versions"].pop("brats-harness"), "versions.brats-harness is no such text"),
    "no cases": (lambda c: c.update(cases=[]), "cases are too few or too many, expected 1 to 10000"),
    "cases of text": (lambda c: c.update(cases=["a"]), r"cases\[0\] is no table, expected a table, got 'a'"),
    "a case twice": (lambda c: c["cases"].append(c["cases"][0]), "cases hold a case twice"),
    "no id": (
        lambda c: c["cases"][0].update(scan_id=""),
        r"cases\[0\].scan_id is no such text, expected one of 1 to 200 characters",
    ),
    "a number for an id": (lambda c: c["cases"][0].update(scan_id=7), r"cases\[0\].scan_id is no such text.*got 7"),
    "another state": (lambda c: c["cases"][0].update(state="great"), r"cases\[0\].state is unknown"),
    "no reference": (lambda c: c["cases"][0].pop("reference"), r"cases\[0\].reference is none of the files"),
    "no sha256": (
        lambda c: c["cases"][0]["sha256"].update({c["cases"][0]["reference"]: "abc"}),
        "has no sha256, expected 64 hexadecimal digits, got 'abc'",
    ),
    "a value is missing": (
        lambda c: c["cases"][0]["regions"]["ET"].pop("Num_TP"),
        r"cases\[0\].regions.ET has other values, .*got 'no Num_TP'",
    ),
    "a value too many": (
        lambda c: c["cases"][0]["regions"]["ET"].update(Great=1.0),
        r"cases\[0\].regions.ET has other values, .*got 'Great'",
    ),
    "a word for a value": (
        lambda c: c["cases"][0]["regions"]["ET"].update(Num_TP="many"),
        r"cases\[0\].regions.ET.Num_TP is no number, .*got 'many'",
    ),
    "truth for a value": (lambda c: c["cases"][0]["regions"]["ET"].update(Num_TP=True), "Num_TP is no number"),
    "a huge integer": (lambda c: c["cases"][0]["regions"]["ET"].update(Num_TP=10**400), "got a huge integer"),
    "a strange region": (
        lambda c: c["cases"][0]["regions"].update(XX={}),
        r"cases\[0\].regions has regions that ssa-2023 lacks, expected WT, TC, ET, got 'XX'",
    ),
    "fewer regions in one case": (lambda c: c["cases"][0]["regions"].pop("ET"), "cases have different regions"),
    "a lesion of no region": (
        lambda c: c["cases"][0]["lesions"][0].update(region="XX"),
        r"cases\[0\].lesions\[0\].region is unknown",
    ),
    "a lesion nowhere": (
        lambda c: c["cases"][0]["lesions"][0].update(centroid_mm=[1, 2]),
        r"cases\[0\].lesions\[0\].centroid_mm is not as it should be, expected 3 finite numbers",
    ),
    "a lesion without a number": (lambda c: c["cases"][0]["lesions"][0].update(number=0), "number is no count"),
    "a list of numbers for warnings": (lambda c: c["cases"][0].update(warnings=[1]), "warnings holds something else"),
    "a text too long": (
        lambda c: c["cases"][0].update(reason="a" * 65_537),
        "reason is no such text, expected one of 0 to 65536 characters",
    ),
}


@pytest.mark.parametrize("what", list(CHANGES))
def test_every_part_of_a_scores_file_is_checked(good: Path, what: str) -> None:
    change, told = CHANGES[what]
    with pytest.raises(InputError, match=told) as refused:
        read_scores(edited(good, change))
    assert all(line.startswith(f"{good}: ") for line in str(refused.value).splitlines())


def test_all_problems_are_told_at_once_and_not_endlessly(good: Path) -> None:
    def spoil(content: Content) -> None:
        content["labels"] = "odd"
        content["cases"][0]["state"] = "great"
        content["cases"][1]["scan_id"] = 7

    with pytest.raises(InputError) as refused:
        read_scores(edited(good, spoil))
    assert [line.split(": ")[1].split(" is ")[0] for line in str(refused.value).splitlines()] == [
        "labels",
        "cases[0].state",
        "cases[1].scan_id",
    ]
    with pytest.raises(InputError, match=r"10 more problems\.$"):
        read_scores(
            edited(scores_file(good.parent, [0.5]), lambda c: c["cases"][0].update(lesions=[1] * 20 + [7] * 10))
        )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "is no JSON"),
        (b"[]", "the file is no table, expected a table, got a list of 0"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"edition": "a", "edition": "b"}', "'edition' stands twice in one table"),
        (b'{"edition": NaN}', "NaN is no JSON"),
        (b'{"edition": ' + b"1" * 10_000 + b"}", "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        (b"PK\x03\x04", "is no JSON"),
    ],
)
def test_what_is_no_table_of_json_is_refused_by_name(tmp_path: Path, text: bytes, told: str) -> None:
    path = tmp_path / "scores.json"
    path.write_bytes(text)
    with pytest.raises(InputError, match=told) as refused:
        read_scores(path)
    assert str(path) in str(refused.value)


def test_a_file_beyond_the_cap_is_not_parsed(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "MAX_BYTES", good.stat().st_size)
    assert read_scores(good).edition == "ssa-2023"
    monkeypatch.setattr(findings, "MAX_BYTES", good.stat().st_size - 1)
    with pytest.raises(InputError, match="is too large, expected at most"):
        read_scores(good)
    with pytest.raises(InputError, match="cannot be read"):
        read_scores(good.parent / "absent.json")


def test_names_that_are_no_text_can_be_kept(good: Path, tmp_path: Path) -> None:
    def rename(content: Content) -> None:
        content["cases"][0]["scan_id"] = "a\udcff\0<script>"
        content["cases"][0]["warnings"] = ["\x1b[2J"]

    read = read_scores(edited(good, rename))
    with Leaderboard(tmp_path / "board", create=True) as leaderboard:
        entry = leaderboard.add(read, "A/1").entry
        case = leaderboard.scores(entry.number).cases[0]
    assert case.case == "a\\udcff\\x00<script>"
    assert case.warnings == ("\x1b[2J",)  # as it is; whoever prints it escapes it


# The platform's files


@pytest.mark.parametrize(
    ("number", "published"),
    [("9752810", (0.8698, 0.8646, 0.9265)), ("9754423", (0.8705, 0.8646, 0.9266))],
)
def test_the_platforms_files_have_their_published_means(
    shared: Path, tmp_path: Path, number: str, published: tuple[float, ...]
) -> None:
    path = shared / AFRICA / f"{number}.csv"
    with Leaderboard(tmp_path / "board", create=True) as leaderboard:
        entry = leaderboard.add(read_platform_file(path, edition("ssa-2025")), f"CNMC/{number}").entry
        kept = leaderboard.scores(entry.number)
    assert len(kept.cases) == 35
    dices = [[case.regions[region]["LesionWise_Score_Dice"] for case in kept.cases] for region in ("ET", "TC", "WT")]
    assert tuple(round(float(np.mean(dice)), 4) for dice in dices) == published
    # and what the platform itself wrote below its table, to the last digits
    with path.open() as file:
        (mean,) = (row for row in csv.DictReader(file) if row[""] == "mean")
    for column, key in (("LesionWise_NSD_0.5_ET", "LesionWise_Score_NSD @ 0.5"), ("Num_FP_ET", "Num_FP")):
        assert np.mean([case.regions["ET"][key] for case in kept.cases]) == pytest.approx(
            float(mean[column]), rel=1e-12
        )
    # the platform's file has no values of the whole region
    assert math.isnan(kept.cases[0].regions["ET"]["Legacy_Dice"])


def test_the_three_real_files_share_a_table_of_unknown_references(shared: Path) -> None:
    tables = {
        table_of(read_platform_file(path, edition("ssa-2025"))).digest for path in (shared / AFRICA).glob("*.csv")
    }
    assert len(tables) == 1
    table = table_of(read_platform_file(shared / AFRICA / "9754423.csv", edition("ssa-2025")))
    assert table.imported
    assert set(table.references.values()) == {""}


HEAD = "scan_id,LesionWise_Dice_ET,LesionWise_Dice_TC,LesionWise_Dice_WT"


def test_summary_rows_are_passed_over_and_an_empty_cell_is_no_value(tmp_path: Path) -> None:
    path = tmp_path / "all_scores.csv"
    path.write_text(f"{HEAD}\nBraTS-SSA-00001-000,0.5,,1\nmean,9,9,9\nstd,9,9,9\n25quantile,9,9,9\nmedian,9,9,9\n")
    (case,) = read_platform_file(path, edition("ssa-2023")).cases
    assert case.regions["ET"]["LesionWise_Score_Dice"] == 0.5
    assert math.isnan(case.regions["TC"]["LesionWise_Score_Dice"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not a file of the platform"),
        ("a,b\n1,2\n", "is not a file of the platform, expected a first line `scan_id"),
        (f"{HEAD}\n", "is not a file of the platform"),
        (f"{HEAD}\nmean,1,1,1\n", "holds 0 cases, expected 1 to 10000"),
        (f"{HEAD}\na,1,1,1\na,1,1,1\n", "holds 'a' twice, expected each case once"),
        (f"{HEAD}\na,1,1\n", "'a' has 3 cells, expected 4"),
        (f"{HEAD}\na,1,1,1,1\n", "'a' has 5 cells, expected 4"),
        (f"{HEAD}\na,1,high,1\n", "LesionWise_Dice_TC of 'a' is no number"),
        (f"{HEAD}\na,1,1_0,1\n", "LesionWise_Dice_TC of 'a' is no number"),
        (f"{HEAD},Great_ET\na,1,1,1,1\n", "has columns that ssa-2023 lacks, got Great_ET. Check the file."),
        (f"{HEAD},LesionWise_Dice_ET\na,1,1,1,1\n", "has the column LesionWise_Dice_ET twice"),
        ("scan_id,LesionWise_Dice_ET\na,1\n", "has no column LesionWise_Dice_TC, expected every region"),
        (f'{HEAD}\n"a,1,1,1\n', "is not a CSV file"),
        (f"{HEAD}\n{'a' * 201},1,1,1\n", "is no case's id"),
        ("\0\0", "is no"),
    ],
)
def test_a_file_that_is_not_the_platforms_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "all_scores.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=told) as refused:
        read_platform_file(path, edition("ssa-2023"))
    assert str(refused.value).startswith(str(path))


def test_a_file_of_another_edition_says_of_which_it_may_be(shared: Path) -> None:
    with pytest.raises(
        InputError, match=r"has columns that ssa-2024 lacks, got LesionWise_NSD_0.5_ET, .* and 3 more.*"
    ):
        read_platform_file(shared / AFRICA / "9754423.csv", edition("ssa-2024"))
    with pytest.raises(InputError, match=r"one of .*ssa-2025") as refused:
        read_platform_file(shared / AFRICA / "9754423.csv", edition("ssa-2024"))
    assert "gli-2025," not in str(refused.value).replace("goat-2025-gli", "")  # it has more regions


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_platform_file(tmp_path / "absent.csv", edition("ssa-2023"))
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not a CSV file"):
        read_platform_file(tmp_path / "binary.csv", edition("ssa-2023"))


# Published results


def test_every_published_result_names_a_known_edition_column_and_source() -> None:
    results = published_results()
    assert len(results) >= 8
    for result in results:
        rules = EDITIONS[result.edition]
        assert result.source
        assert result.case_set
        assert set(result.values) <= set(platform_names(EDITIONS[result.edition]).values()), result.team
        for metric, by_region in result.values.items():
            assert set(by_region) <= {*rules.regions, "mean"}
            found = metric_of_column(metric, rules)
            assert found is not None
            assert all(value > 1 if found.kind == "hd95" else 0 < value < 1 for value in by_region.values())


def test_the_published_rows_of_a_file_are_what_the_file_says(shared: Path) -> None:
    rows = [result for result in published_results() if "platform file" in result.description]
    assert len(rows) == 2
    for result in rows:
        number = result.source.split("/")[-1]
        with (shared / AFRICA / number).open() as file:
            (mean,) = (row for row in csv.DictReader(file) if row[""] == "mean")
        for metric, by_region in result.values.items():
            for region, value in by_region.items():
                digits = len(str(value).split(".")[1])
                assert round(float(mean[f"{metric}_{region}"]), digits) == value


def test_results_of_a_challenge_stand_beside_its_editions_of_every_year() -> None:
    africa = published_beside("ssa-2023")
    assert {result.edition for result in africa} == {"ssa-2024", "ssa-2025"}
    assert africa[0].values["LesionWise_Dice"] == {"ET": 0.870, "TC": 0.865, "WT": 0.926}
    assert [result.team for result in published_beside("men-2025")] == ["NVAUTO"]
    assert published_beside("men-rt-2025") == ()  # another challenge
