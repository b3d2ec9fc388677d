"""What a fresh machine needs is found out before anything is installed, and told all at once."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from factories.places import ROOT

CHECK = ROOT / "locks" / "check-machine"


def check(python: str, path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(CHECK), python], capture_output=True, text=True, check=False, env={"PATH": path}
    )


def test_a_machine_with_nothing_is_told_everything(tmp_path: Path) -> None:
    done = check("python3.11", str(tmp_path))
    assert done.returncode == 1
    assert "python3.11: not found" in done.stderr
    assert "gcc: not found" in done.stderr
    assert done.stderr.rstrip().endswith("sudo apt-get install python3.11 gcc libc6-dev")


def test_another_python_is_told_its_version(tmp_path: Path) -> None:
    other = tmp_path / "python3.11"
    other.write_text("#!/bin/sh\necho 3.13\n")
    other.chmod(0o755)
    done = check("python3.11", str(tmp_path))
    assert "is Python 3.13, expected 3.11" in done.stderr


@pytest.mark.parametrize("name", ["dev", "submission", "evaluation", "radiomics"])
def test_a_lock_pins_every_package_by_version_and_hash(name: str) -> None:
    text = (ROOT / "locks" / f"{name}.txt").read_text()
    entries = re.findall(r"^([a-z0-9][^\s;]*)(?:[^\n]*)\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.M)
    named = re.findall(r"^[a-z0-9]\S*", text, re.M)
    assert [pin for pin, _ in entries] == named
    assert all("==" in pin for pin in named)


def pins(name: str) -> set[str]:
    return set(re.findall(r"^[a-z0-9]\S*", (ROOT / "locks" / f"{name}.txt").read_text(), re.M))


def test_the_smaller_locks_are_parts_of_the_largest() -> None:
    assert pins("evaluation") <= pins("dev")
    assert pins("submission") <= pins("dev")


def test_no_lock_chooses_a_torch_or_what_does_not_import_beside_its_cpu_build() -> None:
    for name in ("dev", "submission", "evaluation"):
        names = {pin.split("==")[0] for pin in pins(name)}
        assert names.isdisjoint({"torch", "torchvision", "timm", "triton"})
        assert not [pin for pin in names if pin.startswith("nvidia-")]


def test_the_evaluator_installs_without_the_answer() -> None:
    names = {pin.split("==")[0] for pin in pins("evaluation")}
    assert names.isdisjoint({"monai", "safetensors", "nnunetv2", "dynamic-network-architectures", "sympy"})


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {key: names for key, names in project["optional-dependencies"].items() if key != "parity"}
    wanted = {
        re.split(r"[>=<\[; ]", name)[0].lower()
        for name in [*project["dependencies"], *(name for names in extras.values() for name in names)]
    }
    locked = {pin.split("==")[0] for pin in pins("dev") | pins("radiomics")}
    assert wanted - locked == {"torch"}
