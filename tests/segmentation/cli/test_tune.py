"""bratseg tune from cases to files, with small networks that really run."""

import csv
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bratseg.cli import main
from bratseg.inference.config import read_config
from bratseg.inference.load import load_ensemble
from bratseg.inference.out_of_fold import FOLDER, read_prediction
from bratseg.postprocess.clusters import read_clusters
from bratseg.tuning.shares import paint_mean
from bratseg.weights.folder import add_member
from factories.campaign import make_cases, make_splits, make_weights

pytest.importorskip("radiomics", reason="the extra `radiomics` is not installed")
pytest.importorskip("sklearn", reason="the extra `train` is not installed")
pytest.importorskip("matplotlib", reason="the extra `picture` is not installed")

CASES = 6
MEMBERS = ("one", "other")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """cases/, weights/, splits_final.json, and out/ as `bratseg tune` left it."""
    folder = tmp_path_factory.mktemp("campaign")
    names = make_cases(folder / "cases", CASES)
    make_splits(folder / "splits_final.json", names, 2)
    make_weights(folder / "weights", MEMBERS, 2)
    before = digests(folder / "weights")
    assert tune(folder, folder / "out") == 0
    assert digests(folder / "weights") == before
    return folder


def tune(folder: Path, output: Path, *more: str) -> int:
    command = ["tune", str(folder / "cases"), "--weights", str(folder / "weights"), "-o", str(output)]
    return main([*command, "--splits", str(folder / "splits_final.json"), "--device", "cpu", *more])


