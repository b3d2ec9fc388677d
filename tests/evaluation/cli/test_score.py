"""bratseval score: exit codes, what is printed, and the official numbers through the installed program."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from bratseval.cli import main
from factories.submissions import CUBE, OTHER, write_prediction, write_reference

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
    printed = capsys.readouterr()
    assert "[1/2] 'BraTS-SSA-00001-000': LesionWise_Dice: WT 1.000, TC 1.000, ET 1.000" in printed.err
    assert "[2/2] 'BraTS-SSA-00002-000'" in printed.err
    assert "BraTS 2023 Africa (ssa-2023): mean of 2 cases\n" in printed.out
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
    printed = capsys.readouterr()
    assert "'BraTS-SSA-00001-000': failed: has no prediction" in printed.err
    assert "2 cases failed, scored with the worst values: BraTS-SSA-00001-000, BraTS-SSA-00002-000" in printed.err
    assert f"{second}: is named .gz but is not gzip data" in printed.err
    assert "BraTS-SSA-00009-000.nii.gz: belongs to no case" in printed.err
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
    assert ", which is read. Choose another output folder." in capsys.readouterr().err
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
    printed = capsys.readouterr().err
    assert "cannot be written" in printed
    assert "[1/2]" not in printed


def test_a_full_disk_is_4(two_cases: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert main(line(two_cases)) == 4
    assert f"{two_cases / 'out'}: No space left on device" in capsys.readouterr().err


def test_a_terminal_gets_a_bar_and_words_only_for_what_is_wrong(two_cases: Path) -> None:
    sorted((two_cases / "predictions").iterdir())[0].unlink()
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    running = subprocess.Popen([*PROGRAM, *line(two_cases)], stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    printed = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not block:
            break
        printed += block
    os.close(ours)
    assert running.wait(timeout=600) == 1
    assert b"2/2 [" in printed
    assert b"'BraTS-SSA-00001-000': failed" in printed
    assert b"'BraTS-SSA-00002-000'" not in printed


def test_only_some_cases_and_some_regions(two_cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    only = ["--only", "BraTS-SSA-00002-000", "--regions", "WT", "ET"]
    assert main(line(two_cases, *only)) == 0
    printed = capsys.readouterr()
    assert "ssa-2023): 1 case\n" in printed.out
    assert "belongs to no case" not in printed.err
    with (two_cases / "out" / "cases.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["scan_id"] == "BraTS-SSA-00002-000"
    assert [name for name in row if name.startswith("Dice_")] == ["Dice_ET", "Dice_WT"]


@pytest.mark.parametrize(
    ("more", "code", "printed"),
    [
        (["--only", "BraTS-SSA-00009-000"], 3, "contains no case BraTS-SSA-00009-000. Check --only."),
        (
            ["--regions", "WT", "RC"],
            2,
            "ssa-2023 has no region RC, expected some of WT, TC, ET. Check them.",
        ),
    ],
)
def test_cases_and_regions_that_are_not_there_are_named(
    two_cases: Path, more: list[str], code: int, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line(two_cases, *more)) == code
    assert printed in capsys.readouterr().err
    assert not (two_cases / "out").exists()


def test_legacy_labels_are_an_explicit_choice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_reference(tmp_path, "A")
    write_prediction(tmp_path, "A", (4, 8, 4, 8, 4, 8, 4))
    assert main(line(tmp_path)) == 0
    printed = capsys.readouterr()
    assert "value 4 is no label of ssa-2023; scored as background" in printed.err
    assert "1 case with warnings, see cases.csv: A" in printed.err
    assert [text.split()[1] for text in printed.out.splitlines() if text.startswith("LesionWise_Dice")] == ["0.0000"]
    assert main(line(tmp_path, "--labels", "legacy")) == 0
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["labels"] == "legacy"
    (dice,) = [text for text in capsys.readouterr().out.splitlines() if text.startswith("LesionWise_Dice")]
    assert dice.split()[1:] == ["1.0000", "1.0000", "1.0000"]


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
def test_an_archive_scores_what_its_folder_scores(two_cases: Path, kind: str) -> None:
    assert main(line(two_cases)) == 0
    archive = shutil.make_archive(str(two_cases / "packed"), kind, two_cases, "predictions")
    assert main([*line(two_cases)[:1], archive, *line(two_cases, "-o", str(two_cases / "again"))[2:]]) == 0
    assert (two_cases / "out" / "cases.csv").read_bytes() == (two_cases / "again" / "cases.csv").read_bytes()
    ours = json.loads((two_cases / "again" / "scores.json").read_text())["cases"][0]["sha256"]
    assert f"{archive}:predictions/BraTS-SSA-00001-000.nii.gz" in ours


def test_what_is_wrong_inside_an_archive_is_called_by_its_place_there(
    two_cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = sorted((two_cases / "predictions").iterdir())[0]
    broken.write_bytes(broken.read_bytes()[:-9])
    archive = shutil.make_archive(str(two_cases / "packed"), "zip", two_cases, "predictions")
    assert main([*line(two_cases)[:1], archive, *line(two_cases)[2:]]) == 1
    assert f"{archive}:predictions/{broken.name}: the gzip data is cut short" in capsys.readouterr().err


def test_an_escape_sequence_in_a_name_does_not_reach_the_terminal(
    two_cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_prediction(two_cases, "\x1b[2Jgone")
    assert main(line(two_cases)) == 0
    printed = capsys.readouterr().err
    assert "\\x1b[2Jgone.nii.gz: belongs to no case" in printed
    assert "\x1b" not in printed


def test_lesions_that_one_prediction_misses_are_in_the_means(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_reference(tmp_path, "A", CUBE, OTHER)
    write_prediction(tmp_path, "A", CUBE)
    assert main(line(tmp_path)) == 0
    (dice,) = [text for text in capsys.readouterr().out.splitlines() if text.startswith("LesionWise_Dice")]
    assert dice.split()[1:] == ["0.5000", "0.5000", "0.5000"]


def test_help_loads_nothing_that_takes_time() -> None:
    heavy = {"numpy", "scipy", "nibabel", "cc3d", "tqdm", "pandas", "torch"}
    code = (
        f"import sys; from bratseval.cli import main\ntry: main(['--help'])\nfinally: print({heavy} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.endswith("set()\n")
    assert "evaluate" in done.stdout


def test_the_editions_and_their_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["editions"]) == 0
    assert "ssa-2023" in capsys.readouterr().out
    assert main(["editions", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)["ssa-2023"]
    assert printed["regions"]["ET"] == {**printed["regions"]["ET"], "labels": [3], "merge_steps": 3, "small_mm3": 50.0}
    assert printed["sources"]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_writes_nothing_and_leaves_no_process(two_cases: Path, sent: signal.Signals, code: int) -> None:
    for number in range(10, 400):
        name = f"BraTS-SSA-{number:05d}-000"
        (two_cases / "references" / name).mkdir()
        for place, end in ((f"references/{name}", "-seg"), ("predictions", "")):
            source = two_cases / place.replace(name, "BraTS-SSA-00001-000") / f"BraTS-SSA-00001-000{end}.nii.gz"
            (two_cases / place / f"{name}{end}.nii.gz").hardlink_to(source)
    running = subprocess.Popen(
        [*PROGRAM, *line(two_cases, "--jobs", "2")],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        # what a shell starts in the background ignores SIGINT, and so would this
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert running.stderr is not None
    assert running.stderr.readline().startswith("[1/392]")
    running.send_signal(sent)
    _, rest = running.communicate(timeout=600)  # ends when every process that holds the pipe has ended
    assert running.returncode == code
    assert "Traceback" not in rest
    assert "[392/392]" not in rest
    assert not (two_cases / "out").exists()


def two_files(root: Path, *more: str) -> list[str]:
    """The line that scores the prediction of case 1 against its reference, each a file."""
    case = "BraTS-SSA-00001-000"
    prediction, reference = root / "predictions" / f"{case}.nii.gz", root / "references" / case / f"{case}-seg.nii.gz"
    return ["score", str(prediction), str(reference), "--edition", "ssa-2023", *more]


def test_two_files_print_the_table_and_need_no_output(two_cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(two_files(two_cases)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "BraTS 2023 Africa (ssa-2023): 1 case"
    assert lines[2].split() == ["LesionWise_Dice", "1.0000", "1.0000", "1.0000"]
    assert not any("written to" in text for text in lines)


def test_two_files_write_the_same_tables_where_asked(two_cases: Path) -> None:
    assert main(two_files(two_cases, "-o", str(two_cases / "of_files"))) == 0
    assert main(line(two_cases, "--only", "BraTS-SSA-00001-000")) == 0
    of_files, of_folders = (json.loads((two_cases / name / "scores.json").read_text()) for name in ("of_files", "out"))
    assert of_files == of_folders


def test_an_unreadable_prediction_file_scores_the_worst_and_says_why(
    two_cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (two_cases / "predictions" / "BraTS-SSA-00001-000.nii.gz").write_bytes(b"no gzip")
    assert main(two_files(two_cases)) == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0] == "BraTS 2023 Africa (ssa-2023): 1 case, which failed and scores the worst values"
    assert "BraTS-SSA-00001-000.nii.gz: " in shown.err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda words: [words[0], str(Path(words[1]).parent), *words[2:]], "is not a .nii.gz file"),
        (lambda words: [*words, "--only", "BraTS-SSA-00001-000"], "got two files"),
    ],
)
def test_a_file_beside_a_folder_is_a_usage_error(
    two_cases: Path, change: Callable[[list[str]], list[str]], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(change(two_files(two_cases))) == 2
    assert message in capsys.readouterr().err


def test_two_folders_need_an_output(two_cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [str(two_cases / "predictions"), str(two_cases / "references")]
    assert main(["score", *folders, "--edition", "ssa-2023"]) == 2
    assert "-o: is missing" in capsys.readouterr().err
