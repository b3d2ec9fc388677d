"""Which parts are one lesion and what finds it."""

import numpy as np
import pytest
from scipy import ndimage

from bratseval.metrics.components import (
    connected_components,
    connected_components_in_scan_order,
    dilate,
    dilated_lesions,
    match_lesions,
    measure_components,
    number_lesions,
)
from factories.boxes import mask_of

SHAPE = (20, 16, 12)


def test_dilation_reaches_faces_and_edges_but_not_corners() -> None:
    grown = dilate(mask_of(SHAPE, (5, 6, 5, 6, 5, 6)), steps=1)
    # 1 voxel, 6 faces, 12 edges
    assert grown.sum() == 19
    assert grown[6, 6, 5]
    assert not grown[6, 6, 6]


def test_three_rounds_of_dilation_reach_3_3_0_and_2_2_2_but_not_3_3_1() -> None:
    # n rounds reach max|d| <= n and sum|d| <= 2n: 3+3+0 = 6 and 2+2+2 = 6 are within 6, 3+3+1 = 7 is not
    grown = dilate(mask_of(SHAPE, (8, 9, 8, 9, 6, 7)), steps=3)
    assert grown[11, 11, 6]
    assert grown[10, 10, 8]
    assert not grown[11, 11, 7]


def test_dilation_equals_scipys_at_the_border_too() -> None:
    random = np.random.default_rng(1)
    structure = ndimage.generate_binary_structure(3, 2)
    for steps in (1, 2, 3, 5):
        mask = random.random((9, 11, 7)) < 0.01
        mask[0, 0, 0] = True
        assert np.array_equal(dilate(mask, steps=steps), ndimage.binary_dilation(mask, structure, steps))


def test_dilation_by_no_step_gives_the_mask() -> None:
    mask = mask_of(SHAPE, (5, 6, 5, 6, 5, 6))
    assert np.array_equal(dilate(mask, steps=0), mask)


@pytest.mark.parametrize(("gap", "lesions"), [(6, 1), (7, 2)])
def test_parts_six_voxels_apart_are_one_lesion_after_three_rounds(gap: int, lesions: int) -> None:
    # each part grows 3 voxels towards the other: a gap of 6 closes, of 7 leaves one voxel
    mask = mask_of(SHAPE, (2, 4, 2, 4, 2, 4), (4 + gap, 6 + gap, 2, 4, 2, 4))
    numbered = number_lesions(mask, merge_steps=3)
    assert numbered.max() == lesions
    assert np.array_equal(numbered != 0, mask)


def test_parts_stay_apart_without_merging_unless_they_touch_at_a_corner() -> None:
    mask = mask_of(SHAPE, (2, 3, 2, 3, 2, 3), (3, 4, 3, 4, 3, 4), (6, 7, 2, 3, 2, 3))
    assert number_lesions(mask, merge_steps=0).max() == 2


def test_lesions_are_numbered_by_the_first_voxel_of_their_reach() -> None:
    # the second box starts at the larger x but at x = 2 once dilated by 1, as the first does; then y decides
    mask = mask_of(SHAPE, (3, 4, 9, 10, 5, 6), (3, 4, 2, 3, 5, 6), (1, 2, 13, 14, 5, 6))
    numbered = number_lesions(mask, merge_steps=1)
    assert (numbered[1, 13, 5], numbered[3, 2, 5], numbered[3, 9, 5]) == (1, 2, 3)


def test_lesions_of_a_fortran_ordered_mask_are_numbered_alike() -> None:
    mask = mask_of(SHAPE, (3, 4, 9, 10, 5, 6), (3, 4, 2, 3, 5, 6), (1, 2, 13, 14, 5, 6))
    assert np.array_equal(number_lesions(mask, merge_steps=1), number_lesions(np.asfortranarray(mask), merge_steps=1))


def test_an_empty_mask_has_no_lesion() -> None:
    assert number_lesions(np.zeros(SHAPE, bool), merge_steps=3).max() == 0
    assert connected_components(np.zeros(SHAPE, bool)).count == 0


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), bool), np.zeros(SHAPE, np.uint8)])
def test_what_is_no_3d_boolean_mask_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="3-D boolean"):
        number_lesions(wrong, merge_steps=1)


def test_a_part_has_its_size_and_its_centre() -> None:
    parts = connected_components(mask_of(SHAPE, (2, 4, 2, 5, 2, 3)))
    # 2 * 3 * 1 voxels; the centre of indices 2..3, 2..4, 2
    assert parts.voxels.tolist() == [6]
    assert parts.centroids.tolist() == [[2.5, 3.0, 2.0]]