def digests(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def told(campaign: Path) -> dict:  # type: ignore[type-arg]  # JSON
    content: dict = json.loads((campaign / "out" / "tuning.json").read_text())  # type: ignore[type-arg]
    return content


def test_every_case_is_answered_by_the_fold_that_did_not_see_it(campaign: Path) -> None:
    for number in range(CASES):
        for member in MEMBERS:
            beside = campaign / "out" / FOLDER / member / f"BraTS-SSA-{number:05d}-000.json"
            assert json.loads(beside.read_text())["fold"] == f"fold_{number % 2}.safetensors"


def test_answers_are_those_of_inference_with_that_fold_alone(campaign: Path, tmp_path: Path) -> None:
    from bratseg.inference.pipeline import predict_member
    from bratseg.models.torch_engine import load_member
    from bratseval.files.case_images import read_case
    from bratseval.files.cases import find_cases

    case = find_cases(campaign / "cases").cases[1]
    member = load_member(campaign / "weights" / "one", device="cpu", mirroring=False, folds=["fold_1.safetensors"])
    expected = predict_member(read_case(case), member, 0.5, {}, []).astype(np.float16)
    stored = read_prediction(campaign / "out", "one", case.id)
    assert np.array_equal(stored.probabilities, expected)
    assert stored.outputs == member.description.outputs
    assert paint_mean([stored], (1.0,)).any()  # it sees a tumour, so the rest of this file is about something


def test_what_is_written_is_what_inference_reads(campaign: Path) -> None:
    clusters = read_clusters(campaign / "out" / "clusters.json")
    found = told(campaign)
    assert len(found["thresholds"]["clusters"]) == len(clusters.clusters)
    assert sum(cluster.cases for cluster in clusters.clusters) <= CASES
    written = [removal.below_mm3 for removal in clusters.global_thresholds.remove]
    expected = found["thresholds"]["global"]["sizes_mm3"] if found["worth"]["gain"] else [0.0, 0.0, 0.0]
    assert written == expected
    assert sum(found["shares"]["members"].values()) == pytest.approx(1)
    shutil.copytree(campaign / "weights", campaign / "packed", dirs_exist_ok=True)
    with load_ensemble(campaign / "packed", read_config(), "cpu") as (ensemble, _):
        assert len(ensemble.members) == 2


def test_the_means_are_those_of_the_table(campaign: Path) -> None:
    found = told(campaign)
    with (campaign / "out" / "cases.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["case"] for row in rows] == [f"BraTS-SSA-{number:05d}-000" for number in range(CASES)]
    for stage in ("before", "tuned", "left_out"):
        each = [[float(row[f"dice_{stage}_{region}"]) for region in ("WT", "TC", "ET")] for row in rows]
        assert found["worth"][stage] == pytest.approx(np.mean(each), abs=1e-12)
        for region, values in zip(("WT", "TC", "ET"), np.array(each).T, strict=True):
            assert found["regions"]["dice"][region][stage] == pytest.approx(values.mean(), abs=1e-12)


def test_the_picture_is_a_png(campaign: Path) -> None:
    assert (campaign / "out" / "threshold_curves.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_second_run_predicts_only_what_was_changed(campaign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = campaign / "again"
    shutil.copytree(campaign / "out", output)
    answer = output / FOLDER / "one" / "BraTS-SSA-00003-000.npz"
    answer.write_bytes(answer.read_bytes()[:-1])
    assert tune(campaign, output) == 0
    shown = capsys.readouterr().err
    assert shown.count("predicted with") == 1
    assert "one: BraTS-SSA-00003-000: predicted with fold_1.safetensors" in shown
    assert json.loads((output / "tuning.json").read_text()) == told(campaign)


def test_a_leak_is_refused_by_name(campaign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    splits = json.loads((campaign / "splits_final.json").read_text())
    splits[1]["train"].append("BraTS-SSA-00003-000")
    (tmp_path / "splits.json").write_text(json.dumps(splits))
    command = ["tune", str(campaign / "cases"), "--weights", str(campaign / "weights"), "-o", str(tmp_path / "out")]
    assert main([*command, "--splits", str(tmp_path / "splits.json")]) == 3
    assert "BraTS-SSA-00003-000 is in train and in val of fold 1, a leak" in capsys.readouterr().err


def test_a_case_that_fails_is_named_and_the_others_finish(
    campaign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(campaign / "cases", folder / "cases")
    (folder / "splits_final.json").symlink_to(campaign / "splits_final.json")
    shutil.copytree(campaign / "weights" / "one", folder / "weights" / "one")  # one member is enough here
    add_member(folder / "weights", "one", 1.0, source="made here", licence="CC0")
    (folder / "cases" / "BraTS-SSA-00002-000" / "BraTS-SSA-00002-000-t1c.nii.gz").write_bytes(b"no image")
    shutil.copytree(campaign / "out", tmp_path / "out")
    assert tune(folder, tmp_path / "out") == 1
    assert "'BraTS-SSA-00002-000': not used: " in capsys.readouterr().err
    content = json.loads((tmp_path / "out" / "tuning.json").read_text())
    assert list(content["failed"]) == ["BraTS-SSA-00002-000"]
    assert content["provenance"]["cases"] == CASES - 1


def test_an_output_within_the_weights_is_refused(campaign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tune(campaign, campaign / "weights" / "out") == 2
    assert "expected a folder of its own" in capsys.readouterr().err


def test_a_member_without_a_fold_that_is_needed_is_refused(
    campaign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_splits(tmp_path / "splits.json", [f"BraTS-SSA-{number:05d}-000" for number in range(CASES)], 3)
    command = ["tune", str(campaign / "cases"), "--weights", str(campaign / "weights"), "-o", str(tmp_path / "out")]
    assert main([*command, "--splits", str(tmp_path / "splits.json")]) == 3
    shown = capsys.readouterr().err
    assert "one: has no fold_2, expected one for each fold of the splits" in shown
    assert "other: has no fold_2" in shown


def test_editions_without_a_lesion_wise_mean_are_refused(campaign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tune(campaign, campaign / "never", "--edition", "met-2026") == 2
    assert "--edition: met-2026 has no lesion-wise mean" in capsys.readouterr().err
    assert not (campaign / "never").exists()
