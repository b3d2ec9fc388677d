"""What the programs write stays as it was in 0.1.0, before the rooms: every key, column, value and flag."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from factories.places import GOLDEN

BEFORE = GOLDEN / "outputs_0_1"
FILES = sorted(str(path.relative_to(BEFORE)) for path in BEFORE.rglob("*") if path.is_file())
# What is meant to differ, by file: the lines of 0.1.0 and today's. The ledger in tests/golden/README.md says why.
CHANGED = {
    "ranking.json": (
        """lesion-wise DSC (2025)",
    "arXiv 1811.02629 (ranks by case; the tool of the organisers until 2025)",
    "BraTS-Africa 2023""",
        """lesion-wise DSC (2025)",
    "arXiv 1811.02629 (ranks by case; the tool of the organisers until 2025)",
    "not stated for this edition: missing values as in BraTS-Africa 2023""",
    )
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs")
    subprocess.run([sys.executable, str(GOLDEN / "record_outputs.py"), str(folder)], check=True)
    return folder


@pytest.mark.parametrize("name", [name for name in FILES if name != "flags.json"])
def test_every_value_is_written_as_before(outputs: Path, name: str) -> None:
    # as text: also the order of keys and columns, and the last digit of every number
    before, after = CHANGED.get(name, ("", ""))
    recorded = (BEFORE / name).read_text()
    assert before in recorded
    assert (outputs / name).read_text() == recorded.replace(before, after)


def test_every_flag_of_before_is_still_taken(outputs: Path) -> None:
    lost = missing(*(json.loads((folder / "flags.json").read_text()) for folder in (BEFORE, outputs)))
    assert lost == []


def missing(before: dict[str, Any], today: dict[str, Any], place: str = "") -> list[str]:
    """The commands, arguments and choices of before that there are no more."""
    if "arguments" not in before:
        return [lost for name in before for lost in missing(before[name], today[name], name)]
    lost = [f"{place} {name}" for name in before["arguments"] if name not in today["arguments"]]
    for name, choices in before["arguments"].items():
        lost += [f"{place} {name} {choice}" for choice in choices if choice not in today["arguments"].get(name, [])]
    for name, command in before["commands"].items():
        if name not in today["commands"]:
            lost.append(f"{place} {name}")
        else:
            lost += missing(command, today["commands"][name], f"{place} {name}")
    return lost


def test_a_lost_flag_is_seen() -> None:
    before = {
        "bratseval": {"arguments": {"-h": []}, "commands": {"score": {"arguments": {"-o": ["a"]}, "commands": {}}}}
    }
    today = {"bratseval": {"arguments": {}, "commands": {"score": {"arguments": {"-o": []}, "commands": {}}}}}
    assert missing(before, today) == ["bratseval -h", "bratseval score -o a"]
