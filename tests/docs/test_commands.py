"""Every command in README and docs runs as printed, or is listed here with the reason why not, and parses."""

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from bratseg import cli as segmenter
from bratseg.phantoms import make_phantom, write_phantom
from bratseg.phantoms.mistakes import mistaken
from bratseg.weights.folder import default_weights
from bratseval import cli as evaluator
from bratseval.challenge import edition
from bratseval.challenge.metrics import platform_names
from bratseval.files.nifti import grid_of, read_labels, write_labels
from factories.places import ROOT

PAGES: Final = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "weights" / "README.md",
    ROOT / "tests" / "golden" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
CASE: Final = "BraTS-SSA-00001-000"
# Commands that are not run here, and why. Each still has to parse, or to name a target or a file that there is.
NOT_RUN: Final = {
    r"make ": "CI runs the targets",
    r"pytest ": "a test does not run the tests; their paths are looked up",
    r"(source|\.) \.venv/bin/activate": "an environment for people",
    r"pip install ": "tests/installation/test_wheel.py installs the wheel in fresh environments",
    r"docker |apptainer |mlcube |medperf ": "tests/container runs the images where a container engine is running",
    r"rm -r weights ": "replaces the project's own weights, and builds an image",
    r"bratseval .*\bdemo/": "tests/segmentation/demo/test_one_case.py runs them on the demonstration's folder",
    r"bratseg infer .*--device cuda": "needs a second GPU",
    r"bratseg (folds|tune) |bratseg weights pack |bratseg train \w+\.toml": (
        "tests/segmentation/demo/test_campaign.py runs all stages with tiny networks"
    ),
    r"bratseg weights convert ": "needs trained checkpoints; tests/segmentation/weights converts small ones",
    r"bratseg weights (train|fit) ": "takes an hour; tests/segmentation/demo trains for seconds",
}


@dataclass(frozen=True)
class Command:
    """One command of a page, on one line and without its comment."""

    page: str
    text: str

    @property
    def is_ours(self) -> bool:
        return self.text.startswith(("bratseg ", "bratseval "))

    @property
    def reason(self) -> str | None:
        """Why it is not run; None where it is."""
        return next((why for pattern, why in NOT_RUN.items() if re.match(pattern, self.text)), None)

    @property
    def words(self) -> list[str]:
        """As a shell splits it, without what the shell itself does."""
        return shlex.split(re.sub(r"\$\([^)]*\)", "x", self.text.split(" > ")[0]))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def commands(page: Path) -> Iterator[Command]:
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            text = re.sub(r"(^|\s+)#.*", "", line).strip()
            if text:
                yield Command(str(page.relative_to(ROOT)), " ".join(text.split()))


COMMANDS: Final = [command for page in PAGES for command in commands(page)]


def test_there_are_commands_on_the_pages() -> None:
    assert len(COMMANDS) > 60


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.is_ours], ids=lambda one: f"{one.page}: {one.text}")
def test_it_is_understood(command: Command) -> None:
    program, *words = command.words
    parser = {"bratseg": segmenter, "bratseval": evaluator}[program]._parser()
    assert callable(parser.parse_args(words).command)


def test_a_command_with_an_option_that_is_not_there_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        evaluator._parser().parse_args(Command("", "bratseval rank --leaderboard board.db --fantasy").words[1:])
    assert "--fantasy" in capsys.readouterr().err


def test_every_reason_not_to_run_is_still_one() -> None:
    assert [why for pattern, why in NOT_RUN.items() if not any(re.match(pattern, one.text) for one in COMMANDS)] == []
    named = re.findall(r"tests/[\w/.]+\w", " ".join(NOT_RUN.values()))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_target_that_is_named_is_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = {one.text.split()[1] for one in COMMANDS if one.text.startswith("make ")}
    assert {target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


def test_every_test_that_is_named_is_there() -> None:
    paths = {one.text.split()[1] for one in COMMANDS if one.text.startswith("pytest ")}
    assert {path for path in paths if not (ROOT / path).exists()} == set()


def test_what_is_neither_ours_nor_listed_is_not_on_a_page() -> None:
    # `python tests/golden/build.py` and the like may be run; anything else would be run unseen
    assert [one for one in COMMANDS if one.reason is None and not one.is_ours] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the pages' commands name: a phantom as CASES, predictions, scores, leaderboards, weights."""
    folder = tmp_path_factory.mktemp("scene")
    case = write_phantom(folder / "CASES", CASE, make_phantom(1))
    reference = case / f"{CASE}-seg.nii.gz"
    (folder / "REFERENCES").mkdir()
    shutil.copy(reference, folder / "REFERENCES" / reference.name)
    labels = read_labels(reference)
    for name, seed in (("PREDICTIONS", 1), ("others", 2)):
        (folder / name).mkdir()
        grid = grid_of(labels.grid.shape, labels.grid.affine)
        write_labels(folder / name / f"{CASE}.nii.gz", mistaken(labels.voxels, seed, blobs=2), grid)
    shutil.copy(folder / "PREDICTIONS" / f"{CASE}.nii.gz", folder / "PRED.nii.gz")
    shutil.copy(reference, folder / "REF.nii.gz")
    (folder / "data").mkdir()
    for link, target in (("cases", "CASES"), ("data/validation", "../CASES"), ("data/held-out", "../REFERENCES")):
        (folder / link).symlink_to(target)
    (folder / "africa-weights").symlink_to(default_weights())
    for predictions, names in (("PREDICTIONS", ("A", "OURS", "OUT")), ("others", ("B", "THEIRS"))):
        for name in names:
            _run(folder, f"bratseval score {predictions} REFERENCES --edition ssa-2024 -o {name}")
    _run(folder, "bratseval score PREDICTIONS REFERENCES --edition ssa-2025 -o platform")
    _keep_official_columns(folder / "platform" / "cases.csv", folder / "all_scores.csv")
    for board in ("board.db", "board.sqlite"):
        for scores, entry in (("A", "RUN"), ("B", "OTHER")):
            _run(folder, f"bratseval leaderboard add {scores}/scores.json --name TEAM/{entry} --leaderboard {board}")
    return folder


def _keep_official_columns(cases: Path, output: Path) -> None:
    """A platform's file of ssa-2025 from our cases.csv."""
    official = set(platform_names(edition("ssa-2025")).values())
    with cases.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.reader(opened))
    kept = [i for i, name in enumerate(rows[0]) if name == "scan_id" or name.rpartition("_")[0] in official]
    with output.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([[row[i] for i in kept] for row in rows])


def _run(folder: Path, line: str) -> str:
    """Run one line in a shell that knows both programs."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name in ("bratseg", "bratseval"):
        (programs / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {name}.cli "$@"\n')
        (programs / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    words = ["bash", "-c", line]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow  # segments a phantom of BraTS's size several times
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_its_commands_run_in_their_order(page: Path, made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scene"
    shutil.copytree(made, folder, symlinks=True)
    for command in commands(page):
        if command.reason is None:
            _run(folder, command.text)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_its_lines_of_python_run(page: Path, made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scene"
    shutil.copytree(made, folder, symlinks=True)
    for number, block in enumerate(blocks(page, "python")):
        (folder / f"block_{number}.py").write_text(block, encoding="utf-8")
        _run(folder, f"{shlex.quote(sys.executable)} block_{number}.py")
