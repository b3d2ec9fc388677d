"""Converted nnU-Net members against nnU-Net's own predictor, from voxels to probabilities.

Upstream adds tiles up in half precision, which spoils voxels at the corners of the crop;
here its accumulators and its Gaussian are raised to float32, so that all voxels count.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bratseg.inference.ensemble import paint
from bratseval.files.nifti import read_image
from factories.foreign_models import dataset, plans, write_folder
from factories.places import REAL_CASE
from reference.upstream_predictor import made_images, ours, upstream

LOG = logging.getLogger(__name__)  # pytest --log-cli-level=INFO shows the figures
TOLERANCE = 1e-3  # largest difference of probabilities
PATCH = (24, 24, 24)  # eight tiles in the piece of the real case


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """(4, z, y, x): a piece of a real case through its edge, or a made one where there is none."""
    folder = REAL_CASE
    if not folder.is_dir():
        return made_images((32, 36, 36))
    found = [next(folder.glob(f"*-{modality}.nii.gz")) for modality in ("t1n", "t1c", "t2w", "t2f")]
    return np.stack([read_image(path).voxels.transpose(2, 1, 0)[50:82, 50:86, 60:96] for path in found])


def compare(
    tmp_path: Path,
    made_plans: dict[str, Any],
    made_dataset: dict[str, Any],
    images: np.ndarray,
    spacing: tuple[float, ...] = (1.0, 1.0, 1.0),
    *,
    mirroring: bool,
    folds: int = 2,
) -> float:
    """The largest difference of probabilities; the labels are compared on the way."""
    networks = write_folder(tmp_path / "model", made_plans, made_dataset, folds=folds)
    probabilities, description = ours(tmp_path / "model", tmp_path / "weights", images, spacing, mirroring=mirroring)
    labels, expected = upstream(networks, made_plans, made_dataset, images, spacing, mirroring=mirroring)
    assert probabilities.shape == expected.shape
    assert expected.std() > 0.1  # random weights that say the same everywhere would prove nothing
    assert np.mean(paint(probabilities, description.outputs) != labels) < 1e-4
    difference = float(np.abs(probabilities - expected).max())
    LOG.info(f"largest difference of probabilities {difference:.2e} in {expected[0].size} voxels")
    return difference


@pytest.mark.parametrize("kind", ["regions", "labels"])
@pytest.mark.parametrize("network", ["plain", "residual"])
def test_two_folds_with_mirroring_equal_nnunet(tmp_path: Path, images: np.ndarray, network: str, kind: str) -> None:
    assert compare(tmp_path, plans(network, patch=PATCH), dataset(kind), images, mirroring=True) <= TOLERANCE


@pytest.mark.parametrize("transpose", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize(
    ("spacing", "target"),
    [((3.5, 1.0, 1.0), (1.0, 1.0, 1.0)), ((1.0, 1.2, 0.9), (1.5, 1.0, 1.0))],
    ids=["coarse", "uneven"],
)
def test_other_spacings_and_transposed_plans_equal_nnunet(
    tmp_path: Path, spacing: tuple[float, ...], target: tuple[float, ...], transpose: tuple[int, ...]
) -> None:
    made = plans(spacing=target, transpose=transpose, patch=(24, 32, 32))
    images = made_images((20, 41, 38))
    assert compare(tmp_path, made, dataset(), images, spacing, mirroring=False, folds=1) <= TOLERANCE


def test_an_image_smaller_than_the_patch_equals_nnunet(tmp_path: Path) -> None:
    images = made_images((20, 33, 31))
    assert compare(tmp_path, plans(), dataset(), images, mirroring=False, folds=1) <= TOLERANCE


def test_against_untouched_upstream_only_voxels_at_the_corners_differ(tmp_path: Path, images: np.ndarray) -> None:
    """Half precision leaves single voxels wrong where tiles weigh next to nothing; all others agree."""
    networks = write_folder(tmp_path / "model", plans(patch=PATCH), dataset(), folds=1)
    probabilities, _ = ours(tmp_path / "model", tmp_path / "weights", images, (1.0, 1.0, 1.0), mirroring=False)
    _, expected = upstream(networks, plans(patch=PATCH), dataset(), images, (1.0, 1.0, 1.0), mirroring=False, half=True)
    far = np.abs(probabilities - expected).max(axis=0) > 0.02
    LOG.info(f"{np.count_nonzero(far)} of {far.size} voxels differ by more than 0.02 from half-precision upstream")
    assert far.mean() < 0.01
