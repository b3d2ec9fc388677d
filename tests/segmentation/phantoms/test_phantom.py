"""Phantoms: reproducible, of BraTS's form, and with the findings that the networks are to learn."""

from pathlib import Path

import numpy as np
import pytest

from bratseg.phantoms import Phantom, make_phantom, write_phantom
from bratseval.challenge import ED, ET, MODALITIES, NCR
from bratseval.files.cases import find_cases
from bratseval.files.nifti import read_image, read_labels

COARSE = {"shape": (41, 51, 39), "spacing_mm": (4.0, 4.0, 4.0)}  # the same brains, in a 64th of the time


@pytest.fixture(scope="module")
def phantoms() -> list[Phantom]:
    return [make_phantom(seed, **COARSE) for seed in range(40)]


def test_a_seed_gives_the_same_phantom_again(phantoms: list[Phantom]) -> None:
    again = make_phantom(3, **COARSE)
    assert np.array_equal(again.labels, phantoms[3].labels)
    for modality in MODALITIES:
        assert np.array_equal(again.images[modality], phantoms[3].images[modality])


def test_seeds_differ(phantoms: list[Phantom]) -> None:
    assert not np.array_equal(phantoms[0].labels, phantoms[1].labels)
    assert not np.array_equal(phantoms[0].images["t1n"], phantoms[1].images["t1n"])


def test_the_default_is_the_space_of_brats() -> None:
    phantom = make_phantom(1)
    # SRI24's box as BraTS 2023 stores it: LPS, 1 mm, the last row of y at 0
    assert phantom.labels.shape == (240, 240, 155)
    assert np.array_equal(phantom.affine, [[-1, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])
    brain = phantom.images["t1n"] > 0
    assert 0.12 < brain.mean() < 0.25  # the two real cases fill 0.18 of it
    edges = [brain.take(side, axis=axis) for axis in range(3) for side in (0, -1)]
    assert not any(edge.any() for edge in edges)


def test_outside_the_brain_everything_is_exactly_0_and_inside_nothing_is(phantoms: list[Phantom]) -> None:
    for phantom in phantoms[:10]:
        brain = phantom.images["t1n"] > 0
        for modality in MODALITIES:
            image = phantom.images[modality]
            assert image.dtype == np.float32
            assert np.array_equal(image > 0, brain)
            assert image.min() == 0
        assert not phantom.labels[~brain].any()


def test_every_phantom_has_a_tumour(phantoms: list[Phantom]) -> None:
    for phantom in phantoms:
        assert set(np.unique(phantom.labels)) <= {0, NCR, ED, ET}
        assert np.count_nonzero(phantom.labels) * 4**3 >= 200  # mm3


def test_tumours_come_in_kinds(phantoms: list[Phantom]) -> None:
    shown = [set(np.unique(phantom.labels)) - {0} for phantom in phantoms]
    assert sum(labels == {NCR, ED, ET} for labels in shown) >= 15  # the usual one
    assert any(ET not in labels for labels in shown)
    assert any(NCR not in labels for labels in shown)
    volumes = [np.count_nonzero(phantom.labels) * 4**3 / 1000 for phantom in phantoms]
    assert min(volumes) < 20 < 80 < max(volumes)  # ml


def test_tumours_look_as_in_textbooks(phantoms: list[Phantom]) -> None:
    rims, swellings = [], []
    for phantom in phantoms:
        healthy = (phantom.labels == 0) & (phantom.images["t1n"] > 0)
        for label, modality, kept in ((ET, "t1c", rims), (ED, "t2f", swellings)):
            inside = phantom.labels == label
            if np.count_nonzero(inside) > 30:
                image = phantom.images[modality]
                kept.append(np.median(image[inside]) / np.median(image[healthy]))
    assert np.mean(np.array(rims) > 1.15) > 0.9  # takes contrast
    assert np.mean(np.array(swellings) > 1.15) > 0.9  # bright on FLAIR


def test_another_spacing_shows_the_same_tumour() -> None:
    fine = make_phantom(5, shape=(82, 102, 78), spacing_mm=(2.0, 2.0, 2.0))
    coarse = make_phantom(5, **COARSE)
    for label in (NCR, ED, ET):
        volumes = [np.count_nonzero(fine.labels == label) * 8, np.count_nonzero(coarse.labels == label) * 64]
        assert volumes[0] > 1000
        assert volumes[1] == pytest.approx(volumes[0], rel=0.25)


def test_another_orientation_stores_the_same_brain() -> None:
    lps, ras = make_phantom(2, **COARSE), make_phantom(2, **COARSE, orientation="RAS")
    assert np.array_equal(ras.labels[::-1, ::-1], lps.labels)
    assert np.array_equal(ras.images["t2f"][::-1, ::-1], lps.images["t2f"])
    corner = np.array([40, 50, 0, 1])  # LPS's first voxel is RAS's last in x and y
    assert ras.affine @ corner == pytest.approx(lps.affine @ [0, 0, 0, 1])


def test_a_written_phantom_is_a_case(tmp_path: Path, phantoms: list[Phantom]) -> None:
    folder = write_phantom(tmp_path, "BraTS-PHA-00007-000", phantoms[7])
    (case,) = find_cases(tmp_path).cases
    assert case.id == folder.name == "BraTS-PHA-00007-000"
    for modality in MODALITIES:
        image = read_image(case.images[modality])
        assert image.warnings == ()
        assert np.array_equal(image.voxels, np.round(phantoms[7].images[modality]))
        assert np.array_equal(image.grid.affine, phantoms[7].affine)
    assert case.reference is not None
    assert np.array_equal(read_labels(case.reference).voxels, phantoms[7].labels)


def test_a_volume_too_small_for_a_brain_shows_what_fits_in() -> None:
    small = make_phantom(4, shape=(20, 51, 39), spacing_mm=(4.0, 4.0, 4.0))
    assert small.labels.shape == (20, 51, 39)
    assert (small.images["t1n"][0] > 0).any()  # cut through the brain