def test_components_are_numbered_in_scan_order_with_their_sizes_and_centres() -> None:
    # x is slowest: the part at x = 1 comes first though its z is last; the middle of two voxels is half a voxel on
    parts = connected_components_in_scan_order(
        mask_of(SHAPE, (5, 7, 3, 4, 0, 2), (1, 2, 9, 12, 11, 12), (5, 6, 9, 10, 4, 5))
    )
    assert (parts.labels[1, 9, 11], parts.labels[5, 3, 0], parts.labels[5, 9, 4]) == (1, 2, 3)
    assert parts.voxels.tolist() == [3, 4, 1]
    assert parts.centroids.tolist() == [[1.0, 10.0, 11.0], [5.5, 3.0, 0.5], [5.0, 9.0, 4.0]]


def test_components_in_scan_order_equal_scipys() -> None:
    random = np.random.default_rng(2)
    for density in (0.01, 0.05, 0.2, 0.9):
        for _ in range(20):
            mask = random.random((6, 7, 5)) < density
            labels, count = ndimage.label(mask, np.ones((3, 3, 3)))
            _, firsts = np.unique(labels[mask], return_index=True)
            assert np.array_equal(np.argsort(firsts), np.arange(count))  # scipy numbers in scan order
            for laid_out in (mask, np.asfortranarray(mask)):
                parts = connected_components_in_scan_order(laid_out)
                assert np.array_equal(parts.labels, labels)
                assert parts.voxels.tolist() == np.bincount(labels[mask], minlength=count + 1)[1:].tolist()
                centres = ndimage.center_of_mass(mask, labels, range(1, count + 1))
                assert parts.centroids == pytest.approx(np.array(centres).reshape(-1, 3))


def test_as_many_components_as_fit_into_a_volume_are_found() -> None:
    # every second voxel along each axis; cc3d 4.1.1 fails where a side is 1 and at 3 x 3 x 3
    for shape in np.ndindex(9, 9, 9):
        mask = np.zeros(tuple(side + 1 for side in shape), np.bool_)
        mask[::2, ::2, ::2] = True
        assert connected_components(mask).count == connected_components_in_scan_order(mask).count == mask.sum()


def test_a_component_that_only_touches_the_reach_matches_and_shares_nothing() -> None:
    reach, count = dilated_lesions(mask_of(SHAPE, (2, 4, 2, 4, 2, 4)), merge_steps=3)
    lesions = measure_components(np.where(mask_of(SHAPE, (2, 4, 2, 4, 2, 4)), reach, 0), count)
    # voxel 6 is 3 away from voxel 3, the last of the lesion; voxel 12 is not
    components = connected_components(mask_of(SHAPE, (6, 7, 2, 4, 2, 4), (12, 13, 2, 4, 2, 4)))
    matches = match_lesions(lesions.labels, reach, components.labels)
    assert matches.lesion.tolist() == [1]
    assert components.voxels[matches.component - 1].tolist() == [4]
    assert matches.shared_voxels.tolist() == [0]


def test_one_component_may_match_two_lesions_and_shares_its_voxels_with_each() -> None:
    mask = mask_of(SHAPE, (2, 4, 2, 4, 2, 4), (14, 17, 2, 4, 2, 4))
    reach, _ = dilated_lesions(mask, merge_steps=1)
    components = connected_components(mask_of(SHAPE, (3, 16, 2, 4, 2, 4)))
    matches = match_lesions(np.where(mask, reach, 0), reach, components.labels)
    # x = 3 of the first lesion, x = 14 and 15 of the second, 4 voxels a layer
    assert matches.lesion.tolist() == [1, 2]
    assert matches.shared_voxels.tolist() == [4, 8]
    assert matches.of(2) == slice(1, 2)


@pytest.mark.parametrize("side", [24, 126])  # more than a byte, and more than two, can number
def test_lesions_beyond_what_small_numbers_count(side: int) -> None:
    mask = np.zeros((side, side, side), bool)
    mask[::3, ::3, ::3] = True
    count = (side // 3) ** 3
    parts = connected_components(mask)
    assert parts.count == count
    assert np.array_equal(parts.voxels, np.ones(count))
    assert np.array_equal(np.sort(parts.labels[mask]), np.arange(1, count + 1))
    # in the order of the scan, z fastest
    reach, number = dilated_lesions(mask, merge_steps=0)
    assert number == count
    assert np.array_equal(reach[::3, ::3, ::3].ravel(), np.arange(1, count + 1))
