"""Fresh Python environments outside the checkout, and what runs in them."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from factories.places import ROOT

_UNREACHED = ("Temporary failure in name resolution", "Failed to establish a new connection")


@dataclass(frozen=True)
class Environment:
    """An environment in `folder`/env; its programs run in `folder` and see nothing of the checkout."""

    folder: Path

    @property
    def site_packages(self) -> Path:
        (found,) = (self.folder / "env" / "lib").glob("python3*/site-packages")
        return found

    def program(self, name: str) -> Path:
        return self.folder / "env" / "bin" / name

    def run(self, program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        command = [str(self.program(program)), *map(str, arguments)]
        return subprocess.run(command, cwd=self.folder, env=kept, capture_output=True, text=True, check=False)

    def borrow(self, site_packages: Path) -> None:
        """Import from another environment what this one lacks."""
        (self.site_packages / "borrowed.pth").write_text(f"{site_packages}\n")

    def install(self, *wanted: object) -> None:
        """Install by plain pip in the versions that the lock pins; skips where no package index is reached."""
        pins = self.folder / "pins.txt"
        pins.write_text("\n".join(re.findall(r"^[a-z0-9][^\\\n]*", (ROOT / "locks" / "dev.txt").read_text(), re.M)))
        done = self.run("python", "-m", "pip", "install", "--disable-pip-version-check", "-q", "-c", pins, *wanted)
        if any(sign in done.stderr for sign in _UNREACHED):
            pytest.skip("no package index is reached")
        assert done.returncode == 0, done.stderr


def new_environment(folder: Path, python: str) -> Environment:
    subprocess.run([python, "-m", "venv", str(folder / "env")], check=True, capture_output=True)
    return Environment(folder)


def find_python(version: str) -> str | None:
    """A Python of a version such as 3.12: the one that runs the tests, one on the path, or one of pyenv's."""
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for python in (sys.executable, shutil.which(f"python{version}"), *map(str, pyenv)):
        if python and _version_of(python) == version:
            return python
    return None


def _version_of(python: str) -> str:
    code = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=False).stdout.strip()
