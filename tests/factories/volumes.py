"""Small random volumes with what trips lesion-wise rules: borders, neighbours, gaps, stray voxels, odd values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

# One exact, one anisotropic as metastases have it, one where 0.5 and 1 mm are reached along the axes,
# one where equal distances differ in rounding.
SPACINGS = ((1.0, 1.0, 1.0), (0.859375, 0.859375, 1.5), (0.25, 0.5, 1.0), (0.9, 0.9, 0.9))

Box = tuple[tuple[int, int, int], tuple[int, int, int], float]


@dataclass(frozen=True)
class Made:
    """A prediction and a reference on one grid."""

    prediction: NDArray[np.float32]
    reference: NDArray[np.float32]
    spacing: tuple[float, float, float]


def _boxes(largest: int) -> st.SearchStrategy[list[Box]]:
    corner = st.tuples(*[st.integers(-1, 15)] * 3)
    size = st.tuples(*[st.integers(1, largest)] * 3)
    value = st.sampled_from((1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0, 0.0, 2.9999, 3.5, 255.0))
    return st.lists(st.tuples(corner, size, value), max_size=6)


@st.composite
def made(draw: st.DrawFn) -> Made:
    """Boxes that may stick out of the volume, in both; a prediction that often takes the reference's boxes."""
    shape = draw(st.tuples(st.integers(4, 16), st.integers(4, 14), st.integers(3, 9)))
    reference = [*draw(_boxes(6)), *draw(_boxes(1))]
    predicted = [*draw(_boxes(6)), *draw(_boxes(1))]
    if draw(st.booleans()):
        shifted = draw(st.integers(-1, 1))
        predicted = [((x + shifted, y, z), size, value) for (x, y, z), size, value in reference[:-1]] + predicted[:2]
    return Made(_painted(shape, predicted), _painted(shape, reference), draw(st.sampled_from(SPACINGS)))


def _painted(shape: tuple[int, int, int], boxes: Sequence[Box]) -> NDArray[np.float32]:
    volume = np.zeros(shape, np.float32)
    for corner, size, value in boxes:
        volume[tuple(slice(max(0, first), max(0, first + n)) for first, n in zip(corner, size, strict=True))] = value
    return volume
