"""Low field shows the same brain with thick slices, noise and weak contrast."""

import numpy as np
import pytest
from scipy import ndimage

from bratseg.phantoms import Phantom, make_phantom
from bratseg.phantoms.scanner import UNSUPPRESSED, UPTAKE, low_field
from bratseval.challenge import ET, MODALITIES

SPACING = (3.0, 3.0, 3.0)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(910_001, shape=(55, 68, 52), spacing_mm=SPACING)


@pytest.fixture(scope="module")
def degraded(phantom: Phantom) -> Phantom:
    return low_field(7, phantom)


def test_the_head_the_reference_and_the_place_stay(phantom: Phantom, degraded: Phantom) -> None:
    assert np.array_equal(degraded.labels, phantom.labels)
    assert np.array_equal(degraded.affine, phantom.affine)
    for modality in MODALITIES:
        assert np.array_equal(degraded.images[modality] > 0, phantom.images[modality] > 0)
        assert degraded.images[modality].dtype == np.float32


def test_a_seed_gives_the_same_images_and_another_one_others(phantom: Phantom, degraded: Phantom) -> None:
    assert np.array_equal(low_field(7, phantom).images["t1c"], degraded.images["t1c"])
    assert not np.array_equal(low_field(8, phantom).images["t1c"], degraded.images["t1c"])


def test_contrast_agent_shows_less(phantom: Phantom, degraded: Phantom) -> None:
    enhancing = ndimage.binary_erosion(phantom.labels == ET)
    assert enhancing.any()
    brain = (phantom.images["t1n"] > 0) & (phantom.labels == 0)

    def uptake(made: Phantom) -> float:
        t1n, t1c = (made.images[name] / np.median(made.images[name][brain]) for name in ("t1n", "t1c"))
        return float(np.mean(t1c[enhancing] - t1n[enhancing]))

    # at most the largest share is left; blur takes some more
    assert 0 < uptake(degraded) < UPTAKE[1] * uptake(phantom) * 1.1


def test_slices_are_thick_from_bottom_to_top(phantom: Phantom, degraded: Phantom) -> None:
    t2w, thick = phantom.images["t2w"], degraded.images["t2w"]
    inside = ndimage.binary_erosion(phantom.images["t2w"] > 0, iterations=2)

    def roughness(image: np.ndarray, axis: int) -> float:
        steps = np.abs(np.diff(image / np.median(image[image > 0]), axis=axis))
        both = np.take(inside, range(1, inside.shape[axis]), axis=axis)
        return float(np.mean(steps[both]))

    lost = [1 - roughness(thick, axis) / roughness(t2w, axis) for axis in range(3)]
    assert lost[2] > max(lost[0], lost[1]) > 0


def test_fluid_is_not_suppressed_in_flair(phantom: Phantom, degraded: Phantom) -> None:
    brain = (phantom.images["t1n"] > 0) & (phantom.labels == 0)
    fluid = brain & (phantom.images["t2w"] > np.quantile(phantom.images["t2w"][brain], 0.97))

    def brightness(made: Phantom) -> float:
        flair = made.images["t2f"]
        return float(np.mean(flair[fluid]) / np.median(flair[brain]))

    assert UNSUPPRESSED[0] > 0
    assert brightness(degraded) > brightness(phantom)
