"""Tiles cover the image as nnU-Net's do, and their weighted mean is the network's answer."""

import numpy as np
import pytest

from bratseg.inference.sliding_window import importance, sliding_window, tile_corners
from factories.members import Bright, description


def test_tiles_are_spread_evenly_and_end_with_the_image() -> None:
    # nnU-Net's own example: 110 voxels, tile 64, step 0.5 -> ceil(46 / 32) + 1 = 3 tiles at 0, 23, 46
    corners = tile_corners((64, 110, 64), (64, 64, 64), 0.5)
    assert corners == [(0, 0, 0), (0, 23, 0), (0, 46, 0)]


def test_an_image_of_a_tiles_size_has_one_tile() -> None:
    assert tile_corners((8, 8, 8), (8, 8, 8), 0.5) == [(0, 0, 0)]


def test_tiles_are_those_of_nnunet_for_many_shapes() -> None:
    sliding = pytest.importorskip("nnunetv2.inference.sliding_window_prediction", reason="nnunetv2 is not installed")
    generator = np.random.default_rng(0)
    for _ in range(200):
        patch = tuple(int(n) for n in generator.integers(4, 40, 3))
        shape = tuple(int(side + generator.integers(0, 60)) for side in patch)
        step = float(generator.choice([0.25, 0.5, 0.75, 1.0]))
        z, y, x = sliding.compute_steps_for_sliding_window(shape, patch, step)
        expected = [(int(a), int(b), int(c)) for a in z for b in y for c in x]
        assert tile_corners(shape, patch, step) == expected


def test_the_weights_of_a_tile_are_those_of_nnunet() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    sliding = pytest.importorskip("nnunetv2.inference.sliding_window_prediction", reason="nnunetv2 is not installed")
    settings = {"value_scaling_factor": 10, "dtype": torch.float32, "device": torch.device("cpu")}
    expected = sliding.compute_gaussian((16, 24, 20), **settings)
    np.testing.assert_allclose(importance((16, 24, 20)), expected.numpy(), rtol=1e-6)


def test_an_image_smaller_than_a_tile_or_a_step_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="smaller than a tile"):
        tile_corners((8, 8, 7), (8, 8, 8), 0.5)
    for step in (0, -1, 1.5):
        with pytest.raises(ValueError, match="step is"):
            tile_corners((8, 8, 8), (8, 8, 8), step)


@pytest.mark.parametrize("shape", [(16, 16, 16), (20, 35, 16), (9, 40, 5)])
def test_an_answer_that_depends_on_the_voxel_alone_survives_the_mean_of_tiles(shape: tuple[int, int, int]) -> None:
    # the network answers t2f - 250 in its first output, whatever the tile: so must the mean
    image = np.random.default_rng(1).normal(250, 10, (4, *shape)).astype(np.float32)
    answer = sliding_window(Bright(), image, step=0.5)
    np.testing.assert_allclose(answer[0], image[3] - 250, atol=1e-4)
    assert answer.shape == (3, *shape)


def test_progress_counts_every_tile() -> None:
    told: list[tuple[int, int]] = []
    image = np.zeros((4, 16, 24, 16), dtype=np.float32)
    sliding_window(Bright(about=description(patch=(16, 16, 16))), image, step=0.5, on_tile=lambda *t: told.append(t))
    assert told == [(1, 2), (2, 2)]
