"""The evaluate task: parameters in, results out, as MLCube and MedPerf call it."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bratseval.cli import main
from bratseval.errors import InputError
from bratseval.results.medperf import read_flat_yaml, read_parameters, to_yaml
from factories.submissions import CUBE, OTHER, write_prediction, write_reference


def parameters(root: Path, text: str) -> Path:
    path = root / "parameters.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("challenge: BraTS-SSA\nedition: 2024\n", "ssa-2024"),
        ("# One of BraTS-GLI, ...\nchallenge: BraTS-GLI   # adults\nedition: '2023'\n", "gli-2023"),
        ('edition: "met-2023"', "met-2023"),
        ("---\nchallenge: BraTS-PED\nedition: ped-2025", "ped-2025"),
    ],
)
def test_parameters_name_an_edition(tmp_path: Path, text: str, name: str) -> None:
    assert read_parameters(parameters(tmp_path, text)).name == name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("challenge: BraTS-SSA", "names a challenge and no year, expected `edition:` with one of ssa-2023"),
        ("challenge: BraTS-XYZ\nedition: 2023", "xyz-2023: is not an edition"),
        ("challenge: BraTS-SSA\nedition: gli-2023", "the challenge BraTS-SSA and the edition gli-2023"),
        ("edition: 2023", "2023: is not an edition"),
        ("edition: ssa-2023\nthreshold: 0.5", "the key threshold is unknown"),
        ("edition: ssa-2023\nedition: gli-2023", "line 2: gives edition once more, expected each key once"),
        ("edition: [ssa-2023]", "line 1: is no pair of plain texts, expected `key: value`"),
        ("edition: !!python/object:os.system x", "expected `key: value`"),
        ("- ssa-2023", "is no table, expected lines like `key: value`, got a list"),
        ("edition: ", "line 1: is no pair of plain texts"),
        ("? [edition]\n: ssa-2023", "line 1: is no pair of plain texts"),
        ("a: 1\n---\nb: 2", "is not YAML"),
        ("[" * 60_000, "is not YAML"),
        ("", ": is not an edition"),
    ],
)
def test_parameters_that_say_too_little_or_too_much_are_refused(tmp_path: Path, text: str, told: str) -> None:
    path = parameters(tmp_path, text)
    with pytest.raises(InputError) as refused:
        read_parameters(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert told in str(refused.value)


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_parameters_that_cannot_be_read_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "parameters.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="is not YAML" if content else "cannot be read"):
        read_flat_yaml(path)


def test_what_is_written_is_what_a_yaml_reader_reads() -> None:
    content = {
        "numbers": [1, 0.1, 1e-05, 1e22, -2.5e-300, 374.0],
        "undefined": [math.inf, -math.inf],
        "nothing": None,
        "truth": [True, False],
        "empty": [{}, [], ""],
        "text": ["yes", "null", "1.0", ": # - [", 'a "quoted" \\ one', "Zürich 日本 🧠", "two\nlines\t", "\x1b[2J"],
        "key: with # signs": {"deeper": [{"and": {"deeper": 1}}, [2, [3]]]},
    }
    assert yaml.safe_load(to_yaml(content)) == content
    assert math.isnan(yaml.safe_load(to_yaml({"nan": math.nan}))["nan"])


def folders(root: Path) -> list[str]:
    return [f"--predictions={root / 'predictions'}", f"--labels={root / 'references'}"]


def test_the_task_writes_official_keys_means_and_failures(tmp_path: Path) -> None:
    a, b = (f"BraTS-SSA-0000{n}-000" for n in (1, 2))
    write_reference(tmp_path, a, CUBE, OTHER)
    write_prediction(tmp_path, a, CUBE)
    write_reference(tmp_path, b)
    file = parameters(tmp_path, "challenge: BraTS-SSA\nedition: 2023")
    output = tmp_path / "results" / "results.yaml"
    # 0 although a prediction is missing: the platform would throw the results away
    assert main(["evaluate", *folders(tmp_path), f"--parameters_file={file}", f"--output_path={output}"]) == 0
    results = yaml.safe_load(output.read_text())
    assert (results["edition"], results["cases_scored"]) == ("ssa-2023", 1)
    assert results["cases_failed"] == {b: f"{b}: has no prediction, expected {b}.nii.gz. Add the file."}
    assert list(results["cases"][a]) == ["WT", "TC", "ET"]
    # one lesion of two found; nothing of the other case
    assert results["cases"][a]["ET"]["LesionWise_Score_Dice"] == 0.5
    assert results["mean"]["ET"]["LesionWise_Score_Dice"] == 0.25
    assert results["mean"]["ET"]["LesionWise_Score_HD95"] == (374 / 2 + 374) / 2
    assert list(output.parent.iterdir()) == [output]


def test_a_results_file_that_is_mounted_is_written_in_place(tmp_path: Path) -> None:
    write_reference(tmp_path, "A")
    write_prediction(tmp_path, "A")
    file = parameters(tmp_path, "edition: ssa-2023")
    output = tmp_path / "results.yaml"
    output.write_text("")
    inode = output.stat().st_ino
    assert main(["evaluate", *folders(tmp_path), f"--parameters_file={file}", f"--output_path={output}"]) == 0
    assert output.stat().st_ino == inode
    assert yaml.safe_load(output.read_text())["mean"]["WT"]["Legacy_Dice"] == 1.0


@pytest.mark.parametrize(
    ("text", "where", "code"),
    [("challenge: BraTS-SSA", "results.yaml", 3), ("edition: ssa-2023", "references", 4)],
)
def test_bad_parameters_are_3_and_an_output_that_is_a_folder_is_4(
    tmp_path: Path, text: str, where: str, code: int
) -> None:
    write_reference(tmp_path, "A")
    write_prediction(tmp_path, "A")
    file = parameters(tmp_path, text)
    line = ["evaluate", *folders(tmp_path), f"--parameters_file={file}", f"--output_path={tmp_path / where}"]
    assert main(line) == code
    assert not (tmp_path / "results.yaml").exists()


def test_without_arguments_the_volumes_of_medperf_are_read() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bratseval.cli", "evaluate"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert done.stderr.startswith("/mlcommons/volumes/parameters/parameters_file.yaml: cannot be read")
