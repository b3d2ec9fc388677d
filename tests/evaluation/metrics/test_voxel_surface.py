"""Borders, their surface Dice, and contact between tissues."""

import numpy as np
import pytest
from scipy import ndimage

from bratseval.metrics import voxel_surface as voxel_borders
from bratseval.metrics.components import Mask
from bratseval.metrics.voxel_surface import border_voxels, surface_dice, touching_lesions
from factories.boxes import mask_of

SHAPE = (14, 12, 9)
SPACINGS = [(1.0, 1.0, 1.0), (0.5, 0.5, 0.5), (0.859375, 0.859375, 1.5), (0.25, 0.5, 1.0), (0.9, 0.9, 0.9)]


def by_transform(one: Mask, other: Mask, spacing: tuple[float, float, float], tolerance: float) -> float:
    """As nnU-Net has it on medpy's distances: whole volume, scipy's erosion and transform."""
    one, other = (mask ^ ndimage.binary_erosion(mask) for mask in (one, other))
    there = ndimage.distance_transform_edt(~other, sampling=spacing)[one]
    back = ndimage.distance_transform_edt(~one, sampling=spacing)[other]
    hits = [np.sum(distances <= tolerance) / len(distances) for distances in (there, back)]
    misses = [np.sum(distances > tolerance) / len(distances) for distances in (there, back)]
    return float((hits[0] + hits[1]) / (hits[0] + hits[1] + misses[0] + misses[1] + 1e-8))


def test_a_border_is_what_has_a_face_outside() -> None:
    # 4^3 - 2^3, and in the volume's corner too, where outside is outside
    for cube in ((3, 7, 3, 7, 3, 7), (0, 4, 0, 4, 0, 4), (10, 14, 8, 12, 5, 9)):
        assert border_voxels(mask_of(SHAPE, cube)).shape == (3, 56)


def test_a_border_equals_what_erosion_takes() -> None:
    random = np.random.default_rng(2)
    for density in (0.01, 0.5, 0.97, 1.0):
        mask = random.random(SHAPE) < density
        there = np.zeros(SHAPE, bool)
        there[tuple(border_voxels(mask))] = True
        assert np.array_equal(there, mask ^ ndimage.binary_erosion(mask))


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("tolerance", [0.5, 1.0])
def test_surface_dice_equals_that_of_whole_volume_transforms(
    spacing: tuple[float, float, float], tolerance: float
) -> None:
    random = np.random.default_rng(5)
    for density in (0.003, 0.02, 0.3):
        for _ in range(5):
            one, other = random.random(SHAPE) < density, random.random(SHAPE) < density
            one[3, 3, 3] = other[12, 2, 6] = True
            got = surface_dice(border_voxels(one), border_voxels(other), spacing, tolerance)
            assert got == by_transform(one, other, spacing, tolerance)


def test_very_small_voxels_go_by_the_transform() -> None:
    random = np.random.default_rng(6)
    one, other = random.random(SHAPE) < 0.01, random.random(SHAPE) < 0.01
    spacing = (0.05, 0.05, 0.05)  # 33,000 offsets within a millimetre
    assert surface_dice(border_voxels(one), border_voxels(other), spacing, 0.1) == by_transform(
        one, other, spacing, 0.1
    )
    assert surface_dice(border_voxels(one), border_voxels(other), spacing, 1.0) == by_transform(
        one, other, spacing, 1.0
    )


def test_look_ups_and_transform_agree() -> None:
    random = np.random.default_rng(7)
    for spacing in SPACINGS:
        one, other = (border_voxels(random.random(SHAPE) < 0.05) for _ in range(2))
        looked_up = voxel_borders._within(one, other, spacing, 1.0)
        assert looked_up == voxel_borders._within_by_transform(one, other, spacing, 1.0)


def test_surface_dice_without_a_border() -> None:
    empty, cube = border_voxels(np.zeros(SHAPE, bool)), border_voxels(mask_of(SHAPE, (3, 7, 3, 7, 3, 7)))
    assert surface_dice(empty, empty, (1.0, 1.0, 1.0), 1.0) == 1.0
    assert surface_dice(empty, cube, (1.0, 1.0, 1.0), 1.0) == surface_dice(cube, empty, (1.0, 1.0, 1.0), 1.0) == 0.0


def test_lesions_touch_by_a_face_or_an_edge_and_not_by_a_corner() -> None:
    lesions = mask_of(SHAPE, (3, 6, 3, 6, 3, 6)).astype(np.int32)
    others = np.zeros(SHAPE, np.int32)
    others[6, 4, 4] = 1  # beside a face
    others[6, 6, 4] = 2  # at an edge
    others[2, 2, 2] = 3  # at a corner
    others[8, 4, 4] = 4  # away
    assert touching_lesions(border_voxels(lesions != 0), lesions, others, (0, 0, 0)).tolist() == [[1, 1], [1, 2]]


def test_touching_lesions_are_found_across_boxes() -> None:
    # the other tissue's box begins at (6, 2, 1) of the lesions' box
    lesions = mask_of(SHAPE, (3, 6, 3, 6, 3, 6)).astype(np.int32)
    others = np.zeros((4, 4, 4), np.int32)
    others[0, 2, 3] = 7
    assert touching_lesions(border_voxels(lesions != 0), lesions, others, (-6, -2, -1)).tolist() == [[1, 7]]
    assert touching_lesions(border_voxels(lesions != 0), lesions, others, (-9, -2, -1)).tolist() == []


def test_touching_equals_dilating_each_lesion() -> None:
    random = np.random.default_rng(8)
    edges = ndimage.generate_binary_structure(3, 2)
    for _ in range(20):
        tissue = random.integers(0, 6, SHAPE)
        lesions, _ = ndimage.label(tissue == 1, np.ones((3, 3, 3)))
        others, _ = ndimage.label(tissue == 2, np.ones((3, 3, 3)))
        expected = sorted(
            [own, int(other)]
            for own in range(1, lesions.max() + 1)
            for other in set(others[ndimage.binary_dilation(lesions == own, edges)]) - {0}
        )
        assert touching_lesions(border_voxels(lesions != 0), lesions, others, (0, 0, 0)).tolist() == expected
