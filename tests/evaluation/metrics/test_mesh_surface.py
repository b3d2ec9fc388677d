"""Overlap and surface distances, by hand and against DeepMind's own functions."""

import math

import numpy as np
import pytest
from surface_distance import compute_robust_hausdorff, compute_surface_distances

from bratseval.metrics.components import Mask, connected_components
from bratseval.metrics.mesh_surface import Spacing, robust_hausdorff_mm, surface_components, surface_of
from bratseval.metrics.overlap import VoxelCounts, count_voxels, dice, sensitivity, specificity
from factories.boxes import mask_of

# surface-distance 0.1 takes scipy's functions from namespaces that scipy is giving up
pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")

SHAPE = (12, 10, 8)
MM: Spacing = (1.0, 1.0, 1.0)


def hd95(prediction: Mask, reference: Mask, spacing: Spacing = MM) -> float:
    return robust_hausdorff_mm(surface_of(prediction, spacing), surface_of(reference, spacing), spacing)


def test_dice_of_two_cubes_that_share_one_voxel() -> None:
    # 2x2x2 cubes, one voxel in common: 2 * 1 / (8 + 8)
    assert dice(count_voxels(mask_of(SHAPE, (2, 4, 2, 4, 2, 4)), mask_of(SHAPE, (3, 5, 3, 5, 3, 5)))) == 0.125


def test_dice_of_two_empty_masks_is_one_and_of_one_empty_mask_zero() -> None:
    empty, full = np.zeros(SHAPE, bool), np.ones(SHAPE, bool)
    assert dice(count_voxels(empty, empty)) == 1.0
    assert dice(count_voxels(empty, full)) == dice(count_voxels(full, empty)) == 0.0


def test_masks_of_different_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        count_voxels(np.zeros((2, 2, 2), bool), np.zeros((2, 2, 3), bool))


def test_sensitivity_and_specificity_of_counts() -> None:
    # 4 of 10 found, 2 of 90 background voxels wrongly marked
    counts = VoxelCounts(prediction=6, reference=10, both=4, total=100)
    assert sensitivity(counts) == 0.4
    assert specificity(counts) == 88 / 90


def test_sensitivity_without_a_reference_is_one_only_if_nothing_was_marked() -> None:
    assert sensitivity(VoxelCounts(0, 0, 0, 100)) == 1.0
    assert sensitivity(VoxelCounts(5, 0, 0, 100)) == 0.0


def test_specificity_is_zero_when_the_reference_fills_the_volume() -> None:
    assert specificity(VoxelCounts(100, 100, 100, 100)) == 0.0


def test_a_voxel_has_eight_surface_elements_even_in_the_corner_of_the_volume() -> None:
    for corner in ((5, 6, 5, 6, 5, 6), (0, 1, 0, 1, 0, 1), (11, 12, 9, 10, 7, 8)):
        surface = surface_of(mask_of(SHAPE, corner), MM)
        assert len(surface.at) == 8
        # each is one triangle with normal (1/8, 1/8, 1/8): sqrt(3)/8 mm2
        assert surface.areas_mm2 == pytest.approx(math.sqrt(3) / 8)


def test_the_area_of_a_face_follows_the_spacing() -> None:
    surface = surface_of(mask_of(SHAPE, (2, 8, 2, 8, 2, 6)), (1.0, 2.0, 3.0))
    at = [tuple(place) for place in surface.at]
    # windows in the middle of a face: (5, 5, 2) lies on z = 2 and has 1 x 2 mm2, (2, 5, 4) on x = 2 with 2 x 3 mm2
    assert surface.areas_mm2[at.index((5, 5, 2))] == 2.0
    assert surface.areas_mm2[at.index((2, 5, 4))] == 6.0


def test_equal_masks_are_no_distance_apart() -> None:
    mask = mask_of(SHAPE, (2, 8, 2, 8, 2, 6))
    assert hd95(mask, mask) == 0.0


def test_a_shifted_cube_is_as_far_as_its_shift() -> None:
    # elements of one end are the shift away; they are more than 5 % of the surface
    one, other = mask_of(SHAPE, (1, 4, 2, 5, 2, 5)), mask_of(SHAPE, (7, 10, 2, 5, 2, 5))
    # nearest surface: windows at x = 4 and x = 7; farthest: 1 to 7 and 4 to 10
    assert hd95(one, other) == 6.0
    assert hd95(one, other, (2.0, 2.0, 2.0)) == 12.0
    assert hd95(one, other, (1.5, 1.0, 1.0)) == 9.0


def test_an_empty_mask_is_infinitely_far_and_two_are_not_apart() -> None:
    empty, mask = np.zeros(SHAPE, bool), mask_of(SHAPE, (1, 4, 2, 5, 2, 5))
    assert hd95(empty, mask) == hd95(mask, empty) == math.inf
    assert hd95(empty, empty) == 0.0


@pytest.mark.parametrize(
    "spacing", [(1.0, 1.0, 1.0), (0.5, 0.5, 0.5), (1.1, 1.1, 1.1), (0.859375, 0.859375, 1.5), (0.7, 1.3, 2.9)]
)
def test_hd95_equals_deepminds_to_the_last_bit_on_random_blobs(spacing: Spacing) -> None:
    random = np.random.default_rng(7)
    for density in (0.002, 0.01, 0.1, 0.5):
        for _ in range(6):
            one, other = random.random(SHAPE) < density, random.random(SHAPE) < density
            one[3, 3, 3] = other[8, 2, 6] = True
            official = compute_robust_hausdorff(compute_surface_distances(other, one, spacing), 95)
            assert hd95(one, other, spacing) == official


def test_hd95_equals_deepminds_where_the_percentile_falls_on_a_boundary() -> None:
    # 20 voxels far from each other, 160 elements of equal area; one voxel (8 elements = 5 %) has no twin near,
    # so 95 % is reached exactly where the far distances begin and rounding decides
    places = [(x, y, z) for x in (0, 3, 6, 9) for y in (0, 4) for z in (0, 3)][:16]
    places += [(x, 8, 6) for x in (0, 3, 6, 9)]
    one = mask_of((40, 10, 8), *((x, x + 1, y, y + 1, z, z + 1) for x, y, z in places))
    other = one.copy()
    other[9, 8, 6] = False
    other[30, 8, 6] = True
    for a, b in ((one, other), (other, one)):
        official = compute_robust_hausdorff(compute_surface_distances(b, a, MM), 95)
        assert hd95(a, b) == official


def test_each_surface_element_belongs_to_the_component_beside_it() -> None:
    mask = mask_of(SHAPE, (1, 2, 1, 2, 1, 2), (4, 6, 1, 2, 1, 2))
    surface = surface_of(mask, MM)
    owners = surface_components(surface, connected_components(mask).labels)
    # a voxel has 2x2x2 windows, two in a row 3x2x2
    assert np.bincount(owners).tolist() == [0, 8, 12]
