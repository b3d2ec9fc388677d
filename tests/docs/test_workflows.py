"""Workflows parse, name actions by their major version and run commands that exist; the example for teams works."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from factories.places import ROOT
from factories.submissions import write_prediction, write_reference

EXAMPLE = ROOT / "docs" / "examples" / "score-pull-request.yml"
WORKFLOWS = [*sorted((ROOT / ".github" / "workflows").glob("*.yml")), EXAMPLE]
CASES = ("BraTS-SSA-00001-000", "BraTS-SSA-00002-000")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.stem)
def test_it_parses(path: Path) -> None:
    assert read(path)


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda p: p.stem)
def test_an_issue_form_has_what_the_host_asks_for(path: Path) -> None:
    form = read(path)
    if path.stem != "config":
        assert {"name", "description", "body"} <= set(form)
        names = [part["id"] for part in form["body"] if part["type"] != "markdown"]
        assert len(names) == len(set(names)) > 0


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_named_by_its_major_version(path: Path) -> None:
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used
    assert [name for name in used if not re.fullmatch(r"actions/[\w-]+@v\d+", name)] == []


def test_the_workflow_runs_the_two_commands_of_the_makefile() -> None:
    lines = [step["run"] for step in steps(ROOT / ".github" / "workflows" / "test.yml") if "run" in step]
    targets = [line.split()[1] for line in lines if line.startswith("make ")]
    assert targets == ["test", "test-all"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


@pytest.mark.parametrize(
    ("predicted", "codes"), [(CASES, (0, 0)), (CASES[:1], (1, 1))], ids=["complete", "one missing"]
)
def test_the_example_scores_a_pull_request_and_fails_on_a_missing_case(
    predicted: tuple[str, ...], codes: tuple[int, ...], tmp_path: Path
) -> None:
    for case in CASES:
        write_reference(tmp_path, case)
    for case in predicted:
        write_prediction(tmp_path, case)
    commands = {step["name"]: step["run"] for step in steps(EXAMPLE) if "run" in step}
    program = tmp_path / "bin" / "bratseval"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m bratseval.cli "$@"\n')
    program.chmod(0o755)
    environment = {
        **os.environ,
        **{"PATH": f"{program.parent}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")},
        **{"PREDICTIONS": "predictions", "REFERENCES": "references", "EDITION": "men-2023"},
    }
    for name, code in zip(("Check", "Score"), codes, strict=True):
        done = subprocess.run(["bash", "-e", "-c", commands[name]], cwd=tmp_path, env=environment, check=False)
        assert done.returncode == code
    subprocess.run(["bash", "-e", "-c", commands["Show the scores"]], cwd=tmp_path, env=environment, check=True)
    assert "LesionWise_Dice" in (tmp_path / "summary.md").read_text("utf-8")
    assert (tmp_path / "scores" / "scores.json").is_file()
