"""The command line: exit codes, what it refuses, what it prints."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import bratseg.inference.load
from bratseg.cli import main
from bratseg.inference.config import read_config
from bratseg.inference.pipeline import Ensemble
from bratseg.inference.run import Settings
from bratseg.postprocess.clusters import read_clusters
from bratseg.weights.folder import default_weights
from bratseval.errors import InputError
from factories.members import Bright
from factories.places import TESTS


@pytest.fixture(autouse=True)
def _made_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member without a network stands in for the weights, so that these tests see the command line alone."""

    @contextmanager
    def load(*_: object) -> Iterator[tuple[Ensemble, Settings]]:
        yield (
            Ensemble(((Bright(), 1.0),), None, 0.5),
            Settings("made", "0" * 64, mirroring=False, tile_step=0.5, postprocess=True, device="cpu"),
        )

    monkeypatch.setattr(bratseg.inference.load, "load_ensemble", load)


def test_all_cases_done_is_0_and_each_has_its_line(
    tmp_path: Path, make_case: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    make_case("A")
    make_case("B")
    assert main(["infer", "-i", str(tmp_path / "cases"), "-o", str(tmp_path / "out")]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "[1/2] 'A': ok in" in told.err
    assert "[2/2] 'B': ok in" in told.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["A.nii.gz", "B.nii.gz"]


def test_a_run_without_pyradiomics_says_so_once_and_its_report_for_every_case(
    tmp_path: Path, make_case: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clusters = read_clusters(default_weights() / "clusters.json")
    settings = Settings("made", "0" * 64, mirroring=False, tile_step=0.5, postprocess=True, device="cpu")

    @contextmanager
    def load(*_: object) -> Iterator[tuple[Ensemble, Settings]]:
        yield Ensemble(((Bright(), 1.0),), clusters, 0.5), settings

    monkeypatch.setattr(bratseg.inference.load, "load_ensemble", load)
    monkeypatch.setitem(sys.modules, "radiomics", None)
    make_case("A")
    make_case("B")
    report = tmp_path / "run.json"
    line = ["infer", "-i", str(tmp_path / "cases"), "-o", str(tmp_path / "out"), "--report", str(report)]
    assert main(line) == 0
    (said,) = [line for line in capsys.readouterr().err.splitlines() if "pyradiomics" in line]
    assert said.startswith("small components are removed by the global thresholds, not by those of each case's cluster")
    assert said.endswith("Install brats-harness[radiomics].")
    reasons = [case["postprocess"] for case in json.loads(report.read_text())["cases"]]
    assert len(reasons) == 2
    assert all(reason.startswith("global thresholds: pyradiomics can't be loaded") for reason in reasons)


def test_a_bad_case_among_good_ones_is_1_and_named(
    tmp_path: Path, make_case: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    make_case("A")
    (make_case("B") / "B-t1n.nii.gz").unlink()
    report = tmp_path / "run.json"
    line = ["infer", "--input", str(tmp_path / "cases"), "--output", str(tmp_path / "out"), "--report", str(report)]
    assert main(line) == 1
    assert "'B': invalid_input" in capsys.readouterr().err
    assert {case["case"]: case["state"] for case in json.loads(report.read_text())["cases"]} == {
        "A": "ok",
        "B": "invalid_input",
    }


def test_only_bad_cases_or_none_is_3(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    (make_case("B") / "B-t1n.nii.gz").unlink()
    assert main(["infer", "-i", str(tmp_path / "cases"), "-o", str(tmp_path / "out")]) == 3
    (tmp_path / "nothing").mkdir()
    assert main(["infer", "-i", str(tmp_path / "nothing"), "-o", str(tmp_path / "out")]) == 3


def test_mlcubes_names_of_the_arguments_are_understood(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    make_case("A")
    line = ["infer", f"--output_path={tmp_path / 'out'}", f"--data_path={tmp_path / 'cases'}"]
    assert main(line) == 0
    assert (tmp_path / "out" / "A.nii.gz").exists()


def test_one_case_folder_and_four_files_are_inputs_too(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    folder = make_case("A")
    assert main(["infer", "-i", str(folder), "-o", str(tmp_path / "one")]) == 0
    files = [str(path) for path in sorted(folder.iterdir())]
    assert main(["infer", "-i", *files, "-o", str(tmp_path / "four")]) == 0
    assert (tmp_path / "one" / "A.nii.gz").read_bytes() == (tmp_path / "four" / "A.nii.gz").read_bytes()


def test_an_output_within_the_input_is_refused(
    tmp_path: Path, make_case: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    make_case("A")
    assert main(["infer", "-i", str(tmp_path / "cases"), "-o", str(tmp_path / "cases" / "out")]) == 2
    assert "lies in the input folder" in capsys.readouterr().err
    assert not (tmp_path / "cases" / "out").exists()


def test_a_report_within_the_output_is_refused(
    tmp_path: Path, make_case: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    make_case("A")
    out = tmp_path / "out"
    assert main(["infer", "-i", str(tmp_path / "cases"), "-o", str(out), "--report", str(out / "run.json")]) == 2
    assert "holds segmentations and nothing else" in capsys.readouterr().err


def test_an_output_that_is_a_file_is_4(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    make_case("A")
    (tmp_path / "out").write_text("a file")
    assert main(["infer", "-i", str(tmp_path / "cases"), "-o", str(tmp_path / "out")]) == 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mirrorin: true", "the key 'mirrorin' is unknown"),
        ("mirroring: 1", "mirroring is 1, expected bool"),
        ("tile_step: 0", "tile_step is 0"),
        ("- a list", "holds no key and value pairs"),
        ("a: [", "cannot be read as parameters"),
    ],
)
def test_parameters_that_do_not_belong_are_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "parameters.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        read_config(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert told in str(refused.value)


def test_parameters_change_the_numbers_and_an_empty_file_changes_none(tmp_path: Path) -> None:
    path = tmp_path / "parameters.yaml"
    path.write_text("mirroring: true\ntile_step: 1\n")
    assert read_config(path).mirroring is True
    assert read_config(path).tile_step == 1
    path.write_text("# nothing\n")
    assert read_config(path) == read_config()
    # the shares of the paper, arXiv 2412.04111
    assert read_config().shares == {"nnunet": 0.4722, "mednext": 0.5278}


def test_info_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    assert json.loads(capsys.readouterr().out)["brats-harness"]


SLOW_RUN = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in its background ignores it
from pathlib import Path
import bratseg.inference.load
from contextlib import contextmanager
from factories.members import Bright
from bratseg.inference.pipeline import Ensemble
from bratseg.inference.run import Settings

class Slow(Bright):
    def predict(self, patch):
        time.sleep(0.02)
        return super().predict(patch)

@contextmanager
def load(*_):
    settings = Settings("made", "0" * 64, mirroring=False, tile_step=0.5, postprocess=True, device="cpu")
    yield Ensemble(((Slow(), 1.0),), None, 0.5), settings

bratseg.inference.load.load_ensemble = load
from bratseg.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_stopped_run_goes_on_with_resume_where_it_was(
    tmp_path: Path, make_case: Callable[..., Path], sent: signal.Signals, code: int
) -> None:
    for name in ("A", "B", "C"):
        make_case(name)
    out = tmp_path / "out"
    line = ["infer", "-i", str(tmp_path / "cases"), "-o", str(out), "--report", str(tmp_path / "run.json"), "--resume"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    running = subprocess.Popen(
        [sys.executable, "-c", SLOW_RUN, *line], env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not (out / "A.nii.gz").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(sent)
    assert running.wait(timeout=30) == code
    first = (out / "A.nii.gz").stat().st_mtime_ns
    assert not (out / "C.nii.gz").exists()
    assert main(line) == 0
    states = {case["case"]: case["state"] for case in json.loads((tmp_path / "run.json").read_text())["cases"]}
    assert states == {"A": "skipped", "B": "ok", "C": "ok"}
    assert (out / "A.nii.gz").stat().st_mtime_ns == first
    assert sorted(path.name for path in out.iterdir()) == ["A.nii.gz", "B.nii.gz", "C.nii.gz"]
