"""The images: how large, how locked up they still run, and what they say when something is wrong."""

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from bratseval.files.cases import find_cases
from container.answers import assert_answered, names
from container.running import docker_run
from factories.places import ROOT

MB = 1000**2
LOCKED = [
    "--network",
    "none",
    "--read-only",
    "--tmpfs",
    "/tmp",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
    "--user",
    "12345:12345",
]


def above_base(engine: docker.DockerClient, tag: str) -> int:
    """Bytes of an image without its base image's."""
    base = re.search(r"^ARG BASE=(\S+)", (ROOT / "Dockerfile").read_text(), re.M)
    assert base is not None
    return int(engine.images.get(tag).attrs["Size"] - engine.images.get(base[1]).attrs["Size"])


def test_the_evaluator_adds_at_most_350_mb_to_its_base(
    engine: docker.DockerClient, evaluation: str, tell: Callable[[str], None]
) -> None:
    added = above_base(engine, evaluation)
    tell(f"evaluation: {added / MB:.0f} MB above its base image")
    assert added <= 350 * MB


def test_the_submission_with_a_cpu_torch_adds_at_most_1600_mb(
    engine: docker.DockerClient, submission: str, tell: Callable[[str], None]
) -> None:
    version = docker_run(*LOCKED, "--entrypoint", "/opt/brats-harness/env/bin/python", submission, "-c",
                         "import torch; print(torch.version.cuda)")  # fmt: skip
    if version.stdout.strip() != "None":
        pytest.skip(f"this image was built with CUDA {version.stdout.strip()}")
    added = above_base(engine, submission)
    tell(f"submission: {added / MB:.0f} MB above its base image")
    assert added <= 1600 * MB


def test_any_user_segments_read_only_without_network_and_capabilities(
    submission: str, cases: Path, output: Path
) -> None:
    done = docker_run(*LOCKED, "-v", f"{cases}:/input:ro", "-v", f"{output}:/output", submission)
    assert_answered(cases, output)
    lines = [line for line in done.stderr.splitlines() if line.startswith("[")]
    assert len(lines) == len(find_cases(cases).cases)  # one line a case, no bar


def test_nothing_but_the_output_and_tmp_is_written(submission: str, cases: Path, output: Path) -> None:
    # no --tmpfs: with a read-only root there is no place at all to write but /output
    locked = [word for word in LOCKED if word not in ("--tmpfs", "/tmp")]
    one = find_cases(cases).cases[0].images["t1c"].parent
    docker_run(*locked, "-v", f"{one}:/input/{one.name}:ro", "-v", f"{output}:/output", submission)
    assert names(output) == [f"{one.name}.nii.gz"]


def test_a_bad_case_is_named_and_the_good_one_finishes(
    submission: str, cases: Path, output: Path, tmp_path: Path
) -> None:
    good = find_cases(cases).cases[0]
    folder = tmp_path / "mixed"
    shutil.copytree(good.images["t1c"].parent, folder / good.id)
    bad = folder / "BraTS-BAD-00001-000"
    bad.mkdir()
    (bad / f"{bad.name}-t1c.nii.gz").write_bytes(good.images["t1c"].read_bytes()[:100_000])
    done = docker_run(*LOCKED, "-v", f"{folder}:/input:ro", "-v", f"{output}:/output", submission, check=False)
    assert done.returncode == 1
    assert "'BraTS-BAD-00001-000': invalid_input: " in done.stderr
    assert "has no t1n and no t2w and no t2f" in done.stderr
    assert names(output) == [f"{good.id}.nii.gz"]


def test_an_output_of_somebody_else_is_4_and_says_whose_it_must_be(submission: str, cases: Path, output: Path) -> None:
    output.chmod(0o755)  # belongs to whoever runs the tests, not to 12345
    done = docker_run(*LOCKED, "-v", f"{cases}:/input:ro", "-v", f"{output}:/output", submission, check=False)
    assert done.returncode == 4
    assert "/output: cannot be written by user 12345" in done.stderr


