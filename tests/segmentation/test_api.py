"""What `bratseg` offers to programs: a case in, labels out."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import bratseg
from bratseg import load_ensemble, segment
from bratseg.inference.pipeline import Ensemble
from bratseval.challenge import MODALITIES
from bratseval.errors import InputError
from bratseval.files.nifti import grid_of, read_labels
from factories.submissions import AFFINE

NAME = "BraTS-SSA-00001-000"
SHAPE = (40, 48, 36)


@pytest.fixture(scope="module")
def ensemble() -> Iterator[Ensemble]:
    with load_ensemble(device="cpu") as loaded:
        yield loaded


@pytest.fixture
def case(make_case: Callable[..., Path]) -> Path:
    return make_case(NAME, grid=grid_of(SHAPE, AFFINE))


def files_of(case: Path) -> dict[str, Path]:
    return {modality: case / f"{NAME}-{modality}.nii.gz" for modality in MODALITIES}


def test_a_folder_four_files_and_a_mapping_give_the_same_labels(case: Path, ensemble: Ensemble) -> None:
    of_folder = segment(case, ensemble)
    assert of_folder.id == NAME
    assert of_folder.labels.shape == SHAPE
    assert of_folder.labels.dtype == np.uint8
    np.testing.assert_array_equal(of_folder.grid.affine, AFFINE)
    assert of_folder.postprocess
    for images in (list(files_of(case).values()), files_of(case)):
        np.testing.assert_array_equal(segment(images, ensemble).labels, of_folder.labels)


def test_what_is_saved_has_the_labels_and_the_grid(case: Path, ensemble: Ensemble, tmp_path: Path) -> None:
    segmented = segment(str(case), ensemble)
    segmented.save(tmp_path / "labels.nii.gz")
    saved = read_labels(tmp_path / "labels.nii.gz")
    np.testing.assert_array_equal(saved.voxels, segmented.labels)
    np.testing.assert_array_equal(saved.grid.affine, AFFINE)


def test_without_postprocessing_nothing_is_removed(case: Path) -> None:
    with load_ensemble(device="cpu", postprocess=False) as plain:
        segmented = segment(case, plain)
    assert segmented.removed_voxels == 0
    assert segmented.postprocess.startswith("none: ")


def test_all_that_is_wrong_with_a_case_is_one_error(case: Path, ensemble: Ensemble, tmp_path: Path) -> None:
    for modality in ("t1n", "t2w"):
        (case / f"{NAME}-{modality}.nii.gz").write_bytes(b"no gzip")
    with pytest.raises(InputError) as caught:
        segment(case, ensemble)
    assert "t1n.nii.gz: " in str(caught.value)
    assert "t2w.nii.gz: " in str(caught.value)
    with pytest.raises(InputError, match="has no t2w and no t2f"):
        segment({"t1n": tmp_path / "a.nii.gz", "t1c": tmp_path / "b.nii.gz"}, ensemble)
    with pytest.raises(InputError, match="is not a folder"):
        segment(tmp_path / "absent", ensemble)


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys, bratseg; sys.exit(any(name in sys.modules for name in ('numpy', 'torch', 'bratseval')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(AttributeError, match="has no attribute 'predict'"):
        bratseg.predict  # noqa: B018 - the access is what is tested
    assert set(bratseg.__all__) <= set(dir(bratseg))
