"""bratseval score: exit codes, what is told, and the official numbers through the installed program."""

import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from bratseval.cli import main
from made_submissions import CUBE, OTHER, write_prediction, write_reference
from test_golden_2023 import edition_name

PROGRAM = [sys.executable, "-m", "bratseval.cli"]


def line(root: Path, *more: str) -> list[str]:
    folders = [str(root / "predictions"), str(root / "references")]
    return ["score", *folders, "--edition", "ssa-2023", "-o", str(root / "out"), *more]


@pytest.fixture
def two_cases(tmp_path: Path) -> Path:
    for name in ("BraTS-SSA-00001-000", "BraTS-SSA-00002-000"):
        write_reference(tmp_path, name)
        write_prediction(tmp_path, name)
    return tmp_path


def test_all_cases_scored_is_0_with_a_line_for_each(two_cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line(two_cases)) == 0
    told = capsys.readouterr()
    assert "[1/2] 'BraTS-SSA-00001-000': LesionWise_Dice: WT 1.000, TC 1.000, ET 1.000" in told.err
    assert "[2/2] 'BraTS-SSA-00002-000'" in told.err
    assert "BraTS 2023 Africa (ssa-2023): mean of 2 cases, 0 of them failed" in told.out
    assert (two_cases / "out" / "cases.csv").exists()


def test_a_missing_and_an_unreadable_prediction_are_1_and_named(
    two_cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = sorted((two_cases / "predictions").iterdir())
    first.unlink()
    second.write_bytes(b"not gzip")
    write_reference(two_cases, "BraTS-SSA-00003-000")
    write_prediction(two_cases, "BraTS-SSA-00003-000")
    write_prediction(two_cases, "BraTS-SSA-00009-000")
    assert main(line(two_cases)) == 1
    told = capsys.readouterr()
    assert "BraTS-SSA-00001-000: has no prediction" in told.err
    assert "2 failed and have the worst values: BraTS-SSA-00001-000, BraTS-SSA-00002-000" in told.err
    assert f"{second}: is named .gz but is not gzip data" in told.err
    assert "BraTS-SSA-00009-000.nii.gz: answers no case" in told.err
    with (two_cases / "out" / "cases.csv").open() as file:
        assert [row["LesionWise_Dice_WT"] for row in csv.DictReader(file)] == ["0.0", "0.0", "1.0"]


@pytest.mark.parametrize(
    "more", [["--edition", "ssa-1999"], ["--no-such"], []], ids=["edition", "option", "no arguments"]
)
def test_usage_is_2(two_cases: Path, more: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main([*line(two_cases), *more] if more else [])
    assert refused.value.code == 2
    assert not (two_cases / "out").exists()


@pytest.mark.parametrize("where", ["predictions", "references"])
def test_an_output_within_what_is_read_is_2(two_cases: Path, where: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line(two_cases, "-o", str(two_cases / where / "out"))) == 2
    assert "lies in a folder that is read" in capsys.readouterr().err
    assert not (two_cases / where / "out").exists()


def test_a_corrupt_reference_is_3_named_and_nothing_is_written(
    two_cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = sorted((two_cases / "references").rglob("*.nii.gz"))[1]
    broken.write_bytes(broken.read_bytes()[:-9])
    assert main(line(two_cases)) == 3
    assert f"{broken}: the gzip data is cut short" in capsys.readouterr().err
    assert not (two_cases / "out").exists()


@pytest.mark.parametrize("where", ["predictions", "references"])
def test_a_folder_that_is_not_there_is_3(two_cases: Path, where: str) -> None:
    shutil.rmtree(two_cases / where)
    assert main(line(two_cases)) == 3
    assert not (two_cases / "out").exists()


def test_an_output_that_is_a_file_is_4_before_a_case_is_scored(
    two_cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (two_cases / "out").write_text("a file")
    assert main(line(two_cases)) == 4
    told = capsys.readouterr().err
    assert "cannot be written" in told
    assert "[1/2]" not in told


def test_a_full_disk_is_4(two_cases: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "write_text", full)
    assert main(line(two_cases)) == 4
    assert f"{two_cases / 'out'}: cannot be written (No space left on device)" in capsys.readouterr().err


def test_a_terminal_gets_a_bar_and_words_only_for_what_is_wrong(two_cases: Path) -> None:
    sorted((two_cases / "predictions").iterdir())[0].unlink()
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    running = subprocess.Popen([*PROGRAM, *line(two_cases)], stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    told = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not block:
            break
        told += block
    os.close(ours)
    assert running.wait(timeout=60) == 1
    assert b"2/2 [" in told
    assert b"'BraTS-SSA-00001-000': failed" in told
    assert b"'BraTS-SSA-00002-000'" not in told


def test_the_official_numbers_through_the_program(shared: Path, tmp_path: Path) -> None:
    # the numbers of test_golden_2023.py, through files and folders as an organiser runs them
    spec = importlib.util.spec_from_file_location("golden_build", shared / "golden/build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    cases = [
        case for case in json.loads((shared / "golden/official_2023.json").read_text())["cases"] if "expect" in case
    ]
    by_edition: dict[str, dict[str, dict[str, Any]]] = {}
    for case in cases:
        name = edition_name(case["challenge"])
        folder = tmp_path / name
        for side, place in (("pred", "predictions"), ("gt", "references")):
            (folder / place).mkdir(parents=True, exist_ok=True)
            build.write_side(case, side, folder / place / f"{case['name']}.nii.gz")
        by_edition.setdefault(name, {})[case["name"]] = case["expect"]
    real = json.loads((shared / "golden/official_real.json").read_text())["official_2023"]
    for number, case in enumerate(real):
        name = edition_name(case["challenge"])
        for side, place in (("pred", "predictions"), ("gt", "references")):
            shutil.copy(shared / "data/segmentations" / case[side], tmp_path / name / place / f"real-{number}.nii.gz")
        by_edition[name][f"real-{number}"] = case["expect"]
    checked = sum(through_the_program(tmp_path / name, name, expected) for name, expected in by_edition.items())
    assert checked == (46 + 3) * 3 * 10  # cases, regions, values


def through_the_program(folder: Path, name: str, expected: dict[str, dict[str, Any]]) -> int:
    folders = [str(folder / "predictions"), str(folder / "references")]
    done = subprocess.run(
        [*PROGRAM, "score", *folders, "--edition", name, "-o", str(folder / "out")], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    got = {
        case["scan_id"]: case["regions"] for case in json.loads((folder / "out" / "scores.json").read_text())["cases"]
    }
    assert got == expected
    return sum(len(values) for regions in got.values() for values in regions.values())


def test_lesions_that_one_prediction_misses_are_in_the_means(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_reference(tmp_path, "A", CUBE, OTHER)
    write_prediction(tmp_path, "A", CUBE)
    assert main(line(tmp_path)) == 0
    (dice,) = [text for text in capsys.readouterr().out.splitlines() if text.startswith("LesionWise_Dice")]
    assert dice.split()[1:] == ["0.5000", "0.5000", "0.5000"]