def test_an_empty_input_is_3(submission: str, output: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    volumes = ["-v", f"{tmp_path / 'empty'}:/input:ro", "-v", f"{output}:/output"]
    done = docker_run(*LOCKED, *volumes, submission, check=False)
    assert done.returncode == 3
    assert "/input: contains no case" in done.stderr


def test_docker_stop_ends_a_run_at_once_and_leaves_no_half_output(
    engine: docker.DockerClient, submission: str, cases: Path, output: Path
) -> None:
    container = engine.containers.run(
        submission, detach=True, network_mode="none", user="12345:12345",
        volumes={str(cases): {"bind": "/input", "mode": "ro"}, str(output): {"bind": "/output", "mode": "rw"}},
    )  # fmt: skip
    try:
        time.sleep(2)  # it is importing torch, or just done with that
        begun = time.monotonic()
        container.kill(signal="SIGTERM")
        code = container.wait(timeout=60)["StatusCode"]
        assert time.monotonic() - begun < 15
        assert code == 128 + signal.SIGTERM
        assert [name for name in names(output) if not name.endswith(".nii.gz")] == []
    finally:
        container.remove(force=True)


def test_the_image_tells_what_is_in_it(submission: str) -> None:
    info = json.loads(docker_run(*LOCKED, submission, "info").stdout)
    assert info["brats-harness"]
    assert info["torch"]
    shown = docker_run(*LOCKED, submission, "weights", "show", "/opt/brats-harness/weights").stdout
    assert "share 0.4722" in shown


def test_the_evaluator_carries_no_torch(evaluation: str) -> None:
    code = "import importlib.util as u, sys; sys.exit(any(u.find_spec(n) for n in ('torch', 'pandas', 'monai')))"
    docker_run(*LOCKED, "--entrypoint", "/opt/brats-harness/env/bin/python", evaluation, "-c", code)
    assert "score" in docker_run(*LOCKED, evaluation, "--help").stdout


def test_everything_in_the_image_is_readable_by_everyone(submission: str) -> None:
    # Apptainer runs as the caller, whoever that is
    code = (
        "import os, stat, sys\n"
        "bad = [os.path.join(d, n) for d, ds, fs in os.walk('/opt/brats-harness') for n in ds + fs\n"
        "       if not os.access(os.path.join(d, n), os.R_OK)]\n"
        "sys.exit(str(bad[:5]) if bad else 0)"
    )
    python = "/opt/brats-harness/env/bin/python"
    assert docker_run(*LOCKED, "--entrypoint", python, submission, "-c", code).returncode == 0


def test_the_callers_python_packages_and_folder_are_not_imported(submission: str, tmp_path: Path) -> None:
    # Apptainer mounts the caller's home and working folder, with whatever packages lie there
    for name in ("numpy", "torch", "bratseg"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('a stranger was imported')")
    site = tmp_path / ".local" / "lib" / "python3.11" / "site-packages"
    shutil.copytree(tmp_path / "numpy", site / "numpy")
    tmp_path.chmod(0o755)
    done = docker_run(
        *LOCKED,
        "-v",
        f"{tmp_path}:/home/caller:ro",
        "-w",
        "/home/caller",
        "-e",
        "HOME=/home/caller",
        submission,
        "info",
    )
    assert json.loads(done.stdout)["numpy"]


@pytest.mark.skipif(shutil.which("apptainer") is None, reason="apptainer is not installed")
def test_apptainer_runs_the_image(submission: str, cases: Path, output: Path, tmp_path: Path) -> None:
    archive, sif = tmp_path / "image.tar", tmp_path / "image.sif"
    for line in (
        ["docker", "save", "-o", str(archive), submission],
        ["apptainer", "build", str(sif), f"docker-archive:{archive}"],
        ["apptainer", "run", "--containall", "--bind", f"{cases}:/input:ro", "--bind", f"{output}:/output", str(sif)],
    ):
        subprocess.run(line, check=True, capture_output=True)
    assert_answered(cases, output)
