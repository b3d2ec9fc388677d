"""The real clients of other people's harnesses, unmodified, run the image and get their answers."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import docker
import pytest
import yaml

from bratseval.files.cases import find_cases
from container.answers import assert_answered, assert_on_grid_of, names
from container.running import LONGEST_SECONDS, docker_run
from factories.places import ROOT

# brats 0.1.14, data/meta/africa.yml: algorithms that it allows on a CPU; each year's way of calling a container.
BRATS_2025 = ("BraTS25_1", "brainles/brats25_ssa_spark_neuro:latest")
BRATS_MLCUBE = ("BraTS24_2", "brainles/brats24_africa_cuhk_rpai:latest")


def test_the_mlcube_client_runs_mlcube_yaml(
    submission: str, cases: Path, clients: Path, output: Path, tmp_path: Path
) -> None:
    line = [str(clients / "mlcube"), "run", f"--mlcube={ROOT / 'mlcube'}", "--task=infer", "--platform=docker"]
    line += [f"data_path={cases}", f"output_path={output}"]
    environment = {**os.environ, "HOME": str(tmp_path)}  # where the client keeps its settings
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert_answered(cases, output)
    # the answers belong to whoever ran the client
    assert {path.stat().st_uid for path in output.iterdir()} == {os.getuid()}


def test_medperfs_volumes(submission: str, cases: Path, output: Path, tmp_path: Path) -> None:
    task = yaml.safe_load((ROOT / "mlcube" / "container_config.yaml").read_text())["tasks"]["infer"]
    (tmp_path / "additional_files").mkdir()
    places = {
        "data_path": cases,
        "parameters_file": ROOT / "mlcube" / "workspace" / "parameters.yaml",
        "additional_files": tmp_path / "additional_files",
        "output_path": output,
    }
    volumes = []
    for kind, mode in (("input_volumes", "ro"), ("output_volumes", "rw")):
        for name, volume in task[kind].items():
            volumes += ["--volume", f"{places.pop(name)}:{volume['mount_path']}:{mode}"]
    assert not places
    # medperf 0.3, `docker run` as it builds the line
    docker_run("-u", "12345:12345", *volumes, "--network", "none", submission)
    assert_answered(cases, output)


INFER = """
import sys
from pathlib import Path
from brats import AfricaSegmenter
from brats.constants import AfricaAlgorithms
algorithm, mode, data, output = sys.argv[1:]
segmenter = AfricaSegmenter(algorithm=AfricaAlgorithms[algorithm], force_cpu=True)
if mode == "batch":
    segmenter.infer_batch(data_folder=Path(data), output_folder=Path(output))
else:
    images = {m: next(Path(data).glob(f"*-{m}.nii.gz")) for m in ("t1n", "t1c", "t2w", "t2f")}
    segmenter.infer_single(**images, output_file=Path(output))
"""


@pytest.fixture(params=[BRATS_2025, BRATS_MLCUBE], ids=lambda entry: entry[0])
def infer(
    request: pytest.FixtureRequest, engine: docker.DockerClient, submission: str, clients: Path, tmp_path: Path
) -> Callable[[str, Path, Path], None]:
    """Runs the brats package with our image under the name of an algorithm in its registry."""
    algorithm, name = request.param
    assert engine.images.get(submission).tag(*name.split(":"))

    def run(mode: str, data: Path, output: Path) -> None:
        line = [str(clients / "python"), "-c", INFER, algorithm, mode, str(data), str(output)]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]

    return run


def test_the_brats_package_segments_a_folder(
    infer: Callable[[str, Path, Path], None], cases: Path, output: Path, tmp_path: Path
) -> None:
    # it takes folders that start with BraTS, and names its results after them
    infer("batch", cases, output)
    assert names(output) == [f"{case.id}.nii.gz" for case in find_cases(cases).cases]
    for case in find_cases(cases).cases:
        assert_on_grid_of(case.images["t1c"], output / f"{case.id}.nii.gz")


def test_the_brats_package_segments_one_case(
    infer: Callable[[str, Path, Path], None], cases: Path, output: Path
) -> None:
    case = find_cases(cases).cases[0]
    infer("single", case.images["t1c"].parent, output / "one.nii.gz")
    assert_on_grid_of(case.images["t1c"], output / "one.nii.gz")


def test_the_two_descriptions_name_the_image_that_is_built(submission: str) -> None:
    for name in ("mlcube.yaml", "container_config.yaml"):
        assert re.search(rf"image: {submission}$", (ROOT / "mlcube" / name).read_text(), re.M)
