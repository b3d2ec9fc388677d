"""What a fresh machine needs is found out before anything is installed, and reported all at once."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from factories.places import ROOT

LOCKS = ROOT / "locks"
CHECK = LOCKS / "check-machine"


def check(python: str, path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(CHECK), python], capture_output=True, text=True, check=False, env={"PATH": path}
    )


def test_a_machine_with_nothing_reads_everything_at_once(tmp_path: Path) -> None:
    done = check("python3.11", str(tmp_path))
    assert done.returncode == 1
    assert "python3.11: not found, expected 3.11, 3.12 or 3.13" in done.stderr
    assert "gcc: not found" in done.stderr
    wanted = "python3.11 python3.11-venv python3.11-dev gcc libc6-dev"
    assert done.stderr.rstrip().endswith(f"sudo apt-get install {wanted}")


@pytest.mark.parametrize("version", ["3.10", "3.14"])
def test_another_python_is_refused_with_its_version(tmp_path: Path, version: str) -> None:
    done = check(str(fake_python(tmp_path, version)), str(tmp_path))
    assert done.returncode == 1
    assert f"is Python {version}, expected 3.11, 3.12 or 3.13" in done.stderr


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_without_a_compiler_everything_but_pyradiomics_can_be_installed(tmp_path: Path, version: str) -> None:
    done = check(str(fake_python(tmp_path, version)), str(tmp_path))
    assert done.returncode == 0
    assert "pyradiomics is left out" in done.stderr
    assert f"sudo apt-get install python{version}-dev gcc libc6-dev && make -B install" in done.stderr


def fake_python(folder: Path, version: str) -> Path:
    """A program that answers every question with its version; nothing is a header."""
    python = folder / "python3"
    python.write_text(f"#!/bin/sh\necho {version}\n")
    python.chmod(0o755)
    return python


@pytest.mark.parametrize("name", ["dev", "submission", "evaluation", "docs", "radiomics"])
def test_a_lock_pins_every_package_by_version_and_hash(name: str) -> None:
    text = (LOCKS / f"{name}.txt").read_text()
    entries = re.findall(r"^([a-z0-9][^\s;]*)(?:[^\n]*)\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.M)
    named = re.findall(r"^[a-z0-9]\S*", text, re.M)
    assert [pin for pin, _ in entries] == named
    assert all("==" in pin for pin in named)


def pins(name: str) -> set[str]:
    return set(re.findall(r"^[a-z0-9]\S*", (LOCKS / f"{name}.txt").read_text(), re.M))


def test_the_smaller_locks_are_parts_of_the_largest() -> None:
    assert pins("evaluation") <= pins("dev")
    assert pins("submission") <= pins("dev")


def test_the_documentation_is_built_beside_what_dev_pins() -> None:
    pinned = dict(pin.split("==") for pin in pins("dev"))
    shared = {name: version for name, version in (pin.split("==") for pin in pins("docs")) if name in pinned}
    assert shared
    assert shared == {name: pinned[name] for name in shared}


def test_no_lock_is_for_one_version_of_python_alone() -> None:
    # a package may be for old versions alone (importlib-resources); no two versions of one package are pinned
    for name in ("dev", "submission", "evaluation", "docs"):
        names = [pin.split("==")[0] for pin in re.findall(r"^[a-z0-9]\S*", (LOCKS / f"{name}.txt").read_text(), re.M)]
        assert len(names) == len(set(names))


def test_no_lock_chooses_a_torch_or_what_does_not_import_beside_its_cpu_build() -> None:
    for name in ("dev", "submission", "evaluation", "docs"):
        names = {pin.split("==")[0] for pin in pins(name)}
        assert names.isdisjoint({"torch", "torchvision", "timm", "triton"})
        assert not [pin for pin in names if pin.startswith("nvidia-")]


def test_the_evaluator_installs_without_the_answer() -> None:
    names = {pin.split("==")[0] for pin in pins("evaluation")}
    assert names.isdisjoint({"monai", "safetensors", "nnunetv2", "dynamic-network-architectures", "sympy"})


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    named = [*project["dependencies"], *(name for names in extras for name in names)]
    wanted = {re.split(r"[>=<\[; ]", name)[0].lower() for name in named}
    locked = {pin.split("==")[0] for pin in pins("dev") | pins("docs") | pins("radiomics")}
    assert wanted - locked == {"torch", "brats-harness"}
