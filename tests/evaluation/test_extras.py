"""Whoever lacks an extra reads one line that names it: before anything is done, and from both programs."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping

import numpy as np
import pytest

from bratseval import extras, score
from bratseval.extras import INFER, PICTURE, REPORT, MissingExtraError, import_errors_named, require
from factories.places import ROOT

# what a program does in an environment without some packages
WITHOUT = """
import importlib, sys
sys.modules.update(dict.fromkeys(sys.argv[2].split(",")))
main = importlib.import_module(sys.argv[1] + ".cli").main
sys.exit(main(sys.argv[3].split()))
"""


def run(program: str, arguments: str, *, without: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT, program, without, arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("program", "arguments", "without", "line"),
    [
        ("bratseg", "infer -i CASES -o OUT", "torch", "bratseg infer: needs torch. Install brats-harness[infer]."),
        ("bratseg", "infer -i CASES -o OUT", "monai", "bratseg infer: needs monai. Install brats-harness[infer]."),
        (
            "bratseg",
            "infer -i CASES -o OUT",
            "torch,monai,dynamic_network_architectures,safetensors",
            "bratseg infer: needs torch, monai, dynamic-network-architectures and safetensors. "
            "Install brats-harness[infer].",
        ),
        ("bratseg", "demo -o OUT", "torch", "bratseg demo: needs torch. Install brats-harness[infer]."),
        (
            "bratseg",
            "folds CASES -o OUT",
            "radiomics,sklearn",
            "bratseg folds: needs pyradiomics and scikit-learn. Install brats-harness[radiomics,train].",
        ),
        ("bratseg", "train FILE", "nnunetv2", "bratseg train: needs nnunetv2. Install brats-harness[train]."),
        ("bratseg", "train FILE", "torch", "bratseg train: needs torch. Install brats-harness[infer]."),
        (
            "bratseg",
            "tune CASES --weights W --splits S -o OUT",
            "SimpleITK,matplotlib",
            "bratseg tune: needs SimpleITK and matplotlib. Install brats-harness[picture,radiomics].",
        ),
        (
            "bratseg",
            "weights convert FOLDER -o OUT --name n --licence l",
            "safetensors",
            "bratseg weights convert: needs safetensors. Install brats-harness[infer].",
        ),
        (
            "bratseg",
            "weights pack CAMPAIGN -o OUT --licence l",
            "torch",
            "bratseg weights pack: needs torch. Install brats-harness[infer].",
        ),
        (
            "bratseg",
            "campaign-demo -o OUT",
            "nnunetv2",
            "bratseg campaign-demo: needs nnunetv2. Install brats-harness[train].",
        ),
        ("bratseval", "report A -o OUT", "jinja2", "bratseval report: needs jinja2. Install brats-harness[report]."),
        (
            "bratseval",
            "report A -o OUT",
            "jinja2,matplotlib",
            "bratseval report: needs jinja2 and matplotlib. Install brats-harness[report].",
        ),
    ],
)
def test_a_missing_extra_is_one_line_and_exit_code_4(program: str, arguments: str, without: str, line: str) -> None:
    done = run(program, arguments, without=without)
    assert (done.returncode, done.stdout, done.stderr) == (4, "", f"{line}\n")


@pytest.mark.parametrize("arguments", ["--version", "info", "train --template", "weights show"])
def test_what_needs_no_network_runs_without_the_extras(arguments: str) -> None:
    done = run("bratseg", arguments, without="torch,monai,safetensors,radiomics,sklearn,nnunetv2,matplotlib,jinja2")
    assert (done.returncode, done.stderr) == (0, "")


def test_everything_that_is_missing_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"^needs jinja2 and matplotlib\. Install brats-harness\[report\]\.$"):
        require(REPORT)
    with pytest.raises(MissingExtraError, match=r"and matplotlib\. Install brats-harness\[infer,picture\]\.$"):
        require(INFER, PICTURE)


def test_scores_without_pandas_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[2:5, 2:5, 2:5] = 3
    scores = score(labels, labels, "ssa-2024", spacing_mm=(1, 1, 1))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"^needs pandas\. Install brats-harness\[table\]\.$"):
        scores.to_frame()


def test_a_package_that_is_installed_and_broken_is_named_with_what_it_says() -> None:
    with (
        pytest.raises(MissingExtraError, match=r"^needs torch, which can't be loaded \(libcudart\.so\.13: .*\[infer\]"),
        import_errors_named(),
    ):
        raise ImportError("libcudart.so.13: cannot open shared object file", name="torch._C")


def test_an_import_error_of_our_own_keeps_its_traceback() -> None:
    with pytest.raises(ImportError, match="cannot import name"), import_errors_named():
        raise ImportError("cannot import name 'a' from 'bratseg.models'", name="bratseg.models")


@pytest.mark.parametrize(
    "packages",
    [extras.TABLE, extras.PICTURE, extras.REPORT, extras.INFER, extras.RADIOMICS, extras.TRAINING, extras.CLUSTERING],
    ids=lambda packages: "-".join(packages),
)
def test_the_extra_that_is_named_brings_the_package(packages: Mapping[str, str]) -> None:
    offered = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    distributions = {"radiomics": "pyradiomics-bhklab", "sklearn": "scikit-learn"}
    for package, extra in packages.items():
        names = {re.split(r"[>=<\[; ]", one)[0].lower().replace("-", "_") for one in offered[extra]}
        assert distributions.get(package, package).lower().replace("-", "_") in names
