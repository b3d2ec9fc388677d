"""Border voxels and the pooled distances between them, by hand and against scipy's distance transform."""

import numpy as np
import pytest
from scipy import ndimage

from bratseval.metrics.mesh_surface import is_lattice
from bratseval.metrics.pooled_surface import Axes, Borders, PooledDistances, pooled_distances
from bratseval.metrics.voxel_surface import border_of
from factories.boxes import mask_of

VOXELS: Axes = (1.0, 1.0, 1.0)
SHAPE = (12, 10, 8)


def one_part(*at: tuple[int, int, int]) -> Borders:
    return Borders(np.array(at), np.ones(len(at), np.int64))


def border(mask: np.ndarray) -> Borders:
    at = np.argwhere(border_of(mask))
    return Borders(at, np.ones(len(at), np.int64))


def test_the_border_of_a_cube_is_its_outer_layer() -> None:
    # 4 x 4 x 4 without the inner 2 x 2 x 2
    assert border_of(mask_of(SHAPE, (2, 6, 2, 6, 2, 6))).sum() == 64 - 8


def test_outside_the_volume_is_outside_the_mask() -> None:
    assert border_of(np.ones((4, 4, 4), bool)).sum() == 64 - 8
    assert border_of(np.ones((1, 1, 1), bool)).all()


def test_a_neighbour_across_an_edge_makes_no_border() -> None:
    # the centre of 3 x 3 x 3 without a corner keeps its six face neighbours
    mask = mask_of((3, 3, 3), (0, 3, 0, 3, 0, 3))
    mask[0, 0, 0] = False
    assert not border_of(mask)[1, 1, 1]
    mask[0, 1, 1] = False
    assert border_of(mask)[1, 1, 1]


def test_an_empty_mask_has_no_border() -> None:
    assert border_of(np.zeros((0, 0, 0), bool)).shape == (0, 0, 0)
    assert not border_of(np.zeros(SHAPE, bool)).any()


def test_the_percentile_lies_between_two_of_the_distances_of_both_sides() -> None:
    (pool,) = pooled_distances(
        one_part((0, 0, 0), (0, 0, 1)), one_part((0, 0, 0), (0, 0, 1), (0, 0, 4)), VOXELS, count=1, tolerance=0.5
    )
    # 0, 0 and 0, 0, 3 (from 4 to 1): the 95th percentile of five stands at 0.95 * 4 = 3.8, 0.8 of the way from 0 to 3
    assert pool.hd95() == pytest.approx(0.8 * 3)
    # all of one side, two thirds of the other: (1 + 2/3) / (1 + 2/3 + 1/3)
    assert pool.nsd(0.5) == pytest.approx((5 / 3) / 2)
    assert pool.nsd(3.0) == 1.0


def test_distances_are_to_the_same_part_only() -> None:
    first = Borders(np.array([[0, 0, 0], [0, 0, 6]]), np.array([1, 2]))
    second = Borders(np.array([[0, 0, 5], [0, 0, 1]]), np.array([1, 2]))
    # part 1: 0 to 5; part 2: 6 to 1; the neighbours at 1 and 5 belong to the other part
    found = pooled_distances(first, second, VOXELS, count=2, tolerance=1.0)
    assert [(pool.first.tolist(), pool.second.tolist()) for pool in found] == [([5.0], [5.0]), ([5.0], [5.0])]


def test_edges_stretch_distances_along_their_axis() -> None:
    (pool,) = pooled_distances(one_part((0, 0, 0)), one_part((2, 0, 0)), (1.5, 1.0, 1.0), count=1, tolerance=1.0)
    assert (pool.first.tolist(), pool.second.tolist()) == ([3.0], [3.0])


def test_only_cubes_with_an_edge_that_is_a_power_of_two_are_exact() -> None:
    assert all(is_lattice((edge,) * 3) for edge in (0.25, 0.5, 1.0, 2.0))
    assert not any(is_lattice(edges) for edges in ((0.7, 0.7, 0.7), (3.0, 3.0, 3.0), (1.0, 1.0, 2.0)))


@pytest.mark.parametrize("edges", [VOXELS, (0.5, 0.5, 0.5), (0.7, 0.7, 0.7), (1.5, 0.8594, 0.8594), (3.1, 0.7, 1.2)])
def test_hd95_and_nsd_equal_those_of_whole_distance_transforms(edges: Axes) -> None:
    random = np.random.default_rng(5)
    for density in (0.003, 0.03, 0.4):
        for _ in range(8):
            one, other = random.random(SHAPE) < density, random.random(SHAPE) < density
            one[3, 3, 3] = other[8, 2, 6] = True
            whole = PooledDistances(*(_transformed(a, b, edges) for a, b in ((one, other), (other, one))))
            expected = whole.hd95(), whole.nsd(min(edges))
            (exact,) = pooled_distances(border(one), border(other), edges, count=1, tolerance=min(edges), exact=True)
            assert (exact.hd95(), exact.nsd(min(edges))) == expected
            (near,) = pooled_distances(border(one), border(other), edges, count=1, tolerance=min(edges))
            if is_lattice(edges):
                assert (near.hd95(), near.nsd(min(edges))) == expected
            else:
                assert (near.hd95(), near.nsd(min(edges))) == pytest.approx(expected, rel=1e-12)


def _transformed(source: np.ndarray, target: np.ndarray, edges: Axes) -> np.ndarray:
    """From each border voxel of one mask to the border of the other."""
    far = ndimage.distance_transform_edt(~border_of(target), sampling=edges)
    return np.asarray(far[border_of(source)])
