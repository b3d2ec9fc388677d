"""Shape is pyradiomics' shape to the last bit, and that of a voxel is worked out by hand."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from bratseg.radiomics.shape import shape_features

SPACINGS = ((1.0, 1.0, 1.0), (0.9375, 0.9375, 1.2), (0.8, 2.5, 0.9))


def blobs() -> Iterator[NDArray[np.bool_]]:
    """Smooth and ragged masks, cropped to what is in them, with holes, several parts, or one voxel thick."""
    generator = np.random.default_rng(0)
    for turn in range(40):
        field = ndimage.gaussian_filter(generator.standard_normal(generator.integers(3, 24, 3)), turn % 5 / 2)
        if turn % 8 == 0:
            field = field[:, :, :1]
        mask = field > np.quantile(field, generator.uniform(0.3, 0.9))
        yield mask[tuple(slice(side.min(), side.max() + 1) for side in np.nonzero(mask))]


@pytest.mark.parametrize("spacing_mm", SPACINGS, ids=str)
def test_every_feature_is_pyradiomics_to_the_last_bit(spacing_mm: tuple[float, float, float]) -> None:
    pytest.importorskip("radiomics", reason="pyradiomics is not installed")
    import SimpleITK
    from radiomics.shape import RadiomicsShape

    looked_at = 0
    for mask in blobs():
        image = SimpleITK.GetImageFromArray(np.ascontiguousarray(mask.transpose(2, 1, 0)).astype(np.uint8))
        image.SetSpacing(spacing_mm)
        expected = RadiomicsShape(image, image).execute()
        found = shape_features(mask, spacing_mm)
        assert sorted(found) == sorted(expected)
        for name, value in expected.items():
            np.testing.assert_array_equal(complex(found[name]), complex(value), name)
        looked_at += 1
    assert looked_at == 40


def test_the_mesh_of_a_voxel_is_an_octahedron() -> None:
    # corners half a voxel from the middle: edges sqrt(1/2), so 8 faces of sqrt(3)/4 / 2 and a volume of 1/6
    found = shape_features(np.ones((1, 1, 1), dtype=bool), (1.0, 1.0, 1.0))
    assert found["SurfaceArea"] == pytest.approx(np.sqrt(3))
    assert found["MeshVolume"] == pytest.approx(1 / 6)
    assert found["VoxelVolume"] == 1
    assert found["Maximum3DDiameter"] == found["Maximum2DDiameterSlice"] == 1
    # twice as long along x: in the planes of one x it is as it was
    stretched = shape_features(np.ones((1, 1, 1), dtype=bool), (2.0, 1.0, 1.0))
    assert [stretched[f"Maximum{which}"] for which in ("3DDiameter", "2DDiameterSlice", "2DDiameterRow")] == [2, 2, 1]
    assert stretched["MeshVolume"] == pytest.approx(2 / 6)


def test_the_longest_distance_joins_the_far_corners_of_a_bar() -> None:
    # 5 x 1 x 1: mesh vertices lie half a voxel outside its ends, 5 apart
    found = shape_features(np.ones((5, 1, 1), dtype=bool), (1.0, 1.0, 1.0))
    assert found["Maximum3DDiameter"] == 5
    # across x: opposite faces 1 apart
    assert found["Maximum2DDiameterRow"] == 1
    assert found["MajorAxisLength"] == pytest.approx(4 * np.sqrt(2))  # positions 0 to 4 have the variance 2


def test_many_points_are_looked_at_in_blocks() -> None:
    from bratseg.radiomics.shape import _longest

    points = np.random.default_rng(0).standard_normal((700, 3))
    assert _longest(points) == max(float(((points - point) ** 2).sum(axis=1).max()) for point in points)
