"""The smallest box around what is not 0."""

import numpy as np
import pytest

from bratseval.metrics.bounding_box import bounding_box


@pytest.mark.parametrize("turn", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_box_is_tight_whatever_way_the_memory_runs(turn: tuple[int, int, int], order: str) -> None:
    volume = np.zeros((6, 7, 8), np.uint8, order=order)  # type: ignore[call-overload]  # a plain str
    volume[1, 2, 3] = volume[4, 3, 7] = 1
    expected = (slice(1, 5), slice(2, 4), slice(3, 8))
    assert bounding_box(volume.transpose(turn)) == tuple(expected[axis] for axis in turn)
    # mirrored along the first axis: planes 6 - 5 to 6 - 1
    assert bounding_box(volume[::-1] != 0) == (slice(1, 5), slice(2, 4), slice(3, 8))


def test_a_margin_ends_at_the_border() -> None:
    volume = np.zeros((6, 7, 8), np.bool_)
    volume[1, 3, 7] = True
    assert bounding_box(volume, margin=2) == (slice(0, 4), slice(1, 6), slice(5, 8))


def test_several_volumes_share_a_box_and_empty_ones_have_none() -> None:
    first, second, empty = np.zeros((3, 5, 5, 5), np.uint8)
    first[1, 1, 1], second[3, 2, 1] = 1, 2
    assert bounding_box(first, empty, second) == (slice(1, 4), slice(1, 3), slice(1, 2))
    assert bounding_box(empty, margin=1) == (slice(0, 0), slice(0, 0), slice(0, 0))
