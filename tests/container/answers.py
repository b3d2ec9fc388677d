"""What an answer must be, whoever ran the container."""

from pathlib import Path

import nibabel as nib
import numpy as np

from bratseval.files.cases import find_cases
from bratseval.files.nifti import read_labels


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_answered(cases: Path, output: Path) -> None:
    """One segmentation for each case, nothing else, each on its case's grid and with a tumour in it."""
    found = find_cases(cases).cases
    assert names(output) == [f"{case.id}.nii.gz" for case in found]
    for case in found:
        assert_on_grid_of(case.images["t1c"], output / f"{case.id}.nii.gz")


def assert_on_grid_of(image: Path, segmentation: Path) -> None:
    labels = read_labels(segmentation).voxels
    assert set(np.unique(labels)) <= {0, 1, 2, 3}
    assert np.count_nonzero(labels) > 1000  # a cubic centimetre of tumour
    expected, got = nib.load(image), nib.load(segmentation)
    assert got.get_data_dtype() == np.uint8
    assert got.shape == expected.shape
    assert np.array_equal(got.affine, expected.affine)
    for form in ("get_qform", "get_sform"):
        (wanted, code), (matrix, got_code) = (getattr(opened, form)(coded=True) for opened in (expected, got))
        assert got_code == code
        assert (wanted is None and matrix is None) or np.array_equal(wanted, matrix)
    assert np.array_equal(got.header.get_zooms(), expected.header.get_zooms())
