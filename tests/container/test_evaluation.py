"""The evaluator's image: `evaluate` as a command, as an MLCube and on MedPerf's volumes, the same results each time."""

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from container.running import LONGEST_SECONDS, docker_run
from factories.places import ROOT
from factories.submissions import CUBE, OTHER, write, write_prediction, write_reference

LOCKED = ("--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
DESCRIPTIONS = ROOT / "mlcube" / "evaluation"


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Three cases: one half found, one without a prediction, one of another shape."""
    for number in (1, 2, 3):
        write_reference(tmp_path, f"BraTS-SSA-0000{number}-000", CUBE, OTHER)
    write_prediction(tmp_path, "BraTS-SSA-00001-000", CUBE)
    write(tmp_path / "predictions" / "BraTS-SSA-00003-000.nii.gz", np.zeros((40, 24, 19), np.uint8))
    (tmp_path / "parameters.yaml").write_text("challenge: BraTS-SSA\nedition: 2024\n")
    return tmp_path


def assert_results(results: Any) -> None:
    assert results["edition"] == "ssa-2024"
    assert results["cases_scored"] == 1
    assert set(results["cases_failed"]) == {"BraTS-SSA-00002-000", "BraTS-SSA-00003-000"}
    # one lesion of two, then two cases of nothing: (0.5 + 0 + 0) / 3
    assert results["mean"]["ET"]["LesionWise_Score_Dice"] == pytest.approx(0.5 / 3)
    assert results["cases"]["BraTS-SSA-00001-000"]["WT"]["Num_FN"] == 1.0


def test_evaluate_in_a_locked_container(evaluation: str, folders: Path, output: Path) -> None:
    volumes = [f"--volume={folders}/predictions:/p:ro", f"--volume={folders}/references:/l:ro"]
    volumes += [f"--volume={folders}/parameters.yaml:/parameters.yaml:ro", f"--volume={output}:/out"]
    task = ["evaluate", "--predictions=/p", "--labels=/l", "--parameters_file=/parameters.yaml"]
    docker_run("--user", "12345", *LOCKED, *volumes, evaluation, *task, "--output_path=/out/results.yaml")
    assert_results(yaml.safe_load((output / "results.yaml").read_text()))


def test_the_mlcube_client_runs_evaluate(
    evaluation: str, clients: Path, folders: Path, output: Path, tmp_path: Path
) -> None:
    line = [str(clients / "mlcube"), "run", f"--mlcube={DESCRIPTIONS}", "--task=evaluate", "--platform=docker"]
    line += [f"predictions={folders / 'predictions'}", f"labels={folders / 'references'}"]
    line += [f"parameters_file={folders / 'parameters.yaml'}", f"output_path={output / 'results.yaml'}"]
    environment = {**os.environ, "HOME": str(tmp_path)}  # where the client keeps its settings
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert_results(yaml.safe_load((output / "results.yaml").read_text()))


def test_medperfs_volumes_of_an_evaluator(evaluation: str, folders: Path, output: Path) -> None:
    task = yaml.safe_load((DESCRIPTIONS / "container_config.yaml").read_text())["tasks"]["evaluate"]
    results = output / "results.yaml"
    results.touch()  # medperf makes the file that it mounts
    results.chmod(0o666)
    places = {
        "predictions": folders / "predictions",
        "labels": folders / "references",
        "parameters_file": folders / "parameters.yaml",
        "results": results,
    }
    volumes = []
    for kind, mode in (("input_volumes", "ro"), ("output_volumes", "rw")):
        for name, volume in task[kind].items():
            volumes += ["--volume", f"{places.pop(name)}:{volume['mount_path']}:{mode}"]
    assert not places
    docker_run("-u", "12345:12345", *volumes, "--network", "none", evaluation, task["run_args"]["command"])
    assert_results(yaml.safe_load(results.read_text()))


def test_the_descriptions_name_the_image_that_is_built(evaluation: str) -> None:
    for name in ("mlcube.yaml", "container_config.yaml"):
        assert f"image: {evaluation}\n" in (DESCRIPTIONS / name).read_text()
