"""The bundled weights find tumours in phantoms they never saw and in a real case; training resumes exactly."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from bratseg.demo.default_weights import training
from bratseg.demo.default_weights.augment import draw_patch
from bratseg.demo.default_weights.pool import Sample, load_sample, make_samples
from bratseg.demo.default_weights.recipe import FIRST_SEED, RECIPE, Settings
from bratseg.demo.default_weights.training import region_loss, train
from bratseg.demo.default_weights.training_state import new_state, resume_state, save_state
from bratseg.inference.config import read_config
from bratseg.inference.load import load_ensemble
from bratseg.inference.pipeline import Ensemble, segment
from bratseg.phantoms import make_phantom, write_phantom
from bratseg.weights.folder import default_weights, read_manifest, read_weights
from bratseval.challenge import EDITIONS
from bratseval.files.case_images import read_case
from bratseval.files.cases import find_cases
from bratseval.files.nifti import read_labels, write_labels
from bratseval.scoring.case import score_case

TINY = Settings(
    "nnunet", iterations=4, patch_size=(32, 32, 32), first_phantoms=2, phantoms=3, save_every=2, processes=1
)


@pytest.fixture(scope="module")
def ensemble() -> Iterator[Ensemble]:
    with load_ensemble(default_weights(), read_config(), "cpu") as (loaded, _):
        yield loaded


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training")


def test_the_bundled_weights_verify_and_say_what_they_are() -> None:
    folder = default_weights()
    weights = read_weights(folder)
    # arXiv 2412.04111: the shares of nnU-Net and MedNeXt
    assert {entry.path.name: entry.share for entry in weights.members} == {"nnunet": 0.4722, "mednext": 0.5278}
    manifest = read_manifest(folder)
    assert "not a medical device" in manifest.description
    assert sum(file.bytes for file in manifest.files) < 15_000_000
    assert {file.licence for file in manifest.files} == {"Apache-2.0"}


@pytest.mark.parametrize("seed", [700_001, pytest.param(700_004, marks=pytest.mark.slow)])  # full-size volumes
def test_they_find_the_tumour_of_a_phantom_they_never_saw(seed: int, ensemble: Ensemble, tmp_path: Path) -> None:
    assert seed < FIRST_SEED  # trainings begin there
    write_phantom(tmp_path, "phantom", make_phantom(seed))
    (case,) = find_cases(tmp_path).cases
    assert case.reference is not None
    reference = read_labels(case.reference)
    prediction = segment(read_case(case), ensemble).labels
    score = score_case(prediction, reference.voxels, reference.grid.spacing_mm, EDITIONS["gli-2023"])
    # the demanded mean of twenty phantoms; benchmarks/bench_default_weights.py prints all of them
    assert score.regions["WT"]["LesionWise_Score_Dice"] >= 0.85


@pytest.mark.slow  # a full-size volume
def test_they_find_the_tumour_of_a_real_case(shared: Path, ensemble: Ensemble) -> None:
    (case,) = find_cases(shared / "data/real/BraTS-GLI-00001-000").cases
    reference = read_labels(shared / "data/segmentations/BraTS-GLI-00001-000/brats23-winner.nii.gz").voxels > 0
    found = segment(read_case(case), ensemble).labels > 0
    dice = 2 * np.count_nonzero(found & reference) / (np.count_nonzero(found) + np.count_nonzero(reference))
    assert dice >= 0.75


@pytest.mark.slow  # two full-size volumes
def test_a_case_stored_ras_and_its_lps_copy_get_the_same_tumour(
    shared: Path, ensemble: Ensemble, tmp_path: Path
) -> None:
    original = shared / "data/real/BraTS-MET-00110-000"
    copy = tmp_path / original.name
    copy.mkdir()
    for path in original.glob("*.nii.gz"):
        stored = nib.load(path)
        assert nib.aff2axcodes(stored.affine) == ("R", "A", "S")
        turn = nib.orientations.ornt_transform(
            nib.io_orientation(stored.affine), nib.orientations.axcodes2ornt(("L", "P", "S"))
        )
        nib.save(stored.as_reoriented(turn), copy / path.name)
    predictions = []
    for number, folder in enumerate((original, copy)):
        (case,) = find_cases(folder).cases
        volume = read_case(case)
        path = tmp_path / f"{number}.nii.gz"
        write_labels(path, segment(volume, ensemble).labels, volume.grid)
        written, image = nib.load(path), nib.load(case.images["t1c"])
        assert np.array_equal(written.affine, image.affine)
        assert written.shape == image.shape
        predictions.append(np.asarray(nib.as_closest_canonical(written).dataobj))
    tumour = (predictions[0] > 0) | (predictions[1] > 0)
    assert np.count_nonzero(tumour) > 1000
    assert np.mean(predictions[0][tumour] == predictions[1][tumour]) >= 0.999


def test_an_interrupted_training_goes_on_where_it_was(
    tmp_path: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = work / "nnunet-0" / "state.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(training, "_progress", _interrupted_at(2))
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "weights", TINY, work)
    run = new_state(TINY)
    resume_state(run, state)
    assert run.iteration == 2
    save_state(run, tmp_path / "again.safetensors", TINY)
    saved, again = load_file(state), load_file(tmp_path / "again.safetensors")
    assert saved.keys() == again.keys()  # weights, their average, both of AdamW's moments
    assert all(np.array_equal(saved[name], again[name]) for name in saved)
    train(tmp_path / "weights", TINY, work)
    (entry,) = read_weights(tmp_path / "weights").members
    assert (entry.description.network, entry.share) == ("nnunet", 0.4722)
    assert entry.description.provenance["iterations"] == 4


def test_a_small_mednext_trains_too(tmp_path: Path, work: Path) -> None:
    train(tmp_path / "weights", replace(TINY, network="mednext", iterations=1), work)
    (entry,) = read_weights(tmp_path / "weights").members
    assert (entry.description.network, entry.share) == ("mednext", 0.5278)


def test_phantoms_are_made_once_and_kept(work: Path) -> None:
    make_samples(work, [FIRST_SEED], RECIPE, processes=1)
    assert make_samples(work, [FIRST_SEED], RECIPE, processes=1) == 0
    sample = load_sample(work, FIRST_SEED, RECIPE)
    assert sample.data.shape[1:] == sample.labels.shape
    inside = sample.data.any(axis=0)
    # z-scored inside the brain; half floats keep three digits
    assert sample.data[0][inside].mean() == pytest.approx(0, abs=5e-3)
    assert sample.data[0][inside].std() == pytest.approx(1, abs=5e-3)


def test_patches_keep_images_and_labels_together() -> None:
    # a cube of tumour, brighter than its brain by far, in a brain without any texture
    labels = np.zeros((30, 34, 32), dtype=np.uint8)
    labels[10:20, 12:22, 18:28] = 3
    data = np.where(labels == 3, 8.0, 1.0).astype(np.float32)[None].repeat(4, axis=0)
    for seed in range(20):
        patch = draw_patch(np.random.default_rng(seed), Sample(data, labels), (24, 24, 24))
        assert patch.data.shape == (4, 24, 24, 24)
        assert patch.labels.shape == (24, 24, 24)
        tumour = patch.labels == 3
        if tumour.any() and (~tumour & patch.data.any(axis=0)).any():
            rest = ~tumour & patch.data.any(axis=0)
            assert all(np.median(channel[tumour]) > np.median(channel[rest]) + 1 for channel in patch.data)


def test_the_loss_of_a_certain_and_correct_prediction_is_0() -> None:
    target = torch.zeros(1, 3, 4, 4, 4)
    target[:, :, :2] = 1
    # logits of +-20: cross entropy 2e-9, Dice (2 * 32 + 1) / (32 + 32 + 1) = 1
    assert region_loss(40 * target - 20, target).item() == pytest.approx(0, abs=1e-6)
    # the opposite: cross entropy 20, Dice (0 + 1) / (32 + 32 + 1)
    assert region_loss(20 - 40 * target, target).item() == pytest.approx(20 + 64 / 65, rel=1e-5)


def _interrupted_at(iteration: int) -> Callable[[Any, Settings], float]:
    def progress(run: Any, settings: Settings) -> float:
        if run.iteration == iteration:
            raise KeyboardInterrupt
        return float(run.iteration / (settings.iterations or 1))

    return progress


def test_there_is_a_reason_where_there_is_no_postprocessing() -> None:
    with load_ensemble(None, replace(read_config(), postprocess=False), "cpu") as (ensemble, _):
        assert ensemble.clusters is None
        assert ensemble.no_clusters_reason == "the parameters switch it off"
    with load_ensemble(None, read_config(), "cpu") as (ensemble, _):
        assert ensemble.clusters is not None
